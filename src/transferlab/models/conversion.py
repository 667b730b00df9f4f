"""From a published coreference checkpoint, a state dict of encoder and head, to a model of this project.

Nothing of a file is executed: it is read as weights alone. Every weight finds its place, or nothing is converted.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedModel

from transferlab.encoders.backbone import build_backbone
from transferlab.encoders.encoder import Encoder
from transferlab.encoders.sources import load_config, resolve
from transferlab.models.coreference import published
from transferlab.models.coreference_model import CoreferenceModel
from transferlab.models.registry import SavedModelError

log = logging.getLogger(__name__)

ENCODER = "target"  # the id of the encoder, that of models with one
# of one encoder, or of one of several that were aggregated
_OF_ENCODER = re.compile(r"(?P<prefix>bert\.|base_models\.models\.[^.]+\.)(?P<name>.+)")
_POSITIONS = "embeddings.position_ids"  # 0, 1, 2, ..., which older versions of transformers kept among the weights
_POOLER = "pooler."
_SHOWN = 3  # weights that a message names of a kind


class Checkpoint:
    """The weights of a published checkpoint.

    Args:
        place: a file, a state dict of torch or safetensors, or a folder with one.

    Attributes:
        file: that was read.
        encoder: the weights of its encoder, by their names in transformers.
        head: the others, by their published names.

    Raises:
        SavedModelError: there is no such file, it holds something else than weights, or not those of one encoder.
    """

    def __init__(self, place: str) -> None:
        self.file = _file(place)
        weights = _read(self.file)
        of_encoder = {name: found for name in weights if (found := _OF_ENCODER.fullmatch(name))}
        prefixes = sorted({found["prefix"] for found in of_encoder.values()})
        if len(prefixes) != 1:
            raise SavedModelError(
                f"checkpoint={self.file} holds the weights of {len(prefixes)} encoders ({', '.join(prefixes)}); name "
                "one of a coreference model over one encoder (bert.*)"
            )
        self.encoder = {found["name"]: weights[name] for name, found in of_encoder.items()}
        positions = self.encoder.get(_POSITIONS)
        if positions is not None and torch.equal(positions.flatten(), torch.arange(positions.numel())):
            del self.encoder[_POSITIONS]
        self.head = {name: tensor for name, tensor in weights.items() if name not in of_encoder}

    def sha256(self) -> str:
        """Of the file."""
        with self.file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def encoder_of(self, source: str, vocabulary: int) -> PreTrainedModel:
        """The encoder with the weights of the checkpoint, its pooler included.

        Args:
            source: of its configuration and tokenizer, see :func:`~transferlab.encoders.sources.resolve`.
            vocabulary: how many tokens that tokenizer has.

        Raises:
            SavedModelError: they are not those of the checkpoint.
        """
        place = resolve(source)
        backbone = build_backbone(ENCODER, place, load_config(ENCODER, place), load_weights=False, pooler=True)
        state = backbone.state_dict()
        shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
        self._compare(self.encoder, shapes, f"an encoder like encoder={source}", "encoder=...")
        rows = backbone.config.vocab_size
        if vocabulary > rows:
            raise SavedModelError(
                f"encoder={source}: its tokenizer has {vocabulary} tokens, and {self.file} embeddings for {rows}; name "
                "the encoder that the checkpoint was trained from"
            )
        backbone.load_state_dict(self.encoder)
        return backbone

    def place(self, model: CoreferenceModel, encoder: PreTrainedModel) -> None:
        """Give all weights to a model.

        Args:
            model: with fresh weights, of the options that the checkpoint tells.
            encoder: what ``encoder_of`` made.

        Raises:
            SavedModelError: naming the weights that have no place, are missing, or are of other shapes.
        """
        state = model.head.state_dict()
        names = published.layout(state)
        if others := state.keys() - {ours for parts in names.values() for ours in parts}:
            raise SavedModelError(
                f"checkpoint={self.file}: a model with these options has weights that no published head has "
                f"({_listed(sorted(others))}); leave out what was added under model"
            )
        left = published.unread(self.head)
        if left:
            log.info("left out, because the published model never reads it: %s", ", ".join(left))
        weights = {name: tensor for name, tensor in self.head.items() if name not in left}
        weights = published.with_attention(weights, model.multi_encoder.hidden_size)
        what = "a coreference head of the options that it tells and of those that are given"
        self._compare(weights, published.shapes(state, names), what, "other values under model or taskmodule")
        if published.GENRES in weights:
            weights[published.GENRES] = published.with_unknown_genre(weights[published.GENRES])
        model.head.load_state_dict(published.cut(weights, state, names))
        ours = model.multi_encoder.encoders[ENCODER]
        assert isinstance(ours, Encoder)
        ours.backbone.load_state_dict({n: t for n, t in self.encoder.items() if not n.startswith(_POOLER)})
        if hasattr(encoder, "pooler"):  # nothing here reads it, but the saved encoder is to be whole
            ours.backbone.pooler = encoder.pooler

    def _compare(
        self, found: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], what: str, remedy: str
    ) -> None:
        """Refuse weights that are not those of names and shapes."""
        shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
        misshapen = [
            f"{name} is {shape}, expected {expected[name]}"
            for name, shape in shapes.items()
            if name in expected and shape != expected[name]
        ]
        faults = {
            "missing": [name for name in expected if name not in shapes],
            "without a place": [name for name in shapes if name not in expected],
            "of another shape": misshapen,
        }
        said = [f"{kind}: {_listed(names)}" for kind, names in faults.items() if names]
        if said:
            raise SavedModelError(
                f"checkpoint={self.file} does not hold the weights of {what}: {'; '.join(said)}; give {remedy}, or "
                "another checkpoint"
            )


def _file(place: str) -> Path:
    """The file of weights that a place names."""
    path = Path(place).expanduser()
    if path.is_file():
        return path
    if not path.is_dir():
        raise SavedModelError(f"checkpoint={place}: there is no such file or folder; name model_*.bin, or its folder")
    usual = [path / name for name in ("pytorch_model.bin", "model.safetensors")]
    files = sorted(path.glob("model_*.bin")) or [file for file in usual if file.is_file()]
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise SavedModelError(
            f"checkpoint={place}: one of model_*.bin, pytorch_model.bin and model.safetensors is read, and there are: "
            f"{names}; name the file"
        )
    return files[0]


def _read(file: Path) -> dict[str, Tensor]:
    """The weights of a file, on the CPU."""
    try:
        if file.suffix == ".safetensors":
            content = load_file(file)
        else:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what stands in a file of somebody else decides which one
        raise SavedModelError(
            f"checkpoint={file} is not a file of weights alone ({type(error).__name__}), and objects in a file are not "
            "unpickled; name a state dict, as torch.save(model.state_dict(), ...) writes it"
        ) from error
    if not isinstance(content, Mapping) or not content:
        raise SavedModelError(f"checkpoint={file} holds no state dict, but {type(content).__name__}; name one")
    for name, tensor in content.items():
        usable = isinstance(name, str) and isinstance(tensor, Tensor) and tensor.layout == torch.strided
        if not usable or tensor.is_quantized or not torch.isfinite(tensor).all():
            raise SavedModelError(
                f"checkpoint={file}: {name!r} is no dense tensor of finite numbers; name a state dict alone"
            )
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in content.items()}


def _listed(names: Sequence[str]) -> str:
    """The first of some names, and how many there are beside."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
