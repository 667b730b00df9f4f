"""A miniature of OntoNotes in all of its forms: the release, skeletons, and files with words."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

SPLITS = {"train": "train", "validation": "development", "test": "test"}
FILES = {"train": "train", "validation": "dev", "test": "test"}

# word, tag and coreference of each word; parts of a document, each of sentences
Word = tuple[str, str, str]
Part = list[list[Word]]
SPEECH: list[Part] = [
    [
        [
            ("Ann", "NNP", "(0)"),
            ("-LRB-", "-LRB-", "-"),
            ("she", "PRP", "(0)"),
            ("-RRB-", "-RRB-", "-"),
            ("/.", ".", "-"),
        ],
        [("nullp", "XX", "-")],
    ],
    [
        [("Zoë", "NNP", "(12"), ("&", "CC", "-"), ("Bo", "NNP", "12)"), ("'s", "POS", "-"), ("%", "NN", "-")],
        [("Yes", "UH", "-")],
    ],
]
NEWS: list[Part] = [[[("It", "PRP", "(1)"), ("hurt", "VBD", "-"), ("it", "PRP", "(1)"), ("/?", ".", "-")]]]
SILENT: list[Part] = [[[("Rain", "NN", "-"), (".", ".", "-")]]]
NAMES = {"Ann": "(PERSON)", "It": "(PERSON)"}
DOCUMENTS: dict[str, dict[str, list[Part]]] = {
    "train": {"tc/ch/00/ch_0001": SPEECH, "bc/cctv/00/cctv_0001": SPEECH, "nw/wsj/10/wsj_1067": SILENT},
    "validation": {"nw/wsj/00/wsj_0005": NEWS},
    "test": {"wb/eng/00/eng_0003": NEWS, "bn/abc/00/abc_0009": SPEECH},
}
# in the whole of OntoNotes, and in neither annotated for coreference nor of the shared task
OTHERS = {"train": "wb/sel/00/sel_0001", "validation": "nw/wsj/09/wsj_0900", "test": "pt/ot/01/ot_0101"}
# what the published counts would be
COUNTS = {"train": {"tc": 2, "bc": 2, "nw": 1}, "validation": {"nw": 1}, "test": {"wb": 1, "bn": 2}}


def conll(document: str, parts: list[Part], words: bool = True) -> str:
    """A file with words, or its skeleton, in the columns of the published files."""
    lines = []
    for number, part in enumerate(parts):
        lines.append(f"#begin document ({document}); part {number:03}")
        for sentence in part:
            rows = [
                (
                    document,
                    number,
                    i,
                    word if words else "[WORD]",
                    tag,
                    "*",
                    "-",
                    "-",
                    "-",
                    "A",
                    NAMES.get(word, "*"),
                    cell,
                )
                for i, (word, tag, cell) in enumerate(sentence)
            ]
            columns = [_column([str(cell) for cell in cells]) for cells in zip(*rows, strict=True)]
            lines += [" ".join(cells).strip() for cells in zip(*columns, strict=True)]
            lines.append("")
        lines.append("#end document")
    return "\n".join(lines) + "\n"


def _column(cells: list[str]) -> list[str]:
    width = max(map(len, cells)) + 2
    return [(cell + " " if cell.endswith(("*", "-", *"0123456789")) else cell).rjust(width) for cell in cells]


def parse(parts: list[Part]) -> str:
    """Trees with what is not read: traces, words taken back, comments; a sentence ``nullp`` is all taken back."""
    lines = ["; a comment (with a bracket", ""]
    for part in parts:
        for sentence in part:
            if [word for word, _, _ in sentence] == ["nullp"]:
                lines.append("(TOP (EDITED (UH uh) (, ,)))")
                continue
            lines.append("(TOP (S (NP-SBJ-1 (-NONE- *PRO*))")
            lines += [f"        (NP ({tag} {word}))" for word, tag, _ in sentence]
            lines += ["        (EDITED (NP (PRP I) (EDITED (PRP we)) (-NONE- *T*-1))", "            (, ,))))", ""]
    return "\n".join(lines)


def expected() -> dict[str, str]:
    """The content of the files that are to be written."""
    return {
        f"{FILES[split]}.english.v4_gold_conll": "".join(conll(name, parts) for name, parts in sorted(of_split.items()))
        for split, of_split in DOCUMENTS.items()
    }


def release() -> dict[str, str]:
    """The files of OntoNotes 5.0, below its directory."""
    everything = [item for of_split in DOCUMENTS.values() for item in of_split.items()]
    everything += [(name, SILENT) for name in OTHERS.values()]
    below = "data/files/data/english/annotations"
    files = {f"{below}/{name}.parse": parse(parts) for name, parts in everything}
    return files | {f"{below}/{name}.onf": "(" for name, _ in everything} | {"docs/note.txt": "("}


def corpus(version: str, words: bool, whole: bool = False) -> dict[str, str]:
    """The files of CoNLL-2012, or of the whole of OntoNotes, in the layout of a version (``v4``, ``v12``, ``""``)."""
    kind = ("conll" if words else "skel", f"{version}_" * bool(version))
    root = f"conll-2012/{version}/data" if version else "conll-formatted-ontonotes-5.0/data"
    files: dict[str, str] = {}
    for split, of_split in DOCUMENTS.items():
        below = f"{root}/{SPLITS[split]}/data"
        documents = of_split | ({OTHERS[split]: SILENT} if whole else {})
        for name, parts in documents.items():
            stem = f"{below}/english/annotations/{name}"
            files[f"{stem}.{kind[1]}gold_{kind[0]}"] = conll(name, parts, words)
            files[f"{stem}.{kind[1]}auto_{kind[0]}"] = "without gold columns"
        files[f"{below}/chinese/annotations/nw/x/00/x_0001.{kind[1]}gold_{kind[0]}"] = "another language"
    if whole:
        official = {
            path.replace("/test/", "/conll-2012-test/"): text
            for path, text in files.items()
            if "/test/" in path and OTHERS["test"] not in path
        }
        files |= official
    return files


def write(files: Mapping[str, str], place: Path) -> Path:
    """Write files as a directory, a zip or a tar archive, as the name says; of an archive in another order."""
    if place.suffix == ".zip":
        with zipfile.ZipFile(place, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
    elif place.suffix in (".gz", ".tgz"):
        with tarfile.open(place, "w:gz") as tape:
            for path, text in sorted(files.items(), reverse=True):
                info = tarfile.TarInfo(f"./{path}")
                info.size = len(text.encode())
                tape.addfile(info, io.BytesIO(text.encode()))
    else:
        for path, text in files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text, encoding="utf-8")
    return place
