"""Which source helps which target: embeddings of tasks, estimators, rankings, and how well they predict.

from transferlab.transferability import rank
rank("litbank_coref", ["ner", "re", "squad"], method="logme")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["rank"]


def rank(
    target: str, sources: Sequence[str] | Mapping[str, str], method: str | Sequence[str] = "logme", **options: Any
) -> pd.DataFrame:
    """Sources in the order in which they are predicted to help a target, the best first; nothing is trained.

    Args:
        target: an experiment of ``configs/experiment``.
        sources: names of ``configs/source``, also at a depth (``ner_3``), or {name: saved model, folder or hub name}.
        method: ``textemb``, ``taskemb`` (from the library of task embeddings) or an estimator: ``logme``, ``hscore``,
            ``nleep``, ``leep``, ``transrate``, ``knn``, ``linear_probe``. Several are fused by reciprocal rank.
        options: of :func:`transferlab.transferability.prediction.predict`, for example ``layers="best"`` and
            ``overrides=["dataset.data_dir=..."]``.

    Returns:
        a row per source with its ``score`` and ``rank``; of several methods also a column of scores for each.

    Raises:
        UserError: see ``predict``.
    """
    # torch is imported only when something is to be ranked
    from transferlab.transferability.prediction import predict
    from transferlab.transferability.ranking import fused, ranks

    prediction = predict(target, sources, [method] if isinstance(method, str) else list(method), **options)
    scores = prediction.scores
    table = scores.set_axis(["score"], axis="columns") if scores.shape[1] == 1 else scores.assign(score=fused(scores))
    table["rank"] = ranks(table[["score"]])["score"]
    return table.sort_values("rank", kind="stable")
