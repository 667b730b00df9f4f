"""A self-contained HTML page that shows documents with their coreference clusters, gold beside predicted.

The page needs no network and no other file. Documents wait inside ``<noscript>``: to a browser that runs
the script they are plain characters until one is picked, so that hundreds stay fast; any other browser shows
them all, one below the other.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

from transferlab.documents import Document, write_atomically
from transferlab.reporting.coreference_markup import shown_differences, shown_mentions, text_markup
from transferlab.reporting.entities import number_entities
from transferlab.reporting.entity_list import compared_entity_list, entity_list

log = logging.getLogger(__name__)

View = Literal["gold", "predicted", "both", "differences"]
VIEW_NAMES: dict[View, str] = {
    "gold": "Gold",
    "predicted": "Predicted",
    "both": "Side by side",
    "differences": "Differences",
}
LEGEND = (
    '<p class="legend"><mark class="same" data-n="3">found</mark> '
    '<mark class="moved" data-n="3→5">in entity 5 instead of 3</mark> '
    '<mark class="missed" data-n="−3">missed</mark> <mark class="spurious" data-n="+3">spurious</mark></p>'
)

HINT = (
    "Point at a mention to see its entity, click to keep it lit. Keys: n and p for its next and previous "
    "mention, arrows for the neighbouring one, Enter to keep it lit, Esc to let go."
)


def coreference_html(
    documents: Iterable[Document],
    title: str = "Coreference",
    layer: View = "predicted",
    max_documents: int | None = None,
) -> str:
    """The page as one string.

    Args:
        documents: shown in this order; each with gold clusters, predicted clusters, both, or none.
        title: heading of the page.
        layer: what is shown first, if a document has it: "gold", "predicted", "both" or "differences".
        max_documents: the first ones are shown, as no browser opens a page of any length, and the page and the log
            say how many are left out; None: all.

    An entity has the same number and colour in both layers: predicted entities take those of the gold entity
    with which they overlap best. Raises ValueError for an unknown layer.
    """
    return "".join(_page(*_first(documents, max_documents), title, layer))


def write_coreference_html(
    documents: Iterable[Document],
    path: str | Path,
    title: str = "Coreference",
    layer: View = "predicted",
    max_documents: int | None = None,
) -> Path:
    """Write :func:`coreference_html` to ``path``, atomically, and return the path."""
    first, beyond = _first(documents, max_documents)
    write_atomically(path, _page(first, beyond, title, layer))
    if beyond:
        log.warning("%s shows the first %d of %d documents", path, len(first), len(first) + beyond)
    return Path(path)


def _first(documents: Iterable[Document], most: int | None) -> tuple[list[Document], int]:
    """The documents that are shown, and how many more there are."""
    rest = iter(documents)
    return list(islice(rest, most)), sum(1 for _ in rest)


def _page(documents: list[Document], beyond: int, title: str, layer: View) -> Iterator[str]:
    if layer not in get_args(View):
        raise ValueError(f"layer={layer!r} is unknown; choose one of {', '.join(get_args(View))}")
    assets = files("transferlab.reporting") / "assets"
    style = (assets / "coreference.css").read_text(encoding="utf-8")
    script = (assets / "coreference.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    options = "".join(f'<option value="{i}">{escape(d.name)}</option>' for i, d in enumerate(documents))
    views = VIEW_NAMES.items()
    buttons = "".join(f'<button type="button" data-to="{view}">{name}</button>' for view, name in views)
    # No request leaves the page, and no script runs but ours: whatever a corpus may contain.
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    yield f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<form class="tools" hidden>
<span class="picker"><button type="button" id="previous" aria-label="Previous document">‹</button>
<select id="picker" aria-label="Document">{options}</select>
<button type="button" id="next" aria-label="Next document">›</button>
<input type="search" id="search" placeholder="Find in {len(documents)} documents" aria-label="Name or text">
<output id="found"></output></span>
<span class="views" role="group" aria-label="Shown clusters">{buttons}</span>
<label><input type="checkbox" id="singletons" checked> singletons</label>
</form>
</header>
{f'<p class="facts">The first {len(documents):,} of {len(documents) + beyond:,} documents.</p>' if beyond else ""}
<main id="shown">{"" if documents else "<p>There are no documents.</p>"}</main>
"""
    for document in documents:
        yield f"<noscript>{_document(document, layer)}</noscript>\n"
    yield f"""<footer id="status" role="status" hidden>{HINT}</footer>
<script>{script}</script>
</body>
</html>
"""


def _document(document: Document, layer: View) -> str:
    """One document: its heading, a text per view, and per view the list of entities."""
    layers = number_entities(document)
    size = len(document.words)
    names: list[View] = list(layers)
    texts = "".join(_view(name, text_markup(document, shown_mentions(layers[name]))) for name in layers)
    lists = "".join(_view(name, entity_list(layers[name], size)) for name in layers)
    if len(layers) == 2:
        names += ["both", "differences"]
        texts += _view("differences", LEGEND + text_markup(document, shown_differences(**layers)))
        lists += _view("differences", compared_entity_list(**layers, words=size))
    if not layers:
        texts = _view("predicted", text_markup(document, []))
    show = layer if layer in names else names[-1] if names else "predicted"
    facts = [document.genre] if document.genre else []
    facts += [_count(size, "word"), _count(len(document.sentences), "sentence")]
    for name, entities in layers.items():
        mentions = sum(len(entity.mentions) for entity in entities)
        facts.append(f"{name}: {_count(mentions, 'mention')}, {_count(len(entities), 'entity', 'entities')}")
    return (
        f'<section class="doc" data-show="{show}" data-views="{" ".join(names)}">\n'
        f'<h2>{escape(document.name)}</h2><p class="facts">{escape(" · ".join(facts))}</p>\n'
        f'<div class="columns"><div class="texts">{texts}</div>\n'
        f'<aside aria-label="Entities">{lists}</aside></div></section>'
    )


def _view(name: View, content: str) -> str:
    heading = f'<p class="heading">{VIEW_NAMES[name]}</p>'
    return f'<div class="view" data-view="{name}">{heading}{content}</div>'


def _count(number: int, singular: str, plural: str | None = None) -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
