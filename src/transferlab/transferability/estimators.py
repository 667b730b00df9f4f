"""The estimators of transferability on frozen features, by name.

A new one is a class with a ``name`` whose objects take ``Items`` and return a number, higher where the encoder should
serve the target better (see ``HScore``), and a file in ``configs/estimator``; an entry here makes it a default.
"""

from __future__ import annotations

from transferlab.transferability.class_separation import HScore, TransRate
from transferlab.transferability.estimator import Estimator, NotDefined
from transferlab.transferability.leep import LEEP, NLEEP
from transferlab.transferability.linear_probe import LinearProbe
from transferlab.transferability.log_evidence import LogME
from transferlab.transferability.nearest_neighbours import NearestNeighbours

ESTIMATORS: dict[str, type[Estimator]] = {
    estimator.name: estimator for estimator in (LogME, HScore, NLEEP, LEEP, TransRate, NearestNeighbours, LinearProbe)
}

__all__ = [
    "ESTIMATORS",
    "LEEP",
    "NLEEP",
    "Estimator",
    "HScore",
    "LinearProbe",
    "LogME",
    "NearestNeighbours",
    "NotDefined",
    "TransRate",
]
