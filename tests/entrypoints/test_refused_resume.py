"""A run that is told to go on with what cannot be stays as it was."""

from __future__ import annotations

import json
import zipfile
from functools import partial
from pathlib import Path

import pytest
from tests.faults.faults import contents

from .tiny_runs import TINY

REFUSED = [
    ("dataset.data_dir=/nowhere", "/nowhere"),
    ("dataset.data_dir={others}", "{others}"),
    ("seed=7", "seed=7"),
    ("monitor=val/muc_f1", "monitor=val/muc_f1"),
    ("callbacks.model_checkpoint.monitor=val/muc_f1", "callbacks.model_checkpoint.monitor=val/muc_f1"),
    ("model.ffnn_size=9", "is of another model"),
    ("model.ffnn_size=-1", "model.ffnn_size=-1"),
    ("trainer.precision=16-mixed trainer.accelerator=cuda", "trainer.accelerator=cuda"),
]


def of_run(place: Path) -> dict[str, str]:
    """Every file but the log, to which the refusal is added."""
    return {name: value for name, value in contents(place).items() if not name.endswith(".log")}


def test_a_refused_resume_leaves_a_finished_run_as_it_was(corpus, encoder, commands, tmp_path):
    run = partial(commands.run, "src/train.py", cwd=tmp_path)
    place = tmp_path / "run"
    done = run(
        *TINY, f"encoder={encoder}", f"dataset.data_dir={corpus}", f"hydra.run.dir={place}", "trainer.max_epochs=1"
    )
    assert done.returncode == 0, done.stderr
    others = tmp_path / "others"
    for file in corpus.iterdir():  # the same sentences in other documents: one that the others repeat is not there
        (others / file.name).parent.mkdir(exist_ok=True)
        (others / file.name).write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    before = of_run(place)
    for overrides, named in REFUSED:
        given = overrides.format(others=others).split()
        done = run(f"resume={place}", "trainer.max_epochs=2", *given)
        assert done.returncode == 1 and named.format(others=others) in done.stderr and "Traceback" not in done.stderr, (
            done.stderr
        )
        assert of_run(place) == before, overrides
    assert json.loads((place / "run.json").read_text())["status"] == "finished"

    weights = place / "checkpoints" / "last.ckpt"
    whole = weights.read_bytes()
    with zipfile.ZipFile(weights) as archive:  # between its parts there are bytes that nobody reads
        part = archive.read(max(archive.infolist(), key=lambda info: info.file_size))
    flipped = bytearray(whole)
    flipped[whole.index(part) + len(part) // 2] ^= 1
    weights.write_bytes(flipped)
    done = run(f"resume={place}", "trainer.max_epochs=2")
    assert done.returncode == 1 and "last.ckpt is damaged" in done.stderr, done.stderr
    weights.write_bytes(whole)
    assert of_run(place) == before

    done = run(f"resume={place}", "trainer.max_epochs=2")
    assert done.returncode == 0, done.stderr
    assert "the run goes on at epoch 1" in (place / "train.log").read_text()
    record = json.loads((place / "run.json").read_text())
    assert record["status"] == "finished" and len(record["resumed"]) == 1


@pytest.mark.parametrize("name", ["model"])
def test_a_saved_model_is_no_place_for_a_run(commands, corpus, encoder, tmp_path, name):
    place = tmp_path / name
    place.mkdir()
    (place / "transferlab.json").write_text("{}")
    done = commands.run("src/train.py", *TINY, f"hydra.run.dir={place}", cwd=tmp_path)
    assert done.returncode == 1 and "holds a saved model" in done.stderr, done.stderr
    assert set(contents(place)) == {"transferlab.json"}
