"""The list of entities beside a text: number, name, count and where in the text the mentions are."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from transferlab.documents import Span
from transferlab.reporting.coreference_markup import colour_class
from transferlab.reporting.entities import NumberedEntity


def entity_list(entities: Iterable[NumberedEntity], words: int) -> str:
    """The entities of one layer of a text of ``words`` words, the largest first, singletons folded away."""
    several: list[str] = []
    singletons: list[str] = []
    for entity in sorted(entities, key=lambda e: (-len(e.mentions), e.number)):
        row = _row(entity, str(len(entity.mentions)), entity.mentions, words)
        (several if len(entity.mentions) > 1 else singletons).append(row)
    return _lists("mentions", several, singletons)


def compared_entity_list(gold: list[NumberedEntity], predicted: list[NumberedEntity], words: int) -> str:
    """Both layers by entity number, counting mentions in both / in gold + only predicted."""
    by_number = {entity.number: entity for entity in [*predicted, *gold]}  # the gold name wins
    keys = {entity.number: set(entity.mentions) for entity in gold}
    responses = {entity.number: set(entity.mentions) for entity in predicted}
    several: list[str] = []
    singletons: list[str] = []
    for number, entity in sorted(by_number.items()):
        key, response = keys.get(number, set()), responses.get(number, set())
        extra = f" +{len(response - key)}" if response - key else ""
        row = _row(entity, f"{len(key & response)}/{len(key)}{extra}", key | response, words)
        (several if entity.colour is not None else singletons).append(row)
    return _lists("found / gold + spurious", several, singletons)


def _row(entity: NumberedEntity, count: str, spans: Iterable[Span], words: int) -> str:
    # One short stroke per mention on a line from 0 to 1000, the length of the text.
    starts = sorted({round(1000 * start / words) for start, _ in spans})
    strokes = "".join(f"M{start} 0v1" for start in starts)
    name = escape(entity.name)
    return (
        f'<li><button type="button" class="{colour_class(entity)}" data-e="{entity.number}" title="{name}">'
        f'<b>{entity.number}</b><span class="name">{name}</span><span class="count">{count}</span>'
        f'<svg viewBox="0 0 1000 1" preserveAspectRatio="none" aria-hidden="true"><path d="{strokes}"/></svg>'
        "</button></li>"
    )


def _lists(caption: str, several: list[str], singletons: list[str]) -> str:
    html = f'<p class="caption">{caption}</p><ol>{"".join(several)}</ol>' if several else ""
    if singletons:
        noun = "singleton" if len(singletons) == 1 else "singletons"
        rows = "".join(singletons)
        html += f"<details><summary>{len(singletons)} {noun}</summary><ol>{rows}</ol></details>"
    return html or '<p class="facts">No entities.</p>'
