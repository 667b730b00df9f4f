"""The string-match baseline of coreference: mentions with the same head word are one entity.

It links the mentions that it is given: the gold ones, which is generous, for no model is told them; or those of the
model's own clusters, which asks how much its links are worth beyond its mentions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torchmetrics import Metric

from transferlab.documents import Cluster, Document, Span
from transferlab.metrics.coreference import CoreferenceScore

GOLD_MENTIONS = "head match on gold mentions"
PREDICTED_MENTIONS = "head match on predicted mentions"

PRONOUN_LIST = """
i me my mine myself we us our ours ourselves you your yours yourself yourselves
he him his himself she her hers herself it its itself they them their theirs themselves
this that these those who whom whose which one all some both each many most none several
"""
# The head ends before the first of these: "the mayor | of Rome", "Anna Berg | , 42", "the man | who left".
POST_MODIFIER_LIST = """
about above across after against along among around as at before behind below beneath beside between beyond by
despite during except for from in inside into like near of off on onto outside over past regarding since than
through throughout to toward towards under until upon via with within without
that which who whom whose where when why
, ; : ( [ -lrb- -lsb- - -- – —
"""
PRONOUNS = frozenset(PRONOUN_LIST.split())
POST_MODIFIERS = frozenset(POST_MODIFIER_LIST.split())
POSSESSIVES = ("'s", "’s", "'", "’")


def head_match_clusters(words: Sequence[str], mentions: Sequence[Span], keep_singletons: bool = False) -> list[Cluster]:
    """Cluster mentions by their head words, without regard to case.

    The head is the last word before a post-modifying preposition, punctuation mark or relative pronoun, less
    a possessive ``'s``. A mention headed by a pronoun matches identical wording only: "he" matches "he", but
    "those of 1990" does not match "those of 1991".

    Args:
        words: the words of the document.
        mentions: ``(start, end)`` word positions, both ends inclusive; a repeated one counts once.
        keep_singletons: also return the mentions that match no other.

    Returns:
        The clusters in the order of their first mentions, each in text order.

    Raises:
        ValueError: a mention does not lie inside the document.
    """
    clusters: dict[str, Cluster] = {}
    for start, end in sorted(set(mentions)):
        if not 0 <= start <= end < len(words):
            raise ValueError(f"mention ({start}, {end}) lies outside words 0..{len(words) - 1}")
        clusters.setdefault(_match_key(words[start : end + 1]), []).append((start, end))
    return [cluster for cluster in clusters.values() if keep_singletons or len(cluster) > 1]


def head_match_baseline(documents: Sequence[Document], clusters: Sequence[Sequence[Cluster]]) -> list[list[Cluster]]:
    """Head match on the mentions of clusters, whoever made these.

    Args:
        documents: whose words are compared.
        clusters: of each document. Singletons are kept iff there are any among these of all documents.
    """
    singletons = any(len(cluster) == 1 for of_document in clusters for cluster in of_document)
    return [
        head_match_clusters(document.words, mentions_of(of_document), keep_singletons=singletons)
        for document, of_document in zip(documents, clusters, strict=True)
    ]


def mentions_of(clusters: Sequence[Cluster]) -> list[Span]:
    """The mentions of all clusters."""
    return [mention for cluster in clusters for mention in cluster]


class HeadMatchScore(Metric):
    """The scores of :func:`head_match_baseline` on predicted mentions, over all documents and processes.

    Whether there is a singleton among the predicted clusters is known at the end only, so both answers are counted.
    """

    full_state_update = False
    singletons: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("singletons", default=torch.tensor(0), dist_reduce_fx="sum")
        self.with_singletons, self.without = CoreferenceScore(), CoreferenceScore()

    def update(self, words: Sequence[str], key: Sequence[Cluster], predicted: Sequence[Cluster]) -> None:
        """Add a document: its words, its gold clusters and those that a model has predicted."""
        mentions = mentions_of(predicted)
        self.singletons += sum(len(cluster) == 1 for cluster in predicted)
        self.with_singletons.update([key], [head_match_clusters(words, mentions, keep_singletons=True)])
        self.without.update([key], [head_match_clusters(words, mentions)])

    def compute(self) -> dict[str, float]:
        """Fractions under the names of :class:`~transferlab.metrics.coreference.CoreferenceScore`."""
        both = {True: self.with_singletons.compute(), False: self.without.compute()}
        return both[bool(self.singletons)]

    def reset(self) -> None:
        """Forget all documents."""
        super().reset()
        self.with_singletons.reset()
        self.without.reset()


def _match_key(mention: Sequence[str]) -> str:
    """What the mentions of one entity share: the head word, or the wording when a pronoun is the head."""
    wording = [word.lower() for word in mention]
    if len(wording) > 1 and wording[-1] in POSSESSIVES:
        wording.pop()
    head = _without_possessive(_head(wording))
    return " ".join(wording) if head in PRONOUNS else head


def _head(wording: list[str]) -> str:
    for position, word in enumerate(wording[1:], start=1):
        if word in POST_MODIFIERS:
            return wording[position - 1]
    return wording[-1]


def _without_possessive(word: str) -> str:
    for possessive in POSSESSIVES:
        if word.endswith(possessive):
            return word.removesuffix(possessive)
    return word
