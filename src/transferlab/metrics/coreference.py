"""Coreference scores: MUC, B3, CEAF (by mentions and by entities), BLANC, LEA and the CoNLL F1.

Every score comes from counts that are summed over documents and divided once; 0/0 is 0; singletons count on
both sides. ``coreference_counts`` holds the formulas and their sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torchmetrics import Metric

from transferlab.metrics.coreference_counts import COLUMNS, ROWS, Array, Clusters, document_counts

METRICS = ("muc", "b_cubed", "ceaf_m", "ceaf_e", "blanc", "lea", "mentions")
PARTS = ("precision", "recall", "f1")
CONLL_METRICS = ("muc", "b_cubed", "ceaf_e")
BLANC_CLASSES = ("blanc_coreference", "blanc_non_coreference")

NamedPair = tuple[int | str, Clusters, Clusters]  # name or number of a document, its key, its response


def corpus_scores(keys: Sequence[Clusters], responses: Sequence[Clusters]) -> dict[str, Any]:
    """Score the clusters of documents that are paired by position.

    Args:
        keys: for each document its annotated clusters of ``(start, end)`` pairs, both ends inclusive.
        responses: for each document its predicted clusters.

    Returns:
        ``{"precision", "recall", "f1"}`` as fractions under each of ``muc``, ``b_cubed``, ``ceaf_m``,
        ``ceaf_e``, ``blanc``, ``lea`` and ``mentions`` (in whatever cluster); the mean ``conll_f1``.

    Raises:
        ValueError: not as many keys as responses, or a malformed mention (names document, side and cluster).
    """
    return _scores(_corpus_counts(_paired(keys, responses)))


def corpus_scores_by_name(keys: Mapping[str, Clusters], responses: Mapping[str, Clusters]) -> dict[str, Any]:
    """Score documents that are paired by name; returns and raises what :func:`corpus_scores` does.

    The keys decide what is scored: a document missing from the responses is one without clusters, and one
    that only the responses have is ignored.
    """
    return _scores(_corpus_counts((name, key, responses.get(name, [])) for name, key in keys.items()))


class CoreferenceScore(Metric):
    """The scores of :func:`corpus_scores` over all documents since the last reset, on all processes.

    The state is the table of counts ``[metrics, 4]``, a plain sum. It stays in float64 whatever the precision
    of the module that owns it: bfloat16 cannot even count to 1,000.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    counts: torch.Tensor

    def __init__(self, **options: Any) -> None:
        """``options`` are those of ``torchmetrics.Metric``."""
        super().__init__(**options)
        zeros = torch.zeros(len(ROWS), len(COLUMNS), dtype=torch.float64)  # [metrics, 4]
        self.add_state("counts", default=zeros, dist_reduce_fx="sum")

    def update(self, keys: Sequence[Any], responses: Sequence[Any]) -> None:
        """Add one document (its clusters), or a batch (for each document its clusters).

        Raises:
            ValueError: as :func:`corpus_scores`; nothing has been added then.
        """
        if _is_one_document(keys, responses):
            keys, responses = [keys], [responses]
        counts = torch.from_numpy(_corpus_counts(_paired(keys, responses)))  # [metrics, 4]
        self.counts += counts.to(self.counts.device)

    def item_columns(self) -> list[str]:
        """The four sums of each metric."""
        return [f"{row} {column}" for row in ROWS for column in COLUMNS]

    def item_counts(self, key: Clusters, response: Clusters) -> dict[str, float]:
        """The counts of one document; see :class:`~transferlab.metrics.item_counts.CountsItems`."""
        return dict(
            zip(self.item_columns(), _corpus_counts(_paired([key], [response])).flatten().tolist(), strict=True)
        )

    def description(self) -> dict[str, Any]:
        """Of the kind ``coreference``."""
        return {"kind": "coreference"}

    def compute(self) -> dict[str, float]:
        """Fractions: ``conll_f1``, ``muc_precision``, ``muc_recall``, ``muc_f1``, ``b_cubed_precision``..."""
        scores = _scores(self.counts.cpu().numpy())
        flat = {"conll_f1": scores["conll_f1"]}
        for metric in METRICS:
            flat |= {f"{metric}_{what}": value for what, value in scores[metric].items()}
        return flat

    def _apply(self, fn: Callable[..., Any], exclude_state: Sequence[str] = ()) -> torch.nn.Module:
        # torchmetrics lets Module.to(dtype) change the state. Only the device is followed here, and not to
        # Apple's, which lacks float64 (and has no distributed training that would need the state there).
        super()._apply(fn, exclude_state=(*exclude_state, "counts"))
        if self.device.type != "mps":
            self.counts = self.counts.to(self.device)
        return self


def _is_one_document(keys: Sequence[Any], responses: Sequence[Any]) -> bool:
    """Whether the third level holds the word positions of one document, and not the mentions of several."""
    third_level = (item for outer in (*keys, *responses) for inner in outer for item in inner)
    try:
        return not isinstance(next(third_level, ()), Iterable)
    except TypeError:  # nested less deeply than either; the check of the mentions says where
        return False


def _paired(keys: Sequence[Clusters], responses: Sequence[Clusters]) -> Iterable[NamedPair]:
    if len(keys) != len(responses):
        raise ValueError(
            f"{len(keys)} documents in the key but {len(responses)} in the response: both need one list of "
            "clusters per document, in the same order (an empty list where there are no clusters)"
        )
    return zip(range(len(keys)), keys, responses, strict=True)


def _corpus_counts(documents: Iterable[NamedPair]) -> Array:
    counts = np.zeros((len(ROWS), len(COLUMNS)))  # [metrics, 4]
    for name, key, response in documents:
        try:
            counts += document_counts(key, response)
        except ValueError as error:
            raise ValueError(f"document {name}: {error}") from error
    return counts


def _scores(counts: Array) -> dict[str, Any]:
    rows = dict(zip(ROWS, counts.tolist(), strict=True))
    parts = {name: _precision_recall_f1(row) for name, row in rows.items()}
    # BLANC is the mean over those classes of links that the key has.
    classes = [parts[name] for name in BLANC_CLASSES if rows[name][COLUMNS.index("recall denominator")] > 0]
    parts["blanc"] = {what: _ratio(sum(links[what] for links in classes), len(classes)) for what in PARTS}
    conll_f1 = sum(parts[name]["f1"] for name in CONLL_METRICS) / len(CONLL_METRICS)
    return {name: parts[name] for name in METRICS} | {"conll_f1": conll_f1}


def _precision_recall_f1(row: list[float]) -> dict[str, float]:
    recall_numerator, recall_denominator, precision_numerator, precision_denominator = row
    recall = _ratio(recall_numerator, recall_denominator)
    precision = _ratio(precision_numerator, precision_denominator)
    f1 = _ratio(2 * precision * recall, precision + recall)
    return dict(zip(PARTS, (precision, recall, f1), strict=True))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0
