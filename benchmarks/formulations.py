"""The coreference head in its two formulations, ours and the plain one of published ports, and one step with it.

Both have the same parameters and score the same document. Only measured processes import torch.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from measuring import ROOT

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from transferlab.utils.batches import CoreferenceDocument

FORMULATIONS = ("plain", "ours")
MODES = ("training", "evaluation")
PRECISIONS = ("fp32", "bf16")


def make_head(formulation: str, mode: str, hidden_size: int, dropout: float, **options: Any) -> torch.nn.Module:
    """The head in one of its formulations, ready for training or evaluation."""
    from transferlab.models.coreference.head import CoreferenceHead

    head: torch.nn.Module = CoreferenceHead(hidden_size, num_genres=7, dropout=dropout, **options)
    if formulation == "plain":
        sys.path.insert(0, str(ROOT / "tests" / "models"))
        from coreference.reference import PlainHead

        head = PlainHead(head, dropout=dropout)
        head.counterparts.clear()  # of the head, whose parameters are not needed here
    return head.train(mode == "training")


def make_optimizer(module: torch.nn.Module, mode: str) -> torch.optim.Optimizer | None:
    """That of training; none for evaluation."""
    import torch

    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(trained, lr=1e-4, fused=True) if mode == "training" else None


def head_loss(head: torch.nn.Module, words: Tensor, document: CoreferenceDocument) -> Tensor:
    """The loss [] of a document in either formulation; the plain one computes it on its way."""
    output = head(words, document)
    loss: Tensor = head.loss(output, document) if hasattr(head, "loss") else output.loss
    return loss


def autocast(precision: str) -> torch.autocast:
    """bf16 as a trainer with ``precision=bf16-mixed`` has it, or nothing."""
    import torch

    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")


def make_document(words: int, hidden_size: int) -> tuple[Tensor, CoreferenceDocument]:
    """Random words and a document of sentences of 20 words on average, as in literary prose, with a mention every 7."""
    import torch

    from transferlab.utils.batches import CoreferenceDocument

    n = words
    lengths = torch.distributions.LogNormal(2.8, 0.65).sample((n,)).round().long().clamp(2, 100)
    sentence_ids = torch.repeat_interleave(torch.arange(n), lengths)[:n]
    starts = torch.randperm(n)[: n // 7].sort().values
    ends = starts + torch.randint(0, 4, starts.shape)
    inside = (ends < n) & (sentence_ids[starts] == sentence_ids[ends.clamp(max=n - 1)])
    mentions = torch.stack([starts, ends], dim=1)[inside]
    return torch.randn(n, hidden_size), CoreferenceDocument(
        sentence_ids=sentence_ids,
        segment_ids=torch.arange(n) // 384,
        speaker_ids=torch.zeros(n, dtype=torch.long),
        genre_id=torch.tensor(1),
        gold_mentions=mentions,
        gold_cluster_ids=torch.randint(1, 2 + n // 25, (len(mentions),)),
        word_ids=torch.arange(n),
    )
