"""The example that selects a source refuses a library that lacks what was asked for."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path

import pytest
import torch

from transferlab.transferability.library import LibraryError, TaskLibrary, TaskVectors

EXAMPLE = str(Path(__file__).resolve().parents[1] / "examples" / "select_source.py")


def library_of(place: Path, **kinds: str) -> Path:
    """A library with random embeddings of tasks, by kind."""
    library = TaskLibrary(place)
    generator = torch.Generator().manual_seed(0)
    for kind, tasks in kinds.items():
        for task in tasks.split():
            vector = torch.randn(4, generator=generator)
            library.write(TaskVectors(task, kind, {"cls_output": vector}, {"encoder": "a"}, {}))
    return place


@pytest.mark.parametrize(
    ("kinds", "lacks"),
    [
        ({"textemb": "ner re pos"}, "taskemb of 'ner'.*embed.py embedding=taskemb"),
        ({"textemb": "ner re pos", "taskemb": "ner re"}, "taskemb of 'pos'"),
        ({"textemb": "re pos", "taskemb": "ner re pos"}, "textemb of 'ner'"),
        ({"textemb": "ner re", "taskemb": "ner re"}, "embed two at least"),
    ],
)
def test_an_embedding_that_is_asked_for_is_not_left_out(tmp_path: Path, kinds: dict[str, str], lacks: str) -> None:
    select = run_path(EXAMPLE)["main"]
    with pytest.raises(LibraryError, match=lacks):
        select(library_of(tmp_path, **kinds), "ner", ["textemb", "taskemb"])
    assert not list(tmp_path.glob("*.png")), "nothing is drawn before all is known"


def test_both_kinds_take_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = library_of(tmp_path, textemb="ner re pos", taskemb="ner re pos")
    ranking = run_path(EXAMPLE)["main"](library, "ner", ["textemb", "taskemb"])
    assert {column.split()[0] for column in ranking.columns[:-2]} == {"textemb", "taskemb"}
    assert set(ranking.index) == {"re", "pos"} and "the best first" in capsys.readouterr().out
