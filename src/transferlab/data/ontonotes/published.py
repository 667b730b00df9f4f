"""The documents of the English part of CoNLL-2012, as its papers count them: parts of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from transferlab.data.readers.base import SPLITS, DataError

# documents by genre: 2,802 for training, 343 for validation, 348 for the test
DOCUMENTS = {
    "train": {"bc": 283, "bn": 763, "mz": 409, "nw": 745, "pt": 319, "tc": 110, "wb": 173},
    "validation": {"bc": 59, "bn": 91, "mz": 40, "nw": 88, "pt": 24, "tc": 16, "wb": 25},
    "test": {"bc": 55, "bn": 93, "mz": 45, "nw": 89, "pt": 26, "tc": 16, "wb": 24},
}
# Most files of OntoNotes were never annotated for coreference; in these, annotators found none. Both look alike.
WITHOUT_COREFERENCE = frozenset(
    (
        "bn/abc/00/abc_0008", "bn/abc/00/abc_0012", "bn/abc/00/abc_0024", "bn/abc/00/abc_0054", "bn/cnn/01/cnn_0143",
        "bn/cnn/02/cnn_0240", "bn/nbc/00/nbc_0038", "bn/pri/00/pri_0097", "bn/voa/00/voa_0006", "bn/voa/00/voa_0017",
        "bn/voa/00/voa_0043", "bn/voa/00/voa_0045", "bn/voa/00/voa_0065", "bn/voa/01/voa_0145", "bn/voa/01/voa_0158",
        "bn/voa/02/voa_0223", "nw/wsj/10/wsj_1067", "nw/wsj/10/wsj_1088", "nw/wsj/13/wsj_1342", "nw/wsj/13/wsj_1384",
        "nw/wsj/14/wsj_1406", "nw/wsj/14/wsj_1408", "nw/wsj/14/wsj_1486", "nw/wsj/21/wsj_2122", "nw/wsj/23/wsj_2390",
        "nw/xinhua/01/chtb_0175", "nw/xinhua/01/chtb_0195", "nw/xinhua/02/chtb_0205",
    )
)  # fmt: skip
PARTIAL = ", or take what there is with --partial"


def check_counts(genres: Mapping[str, Sequence[str | None]]) -> None:
    """Refuse anything but the published numbers of documents.

    Args:
        genres: of each document, by split.

    Raises:
        DataError: naming for each split that differs the numbers found and expected, in all and by genre.
    """
    wrong = []
    for split in SPLITS:
        found, expected = Counter(map(str, genres.get(split, ()))), Counter(DOCUMENTS[split])
        if found != expected:
            differ = sorted(found.keys() | expected.keys())
            by_genre = [
                f"{genre} {found[genre]} of {expected[genre]}" for genre in differ if found[genre] != expected[genre]
            ]
            wrong.append(f"{split} {found.total():,} of {expected.total():,} ({', '.join(by_genre)})")
    if wrong:
        raise DataError(
            f"these are not the documents of CoNLL-2012; found {'; '.join(wrong)}; give all of them{PARTIAL}"
        )
