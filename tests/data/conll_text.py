"""Tiny CoNLL-2012 files for the tests of readers and writers."""

from pathlib import Path


def conll(*names: str, words: str = "Ann left", part: str = "000") -> str:
    """Text of one document per name; the first word of each is a mention."""
    lines = []
    for name in names:
        lines.append(f"#begin document ({name}); part {part}")
        for i, word in enumerate(words.split()):
            lines.append(f"{name} 0 {i} {word} - * - - - - * {'(0)' if i == 0 else '-'}")
        lines += ["", "#end document"]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
