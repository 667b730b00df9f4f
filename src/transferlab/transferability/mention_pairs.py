"""Coreference as pairs: a mention with an earlier one of its entity, and with one of another entity as far away.

A coreference head scores a mention against every earlier one, and its marginal likelihood rewards any that corefers.
The coreferent one is therefore drawn among the nearest few: the nearest alone would mostly show pronouns in a row, and
one drawn from the whole document would show pairs that a head hardly ever relies on. The other one comes from the
same place, so that vectors that only tell how far apart two mentions are do not look as if they knew entities.
"""

from __future__ import annotations

import random

import numpy as np

from transferlab.documents import Span
from transferlab.utils.batches import CoreferenceDocument

NEAREST = 3  # coreferent mentions to draw from


def mention_pairs(document: CoreferenceDocument, draw: random.Random) -> list[tuple[Span, Span, int]]:
    """Pairs of gold mentions: for each that has both, one coreferent antecedent and one mention of another entity.

    Args:
        document: with its gold mentions, in any order; positions are counted in mentions, in the order of the text.
        draw: for the choices.

    Returns:
        (words of the mention, words of an earlier one, 1 for the same entity and 0 for another), by mention. The other
        one is the mention of another entity next to the coreferent one.
    """
    entities: list[int] = document.gold_cluster_ids.tolist()
    spans: list[Span] = [(start, end) for start, end in document.gold_mentions.tolist()]
    in_order = sorted(zip(spans, entities, strict=True))
    mentions = [span for span, _ in in_order]
    entity_of = np.array([entity for _, entity in in_order], dtype=np.int64)
    pairs: list[tuple[Span, Span, int]] = []
    for position, mention in enumerate(mentions):
        same = entity_of[:position] == entity_of[position]
        coreferent, others = np.flatnonzero(same), np.flatnonzero(~same)
        if not len(coreferent) or not len(others):
            continue
        antecedent = draw.choice(coreferent[-NEAREST:].tolist())
        gaps = np.abs(others - antecedent)
        other = draw.choice(others[gaps == gaps.min()].tolist())
        pairs += [(mention, mentions[antecedent], 1), (mention, mentions[other], 0)]
    return pairs
