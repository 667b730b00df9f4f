"""Simulated runs of settings whose true scores are known: items x seeds, with what varies between both.

An item of difficulty c_i is right in the run of seed s of setting k with the probability Phi(mu_k + c_i + a_ki + b_ks +
e_kis). A document has some gold mentions, each found with that probability, and predicts as many wrong ones as are
Poisson distributed with 0.3 of its mentions. The three counts of the CoNLL-like score stand for mentions, links and
entities of a document; its finding them is shifted by -0.2, 0 and 0.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr
from scipy.stats import norm, t

from transferlab.statistics.scores import coreference_score, micro_score, pseudo_values

Array = np.ndarray[Any, np.dtype[np.float64]]

DIFFICULTY = 1.0  # standard deviation of c
BASELINE, EFFECT = 0.3, 0.3  # mu of the baseline, and what the setting with an effect has in addition
SPURIOUS = 0.3  # wrong predictions for each gold mention
SHIFTS = {"accuracy": (0.0,), "micro_f1": (0.0,), "conll_like": (-0.2, 0.0, 0.2)}
SHARES = (1.0, 0.7, 0.35)  # of the mentions of a document: itself, links, entities
NULLS = 3  # settings that are as the baseline
GRID = 2000  # quantiles of a and of b, over which true scores are averaged


@dataclass(frozen=True)
class Design:
    """What is simulated.

    Attributes:
        score: one of ``SHIFTS``.
        kind: what the error of a difference is made of, one of ``KINDS``.
        items: items, or documents.
        seeds: of every setting.
    """

    score: str
    kind: str
    items: int
    seeds: int

    @property
    def deviations(self) -> tuple[float, float, float]:
        """Standard deviations of a, b and e."""
        return KINDS[self.kind](self)

    @property
    def heavy(self) -> bool:
        """Whether a and b have the t distribution with 3 degrees of freedom, and document sizes a long tail."""
        return self.kind == "heavy tails"


KINDS = {
    "items": lambda design: (0.8, 0.02, 0.1),
    "seeds": lambda design: (0.05, 0.6, 0.1),
    "interaction": lambda design: (0.05, 0.02, 0.8),
    # as much error from items as from seeds, where it is hardest to tell how many seeds an error rests on
    "items and seeds": lambda design: (0.6, 0.6 * (design.seeds / design.items) ** 0.5, 0.1),
    "heavy tails": lambda design: (0.4, 0.2, 0.3),
}


def true_score(design: Design, mu: float) -> float:
    """The expected score of a new seed on endless new items."""
    sd_a, sd_b, sd_e = design.deviations
    middle = (np.arange(GRID) + 0.5) / GRID
    quantiles = t.ppf(middle, 3) / 3**0.5 if design.heavy else norm.ppf(middle)
    spread = (1 + DIFFICULTY**2 + sd_e**2) ** 0.5
    scores = []
    for shift in SHIFTS[design.score]:
        latent = mu + shift + sd_a * quantiles + sd_b * quantiles[:, None]
        found = ndtr(latent / spread).mean(axis=1)  # of each seed
        scores.append(found if design.score == "accuracy" else 2 * found / (found + 1 + SPURIOUS))
    return float(np.mean(scores))


def simulate(design: Design, simulations: int, random: np.random.Generator) -> Array:
    """Linearised scores ``[simulations, settings, items, seeds]``.

    The settings are the baseline, one with an effect, and ``NULLS`` that are as the baseline.
    """
    settings = 2 + NULLS
    sd_a, sd_b, sd_e = design.deviations
    mu = np.full(settings, BASELINE)
    mu[1] += EFFECT

    def draw(*shape: int) -> Array:
        return random.standard_t(3, shape) / 3**0.5 if design.heavy else random.standard_normal(shape)

    latent = mu[:, None, None] + DIFFICULTY * random.standard_normal((simulations, 1, design.items, 1))
    latent = (
        latent
        + sd_a * draw(simulations, settings, design.items, 1)
        + sd_b * draw(simulations, settings, 1, design.seeds)
    )
    noise = random.standard_normal(latent.shape)  # [simulations, settings, items, seeds]
    if design.score == "accuracy":
        return (latent + (1 + sd_e**2) ** 0.5 * noise > 0).astype(np.float64)
    latent += sd_e * noise
    sizes = 20 * random.lognormal(sigma=1.2 if design.heavy else 0.6, size=(simulations, 1, design.items, 1))
    counts = []
    for shift, share in zip(SHIFTS[design.score], SHARES, strict=False):
        gold = np.maximum(np.ceil(share * sizes), 1).astype(np.int64)
        correct = random.binomial(gold, ndtr(latent + shift))
        predicted = correct + random.poisson(SPURIOUS * gold, correct.shape)
        gold = np.broadcast_to(gold, correct.shape)
        counts += [correct, predicted, gold] if design.score == "micro_f1" else [correct, gold, correct, predicted]
    score = micro_score("f1") if design.score == "micro_f1" else coreference_score("conll_f1")
    rows = np.stack(counts, axis=-1).astype(np.float64).swapaxes(2, 3)  # [simulations, settings, seeds, items, columns]
    return pseudo_values(*score.without_each(rows)).swapaxes(2, 3)
