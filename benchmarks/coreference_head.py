"""The coreference head against the plain formulation of published ports: time and peak memory of one step.

Both score the same synthetic document with the same parameters. Every measurement is a process of its own, because peak
memory is a property of a process; the two formulations take turns, because other work on the machine comes and goes, so
that only the ratio of their medians means something.

    python benchmarks/coreference_head.py [--quick] [--runs N]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from transferlab.utils.batches import CoreferenceDocument

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Sizes:
    """What is scored: a document of so many words by a head of these widths."""

    words: int = 2000
    hidden_size: int = 768
    max_span_width: int = 30
    ffnn_size: int = 3000
    max_num_extracted_spans: int = 800
    max_top_antecedents: int = 50
    dropout: float = 0.3


QUICK = Sizes(words=300, hidden_size=64, max_span_width=12, ffnn_size=150, max_num_extracted_spans=120)


@dataclass(frozen=True)
class Requirement:
    """How many times faster the head must be, and what share of the peak memory it may take; None: not required."""

    speedup: float | None
    memory: float


REQUIREMENTS = {"training": Requirement(2.5, 1 / 3), "evaluation": Requirement(None, 1 / 5)}


@dataclass(frozen=True)
class Measurement:
    """One step: seconds, MiB of peak memory in all and above the state before the step, and the loss."""

    seconds: float
    total: float
    growth: float
    loss: float
    candidates: int


@dataclass(frozen=True)
class Comparison:
    """Medians of both formulations in one mode ("training", "evaluation") and precision ("fp32", "bf16")."""

    mode: str
    precision: str
    plain: Measurement
    ours: Measurement

    @property
    def speedup(self) -> float:
        return self.plain.seconds / self.ours.seconds

    @property
    def memory(self) -> float:
        """Our share of the plain formulation's peak memory, of the larger of both readings."""
        return max(self.ours.total / self.plain.total, self.ours.growth / self.plain.growth)

    @property
    def required(self) -> Requirement | None:
        return REQUIREMENTS[self.mode] if self.precision == "fp32" else None

    @property
    def holds(self) -> bool:
        required = self.required
        return required is None or (
            self.memory <= required.memory and (required.speedup is None or self.speedup >= required.speedup)
        )


def compare(sizes: Sizes, runs: int, modes: tuple[str, ...] = ("training", "evaluation"),
            precisions: tuple[str, ...] = ("fp32", "bf16")) -> list[Comparison]:
    """Measure both formulations in turn, ``runs`` times in each mode and precision."""
    comparisons = []
    for precision in precisions:
        for mode in modes:
            measured: dict[str, list[Measurement]] = {"plain": [], "ours": []}
            for run in range(runs):
                for formulation, measurements in measured.items():
                    measurements.append(in_new_process(formulation, mode, precision, sizes))
                    m = measurements[-1]
                    print(
                        f"{precision} {mode:10} {formulation:5} {run + 1}/{runs}: {m.seconds:7.2f} s, "
                        f"peak {m.total:6.0f} MiB, {m.growth:6.0f} above the start, loss {m.loss:.4f}",
                        flush=True,
                    )
            comparisons.append(Comparison(mode, precision, *(middle(m) for m in measured.values())))
    return comparisons


def middle(measurements: list[Measurement]) -> Measurement:
    """Each field's median."""
    fields = [asdict(measurement) for measurement in measurements]
    return Measurement(**{name: median(field[name] for field in fields) for name in fields[0]})


def in_new_process(formulation: str, mode: str, precision: str, sizes: Sizes) -> Measurement:
    """Measure one step in a new interpreter."""
    job = json.dumps({"formulation": formulation, "mode": mode, "precision": precision, "sizes": asdict(sizes)})
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", job]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    return Measurement(**json.loads(answer))


def measure(formulation: str, mode: str, precision: str, sizes: Sizes) -> Measurement:
    """One step in this process: forward, loss and, in training, backward and an optimizer step."""
    import torch

    from transferlab.models.coreference.head import CoreferenceHead

    torch.manual_seed(0)
    words, document = make_document(sizes)
    head: torch.nn.Module = CoreferenceHead(
        sizes.hidden_size,
        max_span_width=sizes.max_span_width,
        max_num_extracted_spans=sizes.max_num_extracted_spans,
        max_top_antecedents=sizes.max_top_antecedents,
        ffnn_size=sizes.ffnn_size,
        num_genres=7,
        dropout=sizes.dropout,
    )
    if formulation == "plain":
        sys.path.insert(0, str(ROOT / "tests" / "models"))
        from coreference.reference import PlainHead

        head = PlainHead(head, dropout=sizes.dropout)
    training = mode == "training"
    head.train(training)
    words.requires_grad_(training)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-4, fused=True)
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")

    before = resident()
    started = time.perf_counter()
    with torch.set_grad_enabled(training), autocast:
        output = head(words, document)
        loss = output.loss if formulation == "plain" else head.loss(output, document)
    if training:
        loss.backward()
        optimizer.step()
    seconds = time.perf_counter() - started
    total = peak_resident()
    candidates = int(torch.isfinite(output.candidate_scores).sum()) if formulation == "ours" else 0
    return Measurement(seconds, total, total - before, loss.item(), candidates)


def make_document(sizes: Sizes) -> tuple[torch.Tensor, CoreferenceDocument]:
    """A random document with sentences of 20 words on average, as in literary prose, and a mention every 7 words."""
    import torch

    from transferlab.utils.batches import CoreferenceDocument

    n = sizes.words
    lengths = torch.distributions.LogNormal(2.8, 0.65).sample((n,)).round().long().clamp(2, 100)
    sentence_ids = torch.repeat_interleave(torch.arange(n), lengths)[:n]
    positions = torch.arange(n)
    starts = torch.randperm(n)[: n // 7].sort().values
    ends = starts + torch.randint(0, 4, starts.shape)
    inside = (ends < n) & (sentence_ids[starts] == sentence_ids[ends.clamp(max=n - 1)])
    mentions = torch.stack([starts, ends], dim=1)[inside]
    return torch.randn(n, sizes.hidden_size), CoreferenceDocument(
        sentence_ids=sentence_ids,
        segment_ids=positions // 384,
        speaker_ids=torch.zeros(n, dtype=torch.long),
        genre_id=torch.tensor(1),
        gold_mentions=mentions,
        gold_cluster_ids=torch.randint(1, 1 + n // 25, (len(mentions),)),
    )


def resident() -> float:
    """MiB of this process that lie in memory now; where only the peak is known, the peak so far."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return peak_resident()


def peak_resident() -> float:
    """The most MiB of this process that ever lay in memory."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--measure")
    parser.add_argument("--sizes", default="full")
    arguments = parser.parse_args()
    job = json.loads(arguments.measure)
    print(json.dumps(asdict(measure(job["formulation"], job["mode"], job["precision"], Sizes(**job["sizes"])))))
