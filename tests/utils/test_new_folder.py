"""Folders that appear whole, with the umask's permissions; leftovers of dead processes are swept, others are not."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from transferlab.encoders.feature_shards import write_shard
from transferlab.utils.new_folder import new_folder, sweep


@pytest.fixture(params=[0o022, 0o002, 0o077])
def umask(request: pytest.FixtureRequest):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> set[tuple[bool, int]]:
    return {(path.is_dir(), path.stat().st_mode & 0o777) for path in (folder, *folder.rglob("*"))}


def test_files_have_the_permissions_of_the_umask(tmp_path, umask):
    with new_folder(tmp_path / "models" / "mine") as building:
        (building / "encoders" / "a").mkdir(parents=True)
        for place in (building, building / "encoders" / "a"):
            save_file({"x": torch.ones(1)}, place / "model.safetensors")
            (place / "config.json").write_text("{}")
    assert modes(tmp_path / "models") == {(True, 0o777 & ~umask), (False, 0o666 & ~umask)}
    shard = write_shard(tmp_path / "layer", [(bytes(16), torch.ones(2, 3))])
    assert shard.stat().st_mode & 0o777 == 0o666 & ~umask


def test_an_error_leaves_what_was_there(tmp_path):
    target = tmp_path / "mine"
    with new_folder(target) as building:
        (building / "a").write_text("1")

    def fail() -> None:
        with new_folder(target) as building:
            (building / "a").write_text("2")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert (target / "a").read_text() == "1" and list(tmp_path.iterdir()) == [target]


def dying_at(step: str, target: Path) -> None:
    """Write a new folder in a child process that is killed at a step."""
    child = os.fork()
    if child == 0:
        replace, calls = os.replace, []

        def die_between(source: Path, place: Path) -> None:
            if step == "between" and calls:
                os.kill(os.getpid(), signal.SIGKILL)
            calls.append(place)
            replace(source, place)

        os.replace = die_between  # type: ignore[assignment]
        with new_folder(target) as building:
            (building / "a").write_text("new")
            if step == "writing":
                os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


def test_what_a_killed_process_left_is_swept_by_the_next_and_what_it_had_finished_is_put_in_place(tmp_path):
    target, other = tmp_path / "mine", tmp_path / "other"
    with new_folder(target) as building:
        (building / "a").write_text("first")
    dying_at("writing", target)
    dying_at("between", target)
    assert not target.exists() and len(list(tmp_path.iterdir())) == 2
    with new_folder(other) as building:
        (building / "a").write_text("1")
    assert (target / "a").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "other"]


def test_only_our_leftovers_are_swept_and_none_of_a_living_process(tmp_path):
    kept = [".mine.saving-0123456", ".mine.abcdefgh", "mine.saving-01234567", ".git"]
    for name in (*kept, ".mine.saving-01234567"):
        (tmp_path / name).mkdir()
    (tmp_path / ".file.saving-01234567").write_text("")
    (tmp_path / ".link.saving-01234567").symlink_to(tmp_path / ".git")
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with new_folder(tmp_path / "living") as building:  # it sweeps .mine.saving-01234567
            (building / "a").write_text("")
            os.write(ready[1], b"1")
            os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    names = {path.name for path in tmp_path.iterdir()}
    with new_folder(tmp_path / "second"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == names | {"second"}
    os.write(done[1], b"1")
    os.waitpid(child, 0)
    assert (tmp_path / "living" / "a").is_file()
    sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*kept, "living", "second", ".file.saving-01234567", ".link.saving-01234567"}
