"""Aggregations over encoders by name: mean, sum, scalar_mix, concat and attention.

Letters as in weighting.py. ``mean`` with ``project`` is the control for attention: value projections
without the attention. (Attention over a single encoder is a value projection and nothing else.)
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from transferlab.encoders.attention import AttentionAggregation
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.weighting import (
    Aggregation,
    LearnedVector,
    ModulesById,
    SourceWeights,
    common_width,
    linear_per_encoder,
    weighted_sum,
)
from transferlab.utils.option_kinds import Count
from transferlab.utils.options import checked


class _SumOfValues(Aggregation):
    """What mean, sum and scalar_mix share: the values are the encoders' vectors, projected or as they are.

    Args:
        widths: {encoder id: hidden size}; they must agree unless projected.
        project: give each encoder a value projection of its own.
        output_size: the width to project to (this implies ``project``); default the first encoder's.
    """

    name: str

    @checked("model.aggregate", EncoderError)
    def __init__(self, widths: Mapping[str, int], *, project: bool = False, output_size: Count | None = None) -> None:
        super().__init__()
        if project or output_size is not None:
            self.hidden_size_out = output_size or next(iter(widths.values()))
            self.values = linear_per_encoder(widths, self.hidden_size_out)
        else:
            self.hidden_size_out = common_width(widths, self.name)
            self.values = ModulesById({encoder: nn.Identity() for encoder in widths})

    def _weighted_sum(self, vectors: Sequence[Tensor], weights: Tensor) -> Tensor:
        values = (value(vector) for value, vector in zip(self.values.values(), vectors, strict=True))
        return weighted_sum(values, weights)  # [S, U, hidden]


class Mean(_SumOfValues):
    """The mean over the encoders that take part."""

    name = "mean"

    def forward(
        self, vectors: Sequence[Tensor], present: Tensor, first_tokens: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """See Aggregation."""
        count = present.sum(dim=-1, keepdim=True).clamp(min=1)  # [S, U, 1]
        return self._weighted_sum(vectors, present) / count, None


class Sum(_SumOfValues):
    """The sum over the encoders that take part."""

    name = "sum"

    def forward(
        self, vectors: Sequence[Tensor], present: Tensor, first_tokens: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """See Aggregation."""
        return self._weighted_sum(vectors, present), None


class ScalarMix(_SumOfValues):
    """One learned weight per encoder, softmax-normalised, and a factor (Peters et al., 2018, eq. 1)."""

    name = "scalar_mix"

    def __init__(self, widths: Mapping[str, int], *, project: bool = False, output_size: int | None = None) -> None:
        super().__init__(widths, project=project, output_size=output_size)
        self.scores = ModulesById({encoder: LearnedVector(torch.zeros(1)) for encoder in widths})
        self.gamma = nn.Parameter(torch.ones(()))
        self.source_weights = SourceWeights()

    def forward(
        self, vectors: Sequence[Tensor], present: Tensor, first_tokens: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """See Aggregation."""
        scores = torch.cat([score(present)[0, 0] for score in self.scores.values()])  # [E]
        weights = self.source_weights(scores, present)
        return self.gamma * self._weighted_sum(vectors, weights), weights


class Concat(Aggregation):
    """The encoders' vectors side by side, zero for encoders that do not take part.

    Args:
        widths: {encoder id: hidden size}, of any widths.
        output_size: project the concatenation to this width; None leaves it as it is.
    """

    @checked("model.aggregate", EncoderError)
    def __init__(self, widths: Mapping[str, int], *, output_size: Count | None = None) -> None:
        super().__init__()
        total = sum(widths.values())
        self.hidden_size_out = output_size or total
        self.projection = nn.Identity() if output_size is None else nn.Linear(total, output_size)

    def forward(
        self, vectors: Sequence[Tensor], present: Tensor, first_tokens: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """See Aggregation."""
        taking_part = zip(vectors, present.unbind(dim=-1), strict=True)
        concatenated = torch.cat([vector * here[..., None] for vector, here in taking_part], dim=-1)
        return self.projection(concatenated) * present.any(dim=-1, keepdim=True), None


AGGREGATIONS: dict[str, type[Aggregation]] = {
    "mean": Mean,
    "sum": Sum,
    "scalar_mix": ScalarMix,
    "concat": Concat,
    "attention": AttentionAggregation,
}


def build_aggregation(spec: str | Mapping[str, Any] | None, widths: Mapping[str, int]) -> Aggregation:
    """The aggregation that ``model.aggregate`` asks for.

    Args:
        spec: None (mean), a name in AGGREGATIONS, the name of a module beside this one that holds an aggregation of
            your own, or ``{type: name, **options}``.
        widths: {encoder id: hidden size}, in the order of the encoders.

    Raises:
        EncoderError: unknown type or option, or widths that do not fit.
    """
    options = {"type": spec or "mean"} if spec is None or isinstance(spec, str) else dict(spec)
    name = options.pop("type", None)
    aggregation = AGGREGATIONS.get(str(name)) or _of_module(name)
    if aggregation is None:
        if name is None:
            raise EncoderError(f"model.aggregate.type=null: choose one of {', '.join(AGGREGATIONS)}")
        raise EncoderError(
            f"model.aggregate.type={name!r}: choose one of {', '.join(AGGREGATIONS)}, or write your own into "
            f"{Path(__file__).parent / f'{name}.py'}"
        )
    accepted = [option for option in inspect.signature(aggregation).parameters if option != "widths"]
    for option in options:
        if option not in accepted:
            raise EncoderError(f"model.aggregate.{option}: {name} has no such option; it takes {', '.join(accepted)}")
        size = options[option]
        if option.endswith("_size") and size is not None and (not isinstance(size, int) or size < 1):
            raise EncoderError(f"model.aggregate.{option}={size!r}: choose a whole number from 1, or null")
    return aggregation(widths, **options)


def _of_module(name: Any) -> type[Aggregation] | None:
    """The aggregation in a file of its own beside this one."""
    package = __name__.rpartition(".")[0]
    if not isinstance(name, str) or not name.isidentifier() or find_spec(f"{package}.{name}") is None:
        return None
    module = import_module(f"{package}.{name}")
    own = (kind for kind in vars(module).values() if inspect.isclass(kind) and kind.__module__ == module.__name__)
    return next((kind for kind in own if issubclass(kind, Aggregation) and not inspect.isabstract(kind)), None)
