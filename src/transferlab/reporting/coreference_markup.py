"""HTML of one text: sentences, speakers and mentions that may nest, start together or cross."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from transferlab.documents import Document, Span
from transferlab.reporting.entities import NumberedEntity
from transferlab.reporting.spacing import displayed_words

COLOURS, STROKES = 8, 4  # as many as coreference.css defines
NO_SPEAKER = frozenset({"", "-", "_"})


@dataclass(frozen=True)
class ShownMention:
    """A span with its look: the entities it lights up with, the label before it and its CSS classes."""

    span: Span
    entities: tuple[int, ...]
    label: str
    style: str


def colour_class(entity: NumberedEntity) -> str:
    """CSS classes of an entity: a colour, later ones with another stroke; grey for a single mention."""
    if entity.colour is None:
        return "one"
    stroke = entity.colour // COLOURS % STROKES
    return f"c{entity.colour % COLOURS}" + (f" s{stroke}" if stroke else "")


def shown_mentions(entities: Iterable[NumberedEntity]) -> list[ShownMention]:
    """All mentions of one layer, labelled with the number of their entity."""
    return [
        ShownMention(span, (entity.number,), str(entity.number), colour_class(entity))
        for entity in entities
        for span in entity.mentions
    ]


def shown_differences(gold: list[NumberedEntity], predicted: list[NumberedEntity]) -> list[ShownMention]:
    """The mentions of both layers: ``−3`` missed, ``+3`` spurious, ``3→5`` found but in another entity."""
    keys = {span: entity.number for entity in reversed(gold) for span in entity.mentions}
    responses = {span: entity.number for entity in reversed(predicted) for span in entity.mentions}
    shown = []
    for span, key in keys.items():
        response = responses.get(span)
        if response is None:
            shown.append(ShownMention(span, (key,), f"−{key}", "missed"))
        elif response == key:
            shown.append(ShownMention(span, (key,), str(key), "same"))
        else:
            shown.append(ShownMention(span, (key, response), f"{key}→{response}", "moved"))
    spurious = ((span, number) for span, number in responses.items() if span not in keys)
    return shown + [ShownMention(span, (number,), f"+{number}", "spurious") for span, number in spurious]


def stack_levels(mentions: list[ShownMention], words: int) -> list[int]:
    """For each mention the height of its line under the text: 0 next to the words, and below all it overlaps.

    Short mentions are placed first, so that a nested one is closer to its words than those around it.
    """
    occupied = [0] * words
    levels = [0] * len(mentions)
    for width, start, index in sorted((m.span[1] - m.span[0], m.span[0], i) for i, m in enumerate(mentions)):
        end = start + width
        levels[index] = max(occupied[start : end + 1])
        occupied[start : end + 1] = [levels[index] + 1] * (end + 1 - start)
    return levels


def text_markup(document: Document, mentions: list[ShownMention]) -> str:
    """One ``<p>`` per sentence with a ``<mark>`` per mention.

    HTML elements cannot cross; where mentions do, or where one runs on into the next sentence, a ``<mark>``
    is closed and continued with class ``more``.
    """
    levels = stack_levels(mentions, len(document.words))
    starting, ending = defaultdict(list), defaultdict(set)
    for index in sorted(range(len(mentions)), key=lambda i: (-mentions[i].span[1], -levels[i])):
        starting[mentions[index].span[0]].append(index)
        ending[mentions[index].span[1]].add(index)

    def tag(index: int, more: bool) -> str:
        mention = mentions[index]
        level = f' style="--l:{levels[index]}"' if levels[index] else ""
        entities = " ".join(map(str, mention.entities))
        number = f' data-m="{index}" data-e="{entities}" data-n="{mention.label}"'
        return f'<mark class="{mention.style}{" more" if more else ""}"{level}{number}>'

    words = displayed_words(document)
    open_now: list[int] = []  # mentions around the current word, the outermost first
    sentences, speaker = [], None
    for number, (first, last) in enumerate(document.sentences, start=1):
        pieces = [tag(index, more=True) for index in open_now]
        depth = max((levels[i] + 1 for i in open_now), default=0)
        paragraph = words[first][0].count("\n") > 1
        for position in range(first, last + 1):
            gap, word = words[position]
            pieces.append(escape(gap if position > first else gap.strip()))
            if document.speakers is not None and document.speakers[position] != speaker:
                speaker = document.speakers[position]
                if speaker not in NO_SPEAKER:
                    pieces.append(f'<b class="who">{escape(speaker)}</b>')
            for index in starting[position]:
                pieces.append(tag(index, more=False))
                open_now.append(index)
                depth = max(depth, levels[index] + 1)
            pieces.append(escape(word))
            if ending[position]:
                # Close down to the outermost mention that ends here, then continue those that do not.
                cut = min(map(open_now.index, ending[position]))
                pieces.append("</mark>" * len(open_now[cut:]))
                going_on = [index for index in open_now[cut:] if index not in ending[position]]
                pieces.extend(tag(index, more=True) for index in going_on)
                open_now[cut:] = going_on
        pieces.append("</mark>" * len(open_now))
        css = "s new" if paragraph else "s"
        sentences.append(f'<p class="{css}" style="--d:{depth}" data-s="{number}">{"".join(pieces)}</p>')
    return "\n".join(sentences)
