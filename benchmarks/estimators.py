"""The estimators of transferability: seconds for the vectors of one layer of one encoder.

Hundreds of checkpoints, each with several layers, are scored from the feature store, so an estimator must take less
than a second for what is usually looked at.
"""

from __future__ import annotations

from measuring import Measuring, Values
from results import Section, table

TITLE = "estimators of transferability"

USUAL = (2000, 384, 9)  # items, width, classes
SIZES = ((1000, 768, 3), USUAL, (500, 2304, 9), (5000, 2304, 9))
QUICK = ((120, 16, 3),)
PROMISED_SECONDS = 1.0  # at the usual size


def run(measuring: Measuring) -> Section:
    """All estimators at several sizes."""
    sizes = QUICK if measuring.quick else SIZES
    found = measuring.take_turns(
        "estimators.measure",
        {f"{n} x {d}": {"items": n, "width": d, "classes": c} for n, d, c in sizes},
    )
    names = list(next(iter(found.values())))
    headings = " | ".join(f"{n} x {d}, {c} classes" for n, d, c in sizes)
    text = [
        "Seconds for 16-bit features of one layer [items x width].",
        table(f"estimator | {headings}", [[name, *(values[name] for values in found.values())] for name in names]),
    ]
    usual = found.get(f"{USUAL[0]} x {USUAL[1]}", {})
    broken = [
        f"{name} takes {seconds:.2f} s for {USUAL[0]} items of width {USUAL[1]}; {PROMISED_SECONDS:.0f} s are promised"
        for name, seconds in usual.items()
        if seconds > PROMISED_SECONDS
    ]
    return Section("\n\n".join(text), broken)


def measure(items: int, width: int, classes: int) -> Values:
    """Seconds of each estimator on clusters with a spectrum that falls like those of encoders."""
    import time

    import numpy as np

    from transferlab.transferability.estimators import ESTIMATORS
    from transferlab.transferability.items import Items

    generator = np.random.default_rng(0)
    labels = np.minimum(generator.geometric(0.4, items) - 1, classes - 1)  # most words have one tag
    centres = generator.normal(size=(classes, width)) / 2
    spread = np.linspace(2, 0.05, width)
    features = (centres[labels] + generator.normal(size=(items, width))) * spread + generator.normal(size=width)
    probabilities = generator.dirichlet(np.ones(classes), items)
    target = Items(features.astype(np.float16), labels, source_probabilities=probabilities)
    values = {}
    for name, estimator in ESTIMATORS.items():
        started = time.perf_counter()
        estimator()(target)
        values[name] = time.perf_counter() - started
    return values
