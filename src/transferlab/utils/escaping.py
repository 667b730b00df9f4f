"""Text of unknown origin, labels and names, made harmless for the medium that shows it."""

from __future__ import annotations

import re

# Control characters but tab and line feed, and those that turn the direction of what follows, break lines or are not
# seen at all; half characters, which no terminal can be given.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_SPECIAL = re.compile(r"[\\`|]|\](?=\()")


def visible(text: str) -> str:
    r"""The text with characters that a terminal would obey written out, ``\x1b`` for an escape."""
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def markdown(text: object) -> str:
    """The text as one line of Markdown, or a cell of a table, that shows it: no HTML, link, code or further cell."""
    shown = _SPECIAL.sub(lambda match: f"\\{match[0]}", visible(_one_line(str(text))))
    return shown.replace("<", "&lt;")


def code(text: object) -> str:
    """The text as a code span of Markdown."""
    shown = visible(_one_line(str(text)))
    fence = "`" * (_longest_run(shown) + 1)
    padding = " " if len(fence) > 1 else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def code_block(text: str) -> list[str]:
    """The lines of a code block of Markdown that holds the text."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return [fence, visible(text).rstrip(), fence]


def markdown_row(cells: list[str]) -> str:
    """A row of a table of Markdown."""
    return f"| {' | '.join(map(markdown, cells))} |"


def plain(text: str) -> str:
    """The text as a figure shows it, in which a dollar sign does not begin a formula."""
    return visible(text).replace("$", r"\$")


def _one_line(text: str) -> str:
    return re.sub(r"[\r\n\t]+", " ", text)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
