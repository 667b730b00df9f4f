"""Gold labels of an evaluated split that a model does not know: said, or refused, before anything is computed."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable

from transferlab.utils.errors import UserError

log = logging.getLogger(__name__)

SHOWN = 10  # labels that a message names
_WHOLE_NUMBER = re.compile(r"(?:\+(?=\d))?(-?\d+)(?:\.0+)?")


class GoldLabels:
    """The gold labels of a split.

    Args:
        split: its name.

    Attributes:
        counts: how often the split has each label.
    """

    def __init__(self, split: str) -> None:
        self.split = split
        self.counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}  # the document that has a label first
        self._of_examples: Counter[frozenset[str]] = Counter()

    def add(self, labels: Iterable[str], document: str) -> None:
        """Add the labels of an example of a document."""
        labels = list(labels)
        self.counts.update(labels)
        self._of_examples[frozenset(labels)] += 1
        for label in labels:
            self._first.setdefault(label, document)

    def check(self, known: Collection[str]) -> None:
        """Say in one warning which labels are none of those that a model can predict.

        Raises:
            UserError: no label is known, or an unknown one differs from a known one only in its blanks, in the form
                of a whole number (``1``, ``+1`` and ``1.0``) or in how an accent is encoded.
        """
        known = set(known)
        unknown = [label for label, _ in self.counts.most_common() if label not in known]
        if not unknown:
            return
        written = {_canonical(label): label for label in known}
        for label in unknown:
            if (same := written.get(_canonical(label))) is not None:
                raise UserError(
                    f"{self.split}: the label {self._described(label)}, is {same!r} in the training data, written in "
                    "another way; write it alike in both, or no prediction of it can be right"
                )
        named = ", ".join(map(self._described, unknown[:SHOWN])) + ", ..." * (len(unknown) > SHOWN)
        if len(unknown) == len(self.counts):
            model = ", ".join(map(repr, sorted(known)[:SHOWN])) + ", ..." * (len(known) > SHOWN)
            raise UserError(
                f"{self.split}: the model knows none of the labels, {named}. It was trained on {model}; choose data "
                "with the same labels, or rename them"
            )
        examples = sum(count for labels, count in self._of_examples.items() if not known.issuperset(labels))
        log.warning(
            "%s: %d of %d labels were not seen in training, %d times in %d examples: %s. They count in the scores, as "
            "classes that are never found; what has them is left out of the loss of this split",
            self.split, len(unknown), len(self.counts), sum(self.counts[label] for label in unknown), examples, named,
        )  # fmt: skip

    def _described(self, label: str) -> str:
        count = self.counts[label]
        return f"{label!r} ({count} time{'s' * (count > 1)}, first in {self._first[label]})"


def _canonical(label: str) -> str:
    """The same for labels that differ only in how they are written."""
    text = unicodedata.normalize("NFC", " ".join(label.split()))
    match = _WHOLE_NUMBER.fullmatch(text)
    return match[1] if match else text
