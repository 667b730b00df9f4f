"""Defects of earlier systems that must not come back, one named test each.

Those that belong to one task family or metric are beside its other tests: ``grep -r test_defect_ tests``.
"""

from __future__ import annotations

import os
import socket

import pytest
import torch
import torch.multiprocessing as mp
from pytorch_lightning import Trainer
from torch.utils.data import DataLoader

from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.encoders.sources import EncoderError
from transferlab.metrics.relation import TacredScore, tacred_scores
from transferlab.models.coreference_model import CoreferenceModel
from transferlab.utils.batches import EncoderInputs

SMALL = {"ffnn_size": 8, "max_span_width": 3, "use_metadata": False}


@pytest.fixture
def both(encoder: str, other_encoder: str) -> dict[str, str]:
    return {"target": encoder, "source": other_encoder}


def rows(ids: list[list[int]]) -> EncoderInputs:
    """One row per sequence, every subtoken a unit of its own."""
    input_ids = torch.tensor(ids)
    units = torch.arange(input_ids.numel()).view(input_ids.shape)
    return EncoderInputs(input_ids, torch.ones_like(input_ids), units, torch.arange(len(ids)))


def encode(multi_encoder: MultiEncoder) -> torch.Tensor:
    inputs = rows([[2, 4, 5, 3], [2, 6, 7, 3]])
    return multi_encoder(dict.fromkeys(set(multi_encoder.tokenizer_keys.values()), inputs), 2, 4).embeddings


def test_defect_3_the_aggregator_trains_at_the_task_learning_rate(both) -> None:
    """It trained at the encoders' rate, 1e-5 instead of 2e-4, which confounds attention with mean."""
    model = CoreferenceModel(
        pretrained_models=both, aggregate="attention", task_learning_rate=3e-4, bert_learning_rate=2e-5, **SMALL
    )
    model.trainer = Trainer(max_steps=10, accelerator="cpu", logger=False, enable_checkpointing=False)
    optimizer = model.configure_optimizers()["optimizer"]
    rate_of = {id(p): group["initial_lr"] for group in optimizer.param_groups for p in group["params"]}
    aggregator = list(model.multi_encoder.aggregation.parameters())
    assert aggregator and {rate_of[id(p)] for p in aggregator} == {3e-4}
    assert {rate_of[id(p)] for p in model.multi_encoder.encoders.parameters() if p.requires_grad} == {2e-5}


def test_defect_4_frozen_encoders_have_no_dropout_while_training(both) -> None:
    """They stayed in train mode."""
    multi_encoder = MultiEncoder(
        both,
        freeze_models=["source"],
        aggregate="concat",
        pretrained_default_config={"hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5},
    ).train()
    first, second = encode(multi_encoder), encode(multi_encoder)
    width = first.shape[-1] // 2
    assert not torch.equal(first[..., :width], second[..., :width]), "the trained one has dropout"
    torch.testing.assert_close(first[..., width:], second[..., width:], rtol=0, atol=0)


@pytest.mark.parametrize("query_idx", ["source", 1])
def test_defect_11_a_target_by_name_is_one_by_position(both, query_idx) -> None:
    """A string ``query_idx`` silently disabled two options."""
    options = {"type": "attention", "query_idx": query_idx}
    for flag in ("reuse_target_query_as_key", "project_target_query"):
        torch.manual_seed(0)
        given = MultiEncoder(both, freeze_models="all", aggregate={**options, flag: True, "project_target_key": False})
        torch.manual_seed(0)
        other = MultiEncoder(
            both, freeze_models="all", aggregate={**options, "query_idx": 1, flag: True, "project_target_key": False}
        )
        assert given.aggregation.target == "source"
        torch.testing.assert_close(encode(given), encode(other), rtol=0, atol=0)
        assert [n for n, _ in given.named_parameters()] == [n for n, _ in other.named_parameters()]


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "constant2token", "project_target_query": False},
        {"mode": "constant2constant", "project_target_query": False},
        {"mode": "cls2token", "use_outputs_from_last_n_layers": 2},
        {"mode": "cls2cls", "use_outputs_from_last_n_layers": 2},
    ],
)
def test_defect_11_modes_that_crashed_work(both, options) -> None:
    """Constant mode without query projection, and cls mode with several layers."""
    multi_encoder = MultiEncoder(both, freeze_models="all", aggregate={"type": "attention", **options})
    encode(multi_encoder).sum().backward()
    assert all(p.grad is not None for p in multi_encoder.aggregation.parameters())


def test_defect_11_more_layers_than_truncation_leaves_are_refused(both) -> None:
    """Last-n beyond the depth crashed after truncation."""
    with pytest.raises(EncoderError, match="use_outputs_from_last_n_layers=2: encoder 'source' uses 1 layers"):
        MultiEncoder(
            both, truncate_models={"source": 1}, aggregate={"type": "attention", "use_outputs_from_last_n_layers": 2}
        )


def test_defect_12_widths_are_checked_and_tokenizers_may_differ(tmp_path) -> None:
    """One tokenizer and one width were assumed, unchecked; truncation worked for BERT only.

    tests/encoders/test_truncation.py holds truncation for every family, tests/encoders/test_multi_encoder.py the
    meeting of different tokenizers at the word.
    """
    from tests.models.conftest import save_tiny_encoder

    models = {"a": save_tiny_encoder(tmp_path / "a", 0), "b": save_tiny_encoder(tmp_path / "b", 1, width=24)}
    with pytest.raises(EncoderError, match=r"a.*16.*b.*24|b.*24.*a.*16"):
        MultiEncoder(models, aggregate="mean")
    assert encode(MultiEncoder(models, aggregate="concat")).shape[-1] == 40


def test_defect_14_one_step_counts_once(encoder, taskmodule, documents) -> None:
    """Two optimizers doubled ``global_step`` and halved ``max_steps``."""
    model = CoreferenceModel(pretrained_models={"target": encoder}, **SMALL)
    examples = [example for document in documents for example in taskmodule.encode(document, annotated=True)]
    loader = DataLoader(examples, 1, collate_fn=lambda batch: taskmodule.collate(batch, training=True))
    trainer = Trainer(
        max_steps=5,
        max_epochs=-1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    seen = []
    model.on_train_batch_end = lambda *args: seen.append(trainer.global_step)  # type: ignore[method-assign]
    trainer.fit(model, loader)
    assert seen == [1, 2, 3, 4, 5]


GOLD = ["a", "b", "no_relation", "a", "b", "b", "a"]
PREDICTED = ["a", "a", "b", "a", "no_relation", "b", "b"]


def _score_of_a_process(rank: int, port: int, results: mp.SimpleQueue) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    metric = TacredScore(["a", "b"])
    metric.update(GOLD[rank::2], PREDICTED[rank::2])
    results.put(metric.compute()["f1"])
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_defect_14_scores_are_those_of_all_processes() -> None:
    """Metrics were per process under DDP."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    results = mp.get_context("fork").SimpleQueue()
    mp.start_processes(_score_of_a_process, (port, results), nprocs=2, start_method="fork")
    expected = tacred_scores(GOLD, PREDICTED)["f1"]
    assert [results.get(), results.get()] == pytest.approx([expected, expected])
