"""JSON of a file, in which halves of characters are no characters.

``"\\ud83d"`` in JSON is the first half of a character that some program cut in two (a lone surrogate). Python reads it,
but no tokenizer takes it and no file can hold it.
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_FIRST, _SECOND = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf"{_FIRST}{_SECOND}|(?P<half>{_FIRST}|{_SECOND})|\\.", re.DOTALL)


class JsonFile:
    """Reads the JSON of one file; every half of a character becomes U+FFFD, the sign for what cannot be shown.

    The length of a text and the positions in it stay the same.

    Args:
        file: for the warning.
    """

    def __init__(self, file: str | Path) -> None:
        self.file = file
        self._lines: list[int] = []  # of each half

    def loads(self, text: str, line: int = 1) -> Any:
        """The value that a text holds, which begins in this line of the file; raises json.JSONDecodeError."""

        def whole(escape: re.Match[str]) -> str:
            if not escape["half"]:
                return escape[0]
            self._lines.append(line + text.count("\n", 0, escape.start()))
            return "\\ufffd"

        if "\\ud" in text or "\\uD" in text:
            text = _ESCAPE.sub(whole, text)
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise
        except (RecursionError, ValueError) as error:  # too many brackets, or digits of one number
            raise json.JSONDecodeError(str(error), text, 0) from error

    def warn(self) -> None:
        """Say how many halves there were, once all is read."""
        if self._lines:
            log.warning(
                "%s: %d halves of characters (lone surrogates, such as \\ud83d), the first in line %d; each was read "
                "as U+FFFD",
                self.file,
                len(self._lines),
                self._lines[0],
            )
