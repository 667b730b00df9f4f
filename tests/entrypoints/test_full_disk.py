"""Without room on the disk a run ends with one message, keeps what it has saved, and goes on from there."""

from __future__ import annotations

import errno
import os
import resource
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from transferlab.utils.full_disk import FullDiskError, is_full

from .kills import outcome

pytestmark = pytest.mark.usefixtures("without_pictures")

SETTINGS = ["monitor=val/loss", "monitor_mode=min", "trainer.max_epochs=2", "model.freeze_models=null"]


def failing(whole, call: int, error: Exception):
    calls = []

    def save(*arguments, **options):
        calls.append(arguments)
        if len(calls) == call:
            raise error
        return whole(*arguments, **options)

    return save


NO_ROOM = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize(
    ("place", "whole", "call", "error"),
    [
        ("torch.save", torch.save, 3, OSError(errno.ENOSPC, "No space left on device")),  # after the second epoch
        ("transferlab.models.saving.save_file", save_file, 1, NO_ROOM),  # the model
    ],
)
def test_a_run_without_room_says_what_is_safe_and_goes_on_from_there(
    train, tmp_path, monkeypatch, place, whole, call, error
):
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(place, failing(whole, call, error))
        with pytest.raises(FullDiskError, match=rf"last\.ckpt is whole.*resume={run}"):
            train(*SETTINGS)
    assert not (run / "metrics.json").exists() and not list(run.rglob("*.partial")) and not list(run.glob(".model.*"))
    train(*SETTINGS, f"resume={run}", f"ckpt_path={run / 'checkpoints' / 'last.ckpt'}")
    train(*SETTINGS, f"paths.output_dir={tmp_path / 'whole'}")
    assert outcome(run) == outcome(tmp_path / "whole")


def write_more_than_allowed(place: Path, write) -> None:
    """Write in a child process whose files may have 4 kB."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            write(place)
        except BaseException as error:
            os._exit(7 if is_full(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.parametrize("kind", ["torch", "safetensors", "text"])
def test_what_libraries_say_of_a_disk_without_room_is_known(tmp_path, kind):
    vectors = {"x": torch.ones(10_000)}

    def stream(place: Path) -> None:
        with place.open("wb") as file:
            torch.save(vectors, file)

    writers = {
        "torch": stream,
        "safetensors": partial(save_file, vectors),
        "text": lambda place: place.write_text("x" * 10_000),
    }
    write_more_than_allowed(tmp_path / "file", writers[kind])
    assert not is_full(ValueError("x")) and not is_full(OSError(errno.EACCES, "denied"))
