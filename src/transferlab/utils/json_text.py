"""JSON of a file, in which halves of characters are no characters, and no key of an object stands twice.

``"\\ud83d"`` in JSON is the first half of a character that some program cut in two (a lone surrogate). Python reads it,
but no tokenizer takes it and no file can hold it. Of a key that stands twice Python keeps the last value in silence:
annotations that someone has merged by hand would be lost.
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
_SIGN = re.compile(r'"(?:[^"\\]|\\.)*"(?P<key>\s*:)?|[{}]', re.DOTALL)


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
        """The value that a text holds, which begins in this line of the file.

        Raises:
            json.JSONDecodeError: it is no JSON, or a key stands twice in one object.
        """

        def whole(escape: re.Match[str]) -> str:
            if not escape["half"]:
                return escape[0]
            self._lines.append(line + text.count("\n", 0, escape.start()))
            return "\\ufffd"

        if "\\ud" in text or "\\uD" in text:
            text = _ESCAPE.sub(whole, text)
        try:
            return json.loads(text, object_pairs_hook=_with_single_keys)
        except json.JSONDecodeError:
            raise
        except _RepeatedKeyError:
            raise _at_repeated_key(text) from None
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


class _RepeatedKeyError(Exception):
    """A key stands twice."""


def _with_single_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise _RepeatedKeyError
    return content


def _at_repeated_key(text: str) -> json.JSONDecodeError:
    """The error that says where in a text, which is JSON so far, a key stands a second time in its object."""
    objects: list[set[str]] = []  # the keys so far of each object that is open
    for sign in _SIGN.finditer(text):
        if sign[0] == "{":
            objects.append(set())
        elif sign[0] == "}":
            objects.pop()
        elif sign["key"]:
            key = json.loads(sign[0].rpartition(":")[0])
            if key in objects[-1]:
                return json.JSONDecodeError(
                    f"the key {key!r} stands twice in one object: delete one", text, sign.start()
                )
            objects[-1].add(key)
    raise AssertionError("no key stands twice")
