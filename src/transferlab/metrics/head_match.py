"""The string-match baseline of coreference: mentions with the same head word are one entity.

It is given the gold mentions, so its scores are generous; a model that stays below it has learnt little.
"""

from __future__ import annotations

from collections.abc import Sequence

from transferlab.documents import Cluster, Document, Span

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


def head_match_baseline(documents: Sequence[Document]) -> list[list[Cluster]]:
    """Head match on the gold mentions of each document; singletons are kept iff the gold clusters hold any."""
    gold = [document.gold.clusters or [] for document in documents]
    singletons = any(len(cluster) == 1 for clusters in gold for cluster in clusters)
    return [
        head_match_clusters(document.words, [m for cluster in clusters for m in cluster], keep_singletons=singletons)
        for document, clusters in zip(documents, gold, strict=True)
    ]


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
