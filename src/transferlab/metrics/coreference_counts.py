"""What one document contributes to the coreference metrics: numerators and denominators, to be summed.

Letters: K_i key clusters, R_j response clusters, D_ij = |K_i and R_j| their common mentions, L(n) = n(n-1)/2
the links between n mentions. The pairs (i, j) with D_ij > 0 are called cells; only CEAF looks at others.

Sources: MUC, Vilain et al. 1995; B3, Bagga and Baldwin 1998; CEAF, Luo 2005; BLANC, Recasens and Hovy 2011,
extended to predicted mentions by Luo et al. 2014; LEA, Moosavi and Strube 2016. The conventions are those of
the CoNLL-2012 scorer.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from transferlab.documents import Cluster, Span

Array = NDArray[np.float64]
Clusters = Sequence[Sequence[Span]]
Row = tuple[float, float, float, float]

# The rows and the columns of the table of counts.
ROWS = (
    "muc",
    "b_cubed",
    "ceaf_m",
    "ceaf_e",
    "lea",
    "blanc_coreference",
    "blanc_non_coreference",
    "mentions",
)
COLUMNS = ("recall numerator", "recall denominator", "precision numerator", "precision denominator")


def document_counts(key: Clusters, response: Clusters) -> Array:
    """Count what one document adds to every metric.

    A repeated mention of the key counts where it comes first, and so does a repeated mention of the response
    that the key has. One that the key lacks keeps all its copies: to invent it twice costs precision twice.

    Args:
        key: the annotated clusters of ``(start, end)`` pairs, both ends inclusive; singletons are clusters.
        response: the predicted clusters.

    Returns:
        float64 table ``[len(ROWS), len(COLUMNS)]``; add the tables of all documents before dividing.

    Raises:
        ValueError: a mention is no pair of integers, or ends before it starts; names side and cluster.
    """
    key, response = _checked("key", key), _checked("response", response)
    key_mentions = {mention for cluster in key for mention in cluster}
    key = _drop_repeats(key, among=key_mentions)
    response = _drop_repeats(response, among=key_mentions)
    response_mentions = {mention for cluster in response for mention in cluster}

    c = _contingency(key, response)
    dice = 2 * c.common / (c.key_size[c.key_index] + c.response_size[c.response_index])  # [cells]
    coreference, non_coreference = _blanc(c, key, response)
    rows: dict[str, Row] = {
        "muc": _same_numerator((c.common - 1).sum(), (c.key_size - 1).sum(), (c.response_size - 1).sum()),
        "b_cubed": _b_cubed(c),
        "ceaf_m": _same_numerator(_best_assignment(c, c.common), c.key_size.sum(), c.response_size.sum()),
        "ceaf_e": _same_numerator(_best_assignment(c, dice), len(key), len(response)),
        "lea": _lea(c),
        "blanc_coreference": coreference,
        "blanc_non_coreference": non_coreference,
        "mentions": _same_numerator(c.common.sum(), len(key_mentions), len(response_mentions)),
    }
    return np.array([rows[name] for name in ROWS], dtype=np.float64)  # [metrics, 4]


def _checked(side: str, clusters: Clusters) -> list[Cluster]:
    checked: list[Cluster] = []
    for number, cluster in enumerate(clusters):
        where = f"{side} cluster {number}"
        if not isinstance(cluster, Iterable):
            raise ValueError(f"{where}: {cluster!r} is no cluster; a list of mentions (start, end) is one")
        checked.append([_mention(where, mention) for mention in cluster])
    return checked


def _mention(where: str, mention: Span) -> Span:
    try:
        start, end = (operator.index(position) for position in mention)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {mention!r} is no mention; two integers (start, end) are one") from error
    if not 0 <= start <= end:
        raise ValueError(f"{where}: mention ({start}, {end}) must keep 0 <= start <= end, both inclusive")
    return start, end


def _drop_repeats(clusters: list[Cluster], among: Container[Span]) -> list[Cluster]:
    """Drop later copies of the mentions in ``among``, and the clusters that this leaves empty."""
    seen: set[Span] = set()
    kept: list[Cluster] = []
    for cluster in clusters:
        kept.append([])
        for mention in cluster:
            if mention not in seen or mention not in among:
                kept[-1].append(mention)
            seen.add(mention)
    return [cluster for cluster in kept if cluster]


@dataclass(frozen=True)
class _Contingency:
    key_size: Array  # |K_i|  [key clusters]
    response_size: Array  # |R_j|  [response clusters]
    key_index: NDArray[np.int64]  # i  [cells]
    response_index: NDArray[np.int64]  # j  [cells]
    common: Array  # D_ij  [cells]


def _contingency(key: list[Cluster], response: list[Cluster]) -> _Contingency:
    key_cluster = {mention: i for i, cluster in enumerate(key) for mention in cluster}
    common_mentions = ((m, j) for j, cluster in enumerate(response) for m in cluster if m in key_cluster)
    cells = Counter((key_cluster[mention], j) for mention, j in common_mentions)
    index = np.array(list(cells), dtype=np.int64).reshape(-1, 2)  # [cells, 2]
    return _Contingency(
        key_size=np.array([len(cluster) for cluster in key], dtype=np.float64),
        response_size=np.array([len(cluster) for cluster in response], dtype=np.float64),
        key_index=index[:, 0],
        response_index=index[:, 1],
        common=np.array(list(cells.values()), dtype=np.float64),
    )


def _same_numerator(numerator: float, recall_denominator: float, precision_denominator: float) -> Row:
    return numerator, recall_denominator, numerator, precision_denominator


def _b_cubed(c: _Contingency) -> Row:
    recall = (c.common**2 / c.key_size[c.key_index]).sum()
    precision = (c.common**2 / c.response_size[c.response_index]).sum()
    return recall, c.key_size.sum(), precision, c.response_size.sum()


def _best_assignment(c: _Contingency, similarity: Array) -> float:
    """The largest sum of similarities ``[cells]`` when each cluster is used at most once."""
    matrix = np.zeros((len(c.key_size), len(c.response_size)))  # [key clusters, response clusters]
    matrix[c.key_index, c.response_index] = similarity
    return float(matrix[linear_sum_assignment(matrix, maximize=True)].sum())


def _lea(c: _Contingency) -> Row:
    key_size, response_size = c.key_size[c.key_index], c.response_size[c.response_index]  # [cells]

    def resolved(size: Array, other_size: Array) -> float:
        """Sum of ``|e| * resolution(e)``; a singleton has one link, to itself."""
        resolution = np.where(size == 1, other_size == 1, _links(c.common) / np.maximum(_links(size), 1))
        return float((size * resolution).sum())

    recall, precision = resolved(key_size, response_size), resolved(response_size, key_size)
    return recall, c.key_size.sum(), precision, c.response_size.sum()


def _blanc(c: _Contingency, key: list[Cluster], response: list[Cluster]) -> tuple[Row, Row]:
    """Counts of coreference links and of non-coreference links (mentions of different clusters)."""
    both = _links(c.common).sum()
    in_key = _links(np.bincount(c.key_index, weights=c.common)).sum()
    in_response = _links(np.bincount(c.response_index, weights=c.common)).sum()
    # Links between common mentions, less those inside a key cluster or inside a response cluster.
    neither = _links(c.common.sum()) - (in_key + in_response - both)
    key_inside, key_between = _distinct_links(key)
    response_inside, response_between = _distinct_links(response)
    return (
        _same_numerator(both, key_inside, response_inside),
        _same_numerator(neither, key_between, response_between),
    )


def _distinct_links(clusters: list[Cluster]) -> tuple[float, float]:
    """Distinct unordered pairs of mentions inside one cluster, and between two.

    In closed form for mentions that occur once; the pairs of the (rare) repeated ones are enumerated.
    """
    copies = Counter(mention for cluster in clusters for mention in cluster)
    once = np.array([sum(copies[m] == 1 for m in cluster) for cluster in clusters], dtype=np.float64)
    inside = _links(once).sum()
    between = _links(once.sum()) - inside

    placed = [(number, mention) for number, cluster in enumerate(clusters) for mention in cluster]
    pairs = {
        (number == other_number, frozenset((mention, other)))
        for place, (number, mention) in enumerate(placed)
        if copies[mention] > 1
        for other_place, (other_number, other) in enumerate(placed)
        if other_place != place
    }
    pairs_inside = sum(same_cluster for same_cluster, _ in pairs)
    return inside + pairs_inside, between + len(pairs) - pairs_inside


def _links(mentions: Any) -> Any:
    return mentions * (mentions - 1) / 2
