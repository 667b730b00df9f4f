"""What the name of a logged score, ``<split>/<score>``, says of its values."""

from __future__ import annotations

from typing import Literal

from transferlab.utils.errors import ConfigError

_ERRORS = ("loss", "mse", "mae")
_SCORES = ("f1", "precision", "recall", "accuracy", "exact", "match", "pearson", "spearman", "correlation")


class UnknownScoreError(ConfigError):
    """An option names a score that no run of the same task has, whatever values its other options are given."""


def better_values(name: str) -> Literal["max", "min"] | None:
    """Which values of a score are better: ``max``, the larger ones, or ``min``; None: the name does not tell.

    The last word of the score decides: ``val/conll_f1``, ``train/loss_epoch`` and ``val/f1/<probe>`` are told, a score
    of somebody's own need not be.
    """
    score = name.partition("/")[2] or name
    for text in (score.partition("/")[0], score):
        word = text.removesuffix("_epoch").removesuffix("_step").rpartition("_")[2]
        if word in _ERRORS + _SCORES:
            return "min" if word in _ERRORS else "max"
    return None


def is_error(name: str) -> bool:
    """Whether smaller values of a score are better; such a score is no fraction either."""
    return better_values(name) == "min"
