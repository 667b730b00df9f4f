"""The library of task embeddings: what a task looks like to an encoder, kept to be compared with other tasks.

<directory>/<task>/textemb.safetensors     its components, and what it is: task, encoder, settings, number of examples
                   textemb.json            the latter once more, for people
                   textemb/*.npy           the components under the file names of the published code
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from transferlab.documents import write_atomically
from transferlab.transferability.components import HEAD, distinct
from transferlab.utils.errors import UserError, near
from transferlab.utils.new_folder import give_usual_permissions
from transferlab.utils.option_kinds import FolderName, fault_of, words

FORMAT = 1
ABOUT = "transferlab"  # key of the metadata
KINDS = ("textemb", "taskemb")


class LibraryError(UserError):
    """An embedding that is not there, or that cannot be compared with another."""


@dataclass(frozen=True)
class TaskVectors:
    """The embedding of a task.

    Attributes:
        task: its name in the library.
        kind: one of KINDS.
        vectors: by component, of any shape; fp32 on the CPU.
        space: what must be equal for two embeddings to be compared: the encoder and what changes the meaning of
            numbers (mode, labels, batch size).
        about: what else there is to know: model, data, settings, number of examples, command.
    """

    task: str
    kind: str
    vectors: Mapping[str, Tensor]
    space: Mapping[str, Any]
    about: Mapping[str, Any]

    def to_compare(self) -> list[str]:
        """The components in which tasks are compared: none twice, and none of a head, which belongs to its task."""
        names = self.vectors if self.space.get("feature_type") == "weights" else distinct(self.vectors)
        return [name for name in names if not name.startswith(HEAD)]


class TaskLibrary:
    """A directory of task embeddings.

    Args:
        directory: made when something is written.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)

    def path(self, task: str, kind: str) -> Path:
        """The safetensors file of an embedding, which is all that is read of it.

        Raises:
            LibraryError: names that make no file.
        """
        if kind not in KINDS:
            raise LibraryError(f"embedding={kind}: choose one of {', '.join(KINDS)}")
        if fault_of(task, FolderName):
            raise LibraryError(f"task={task}: choose {words(FolderName)}")
        return self.directory / task / f"{kind}.safetensors"

    def tasks(self, kind: str) -> list[str]:
        """The tasks of which there is an embedding of this kind."""
        return sorted(path.parent.name for path in self.directory.glob(f"*/{kind}.safetensors"))

    def write(self, embedding: TaskVectors) -> Path:
        """Put an embedding in place of an older one; readers see the old one or the new one, never parts of both."""
        file = self.path(embedding.task, embedding.kind)
        file.parent.mkdir(parents=True, exist_ok=True)
        vectors = {name: vector.float().contiguous() for name, vector in embedding.vectors.items()}
        described = {
            "format": FORMAT,
            "task": embedding.task,
            "embedding": embedding.kind,
            "components": {name: list(vector.shape) for name, vector in vectors.items()},
            "space": dict(embedding.space),
            **embedding.about,
        }
        unfinished = file.with_name(f".{file.name}.{os.urandom(4).hex()}")
        save_file(vectors, unfinished, metadata={ABOUT: json.dumps(described)})
        give_usual_permissions(unfinished)
        os.replace(unfinished, file)
        exported = file.with_suffix("")
        exported.mkdir(exist_ok=True)
        for old in exported.glob("*.npy"):
            if old.stem not in vectors:
                old.unlink()
        for name, vector in vectors.items():
            content = BytesIO()
            np.save(content, vector.numpy(), allow_pickle=False)
            unfinished = exported / f".{os.urandom(4).hex()}"
            unfinished.write_bytes(content.getvalue())
            os.replace(unfinished, exported / f"{name}.npy")
        write_atomically(file.with_suffix(".json"), [json.dumps(described, indent=2) + "\n"])
        return file

    def read(self, task: str, kind: str) -> TaskVectors:
        """An embedding.

        Raises:
            LibraryError: there is none, or it cannot be read.
        """
        file = self.path(task, kind)
        if not file.is_file():
            known = self.tasks(kind)
            hint = near(task, known) or (f"there are {', '.join(known)}" if known else "it is empty")
            raise LibraryError(
                f"{self.directory} has no {kind} of {task!r}; {hint}. To make one: "
                f"python src/embed.py embedding={kind} experiment=... task={task}"
            )
        with _opened(file) as (about, opened):
            vectors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        return TaskVectors(about["task"], about["embedding"], vectors, about["space"], about)

    def about(self, task: str, kind: str) -> dict[str, Any]:
        """What there is to know of an embedding that is there, without its vectors; raises LibraryError as above."""
        with _opened(self.path(task, kind)) as (about, _):
            return about

    def comparable(self, tasks: Sequence[str], kind: str) -> list[TaskVectors]:
        """The embeddings of tasks, if they may be compared.

        Args:
            tasks: at least two.
            kind: of the embeddings.

        Raises:
            LibraryError: fewer than two tasks, or embeddings made with different encoders or settings.
        """
        if len(set(tasks)) < 2:
            raise LibraryError(
                f"{kind}: one task alone ({', '.join(set(tasks)) or 'none'}) cannot be compared with anything; the "
                f"library {self.directory} has {', '.join(self.tasks(kind)) or 'none'}"
            )
        embeddings = [self.read(task, kind) for task in tasks]
        check_comparable(embeddings)
        return embeddings


@contextmanager
def _opened(file: Path) -> Iterator[tuple[dict[str, Any], Any]]:
    """What a file of an embedding says of itself, and its tensors."""
    try:
        with safe_open(file, framework="pt") as opened:
            about = json.loads((opened.metadata() or {}).get(ABOUT, "{}"))
            if about.pop("format", None) != FORMAT:
                raise LibraryError(f"{file}: not of format {FORMAT}, the one known here; make it anew: src/embed.py")
            yield about, opened
    except (OSError, SafetensorError) as error:
        raise LibraryError(f"{file} cannot be read ({error}); make it anew with src/embed.py") from error


def check_comparable(embeddings: Sequence[TaskVectors]) -> None:
    """Refuse embeddings that do not lie in one space.

    Raises:
        LibraryError: naming two tasks and what they differ in.
    """
    first = embeddings[0]
    for other in embeddings[1:]:
        if other.kind != first.kind:
            raise LibraryError(f"{first.task!r} is a {first.kind} and {other.task!r} a {other.kind}")
        for key in dict.fromkeys([*first.space, *other.space]):
            ours, theirs = first.space.get(key), other.space.get(key)
            if ours != theirs:
                raise LibraryError(
                    f"{first.kind} of {first.task!r} and of {other.task!r} cannot be compared: {key} is {_said(ours)} "
                    f"there and {_said(theirs)} here; make one of them anew with src/embed.py"
                )
        for name in sorted(first.vectors.keys() & other.vectors.keys()):
            ours, theirs = tuple(first.vectors[name].shape), tuple(other.vectors[name].shape)
            if ours != theirs and not name.startswith("head."):  # a head is as wide as its task has labels
                raise LibraryError(
                    f"{first.kind} of {first.task!r} and of {other.task!r} cannot be compared: {name} has the "
                    f"dimensions {ours} there and {theirs} here"
                )


def _said(value: Any) -> str:
    """A value of a space in words; hashes by their first digits."""
    return f"{value[:12]}..." if isinstance(value, str) and len(value) > 40 else str(value)
