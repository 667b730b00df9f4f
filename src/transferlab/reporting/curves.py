"""Training curves from the ``metrics.csv`` files of Lightning's CSVLogger."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import ceil
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from transferlab.utils.escaping import plain
from transferlab.utils.score_names import is_error

# Distinct hues for readers with any colour vision; the line style changes once they are used up.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#a0489a", "#b8860b", "#333333")
LINE_STYLES = ("-", "--", "-.", ":")
TRAINING_LOSSES = ("train/loss_epoch", "train/loss", "train/loss_step")  # the first that a run has
VALIDATION = "val/"
VALIDATION_LOSS = "val/loss"


def read_metrics(run: str | Path) -> pd.DataFrame:
    """Read the logged values of one run, a row per epoch and a column per metric.

    Args:
        run: a ``metrics.csv`` file, or a directory with one or more below it (a resumed run starts a new
            file; where two speak about the same step, the later file counts).

    A training value logged several times in an epoch is represented by its mean. Where an epoch is validated several
    times, each validation has a row of its own, the one at the end of epoch 2 at 2 and the one half an epoch before at
    1.5. Raises FileNotFoundError if there is no file and ValueError if it lacks a column "epoch".
    """
    run = Path(run)
    found = [run] if run.is_file() else run.rglob("metrics.csv")
    paths = sorted(found, key=lambda path: path.stat().st_mtime_ns)
    if not paths:
        raise FileNotFoundError(f"no metrics.csv in {run}; train with logger=csv, or give a run's directory")
    rows = pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)
    if "epoch" not in rows:
        raise ValueError(f"{paths[-1]} has no column 'epoch'; it has {list(rows.columns)}")
    # CSVLogger writes validation and training values of one step as two sparse rows: bring them together.
    if "step" in rows:
        rows = rows.groupby(["epoch", "step"], as_index=False).last()
    epochs = rows.drop(columns="step", errors="ignore").groupby("epoch").mean(numeric_only=True)
    epochs.index = epochs.index.astype(int)
    scores = [column for column in epochs if str(column).startswith(VALIDATION)]
    validations = rows.dropna(subset=scores, how="all")
    if "step" not in rows or not validations["epoch"].duplicated().any():
        return epochs
    validations = validations[scores].set_axis(_positions(rows).loc[validations.index], axis="index")
    return epochs.drop(columns=scores).join(validations, how="outer")[list(epochs)]


def _positions(rows: pd.DataFrame) -> pd.Series:
    """How many epochs were trained at each row, counted so that epoch 2 ends at 2."""
    ends = rows.groupby("epoch")["step"].max()
    epochs = ends.index.to_series()
    gaps = epochs - epochs.shift(fill_value=-1)  # above 1 after epochs that logged nothing
    before = ends.shift(fill_value=-1)
    steps = (ends - before) / gaps  # of one epoch
    steps.iloc[-1] = steps.iloc[-2:].max()  # training may have ended within the last one
    starts = before + (gaps - 1) * steps
    part = (rows["step"] - rows["epoch"].map(starts)) / rows["epoch"].map(steps)
    return (rows["epoch"] - 1 + part).round(6)


def plot_curves(
    run_dirs: Mapping[str, str | Path], output: str | Path, metric: str = "val/conll_f1"
) -> tuple[Path, Path]:
    """Draw a validation score and the losses of several runs over epochs, and return the PNG and SVG written.

    Args:
        run_dirs: label -> run directory or ``metrics.csv``, one line each.
        output: path of the files; its suffix, if any, is replaced by ``.png`` and ``.svg``.
        metric: column with the validation score; the best validation of each run is marked.

    Raises ValueError, listing what there is, if a run has not logged ``metric``.
    """
    if not run_dirs:
        raise ValueError("no run to draw; give at least one label with its run directory")
    runs = {label: read_metrics(run) for label, run in run_dirs.items()}
    for label, run in runs.items():
        if metric not in run or run[metric].dropna().empty:
            logged = ", ".join(column for column in run.columns if not run[column].dropna().empty)
            raise ValueError(f"run {label!r} ({run_dirs[label]}) has logged no {metric!r}; it has {logged}")

    losses = any(loss in run for run in runs.values() for loss in (*TRAINING_LOSSES, VALIDATION_LOSS))
    figure = Figure(figsize=(11 if losses else 5.5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2 if losses else 1, squeeze=False)[0]
    for index, (label, run) in enumerate(runs.items()):
        colour = COLOURS[index % len(COLOURS)]
        line = LINE_STYLES[index // len(COLOURS) % len(LINE_STYLES)]
        _draw_score(axes[0], run[metric].dropna(), label, colour, line)
        if losses:
            _draw_losses(axes[1], run, colour, line)
    _finish(axes[0], f"{metric}, best circled")
    if losses:
        # Colours are explained on the left; here only which line is which loss.
        axes[1].plot([], [], color="0.3", label="validation")
        axes[1].plot([], [], color="0.3", alpha=0.45, linewidth=1, label="training")
        _finish(axes[1], "loss")
    return save_figure(figure, Path(output))


def _draw_score(axes: Axes, score: pd.Series, label: str, colour: str, line: str) -> None:
    best = score.index[int(score.argmin() if is_error(str(score.name)) else score.argmax())]
    text = f"{plain(label)}: {score[best]:.3f} in epoch {ceil(best)}"
    marker = "." if len(score) <= 50 else ""
    axes.plot(score.index, score, color=colour, linestyle=line, marker=marker, markersize=4, label=text)
    axes.plot([best], [score[best]], marker="o", markersize=7, markerfacecolor="none", color=colour)


def _draw_losses(axes: Axes, run: pd.DataFrame, colour: str, line: str) -> None:
    training = next((run[name].dropna() for name in TRAINING_LOSSES if name in run), None)
    if training is not None:
        axes.plot(training.index, training, color=colour, linestyle=line, alpha=0.45, linewidth=1)
    if VALIDATION_LOSS in run:
        validation = run[VALIDATION_LOSS].dropna()
        axes.plot(validation.index, validation, color=colour, linestyle=line)


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(plain(title), loc="left", fontsize=11)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)


def save_figure(figure: Figure, output: Path) -> tuple[Path, Path]:
    """Write PNG and SVG beside each other, each whole or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    png, svg = output.with_suffix(".png"), output.with_suffix(".svg")
    for path in (png, svg):
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        # With neither date nor random ids the same numbers give the same file.
        with rc_context({"svg.hashsalt": "transferlab"}):
            metadata = {"Date": None} if path == svg else None
            figure.savefig(partial, format=path.suffix[1:], dpi=150, metadata=metadata)
        os.replace(partial, path)
    return png, svg
