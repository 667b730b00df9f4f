"""transferlab: which encoders hold knowledge that helps a harder target task, in which layers, alone or combined?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transferlab.inference import Predictor

__all__ = ["load"]


def load(name_or_path: str | Path, device: str | int | None = None, trust: str | Sequence[str] = ()) -> Predictor:
    """A saved model, ready to predict; see :func:`transferlab.inference.load`."""
    from transferlab.inference import load as load_predictor  # torch is imported only when a model is wanted

    return load_predictor(name_or_path, device, trust)
