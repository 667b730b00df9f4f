"""Draw exported attention weights: for each source its mean over training and the spread at the end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from transferlab.utils.escaping import plain


def plot_attention(content: dict[str, Any], path: Path) -> None:
    """Write a PNG with one row per encoder of ``content``, the dict of ``attention_weights.json``.

    Left: the mean weight over the steps of training, in training and validation. Right: the histogram of the
    weights of single words, on the test split if there was a test, else in the last record.
    """
    from matplotlib.figure import Figure

    encoders, edges, records = content["encoders"], content["bin_edges"], content["records"]
    last = next((r for r in reversed(records) if r["stage"] == "test"), records[-1])
    figure = Figure(figsize=(9, 2.4 * len(encoders)), layout="constrained")
    axes = figure.subplots(len(encoders), 2, squeeze=False)
    for (left, right), encoder in zip(axes, encoders, strict=True):
        for stage, marker in (("train", "."), ("val", "o")):
            rows = [r for r in records if r["stage"] == stage]
            means = [r["mean"][encoder] for r in rows]
            left.plot([r["step"] for r in rows], means, marker=marker, label=stage)
        left.set(title=plain(encoder), xlabel="step", ylabel="mean weight", ylim=(0, 1))
        left.legend()
        right.stairs(last["histogram"][encoder], edges, fill=True)
        right.set(title=f"{plain(encoder)}: words of {last['stage']}", xlabel="weight", ylabel="words", xlim=(0, 1))
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    figure.savefig(temporary, format="png", dpi=120)
    os.replace(temporary, path)
