"""Commands that users of the published systems type, as they stand, with small stand-ins at the names they use."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertModel

if TYPE_CHECKING:
    from tests.commands import Commands

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "data" / "sample"
FAST = ["+trainer.fast_dev_run=true", "extras.print_config=false"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with the models that the commands name, tiny ones."""
    from transferlab.encoders.sources import resolve

    place = tmp_path_factory.mktemp("work")
    tokenizer = AutoTokenizer.from_pretrained(resolve("minilm"))
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    for seed, name in enumerate(("models/pretrained/bert-base-cased-coref-hoi", "bert-base-cased-finetuned-mrpc")):
        torch.manual_seed(seed)
        BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(place / name)
        tokenizer.save_pretrained(place / name)
    return place


@pytest.fixture(scope="module")
def run(place: Path, commands: Commands) -> Callable[..., str]:
    """Run ``python src/<entrypoint>.py ...`` from the working directory."""

    def run(command: str, *more: str) -> str:
        python, script, *arguments = command.split()
        assert python == "python"
        flags = [argument for argument in arguments if argument.startswith("--")]
        overrides = [argument for argument in arguments if argument not in flags]
        ours = ("PROJECT_ROOT", "TRANSFERLAB_RUN_ID")
        environment = {key: value for key, value in os.environ.items() if key not in ours}
        environment |= {"CONLL2003_DIR": str(SAMPLE / "conll2003"), "CONLL2012_DIR": str(SAMPLE / "conll2012")}
        logs = f"paths.log_dir={place / 'logs'}"
        done = commands.run(script, *overrides, logs, *more, *flags, cwd=place, env=environment)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


@pytest.fixture(scope="module")
def ner_model(place: Path, run: Callable[..., str]) -> Path:
    run(
        "python src/train.py experiment=conll2003 trainer.max_epochs=20 datamodule.batch_size=64",
        f"model_save_dir={place / 'ner'}",
        "encoder=bert-base-cased-finetuned-mrpc",
        "trainer.max_epochs=1",
        "+trainer.limit_train_batches=2",
        "+trainer.limit_val_batches=1",
        "+trainer.limit_test_batches=1",
        "extras.print_config=false",
    )
    return place / "ner"


@pytest.mark.slow
def test_train_on_the_sample(run: Callable[..., str]) -> None:
    run("python src/train.py +trainer.fast_dev_run=true", "extras.print_config=false")


@pytest.mark.slow
def test_ner_is_trained_evaluated_predicted_and_scored(place: Path, run: Callable[..., str], ner_model: Path) -> None:
    cpu = ["trainer.accelerator=cpu", "extras.print_config=false"]
    evaluate = f"python src/evaluate.py dataset=conll2003 model_name_or_path={ner_model}"
    assert "F1" in run(evaluate, *cpu, "datamodule.select_n.test=8")
    predict = f"python src/predict.py dataset=conll2003 model_name_or_path={ner_model} +pipeline.device=cpu"
    run(predict, "select_n=8", "extras.print_config=false")
    (predictions,) = (place / "logs").rglob("predictions.jsonl")
    score = f"python src/evaluate_documents.py metric=f1 metric.layer=entities +dataset.data_dir={predictions}"
    assert "F1" in run(score, "extras.print_config=false")


@pytest.mark.slow
def test_reverse_probing_over_seeds(place: Path, run: Callable[..., str]) -> None:
    command = (
        "python src/train.py experiment=conll2012_coref_hoi_multimodel_base "
        "+model.pretrained_models={bert-base-cased-coref-hoi:models/pretrained/bert-base-cased-coref-hoi,"
        "bert-base-cased-mrpc:bert-base-cased-finetuned-mrpc} "
        "+model.freeze_models=[bert-base-cased-coref-hoi,bert-base-cased-mrpc] +model.aggregate=attention "
        "model.task_learning_rate=1e-4 trainer=cpu +model.truncate_models.bert-base-cased-mrpc=2 seed=1,2,3 "
        "+wandb_watch=attention_activation +hydra.callbacks.save_job_return.integrate_multirun_result=true --multirun"
    )
    small = ["model.ffnn_size=8", "model.max_span_width=3", "trainer.max_epochs=1", "callbacks.model_summary=null"]
    few = [f"datamodule.select_n.{split}=2" for split in ("train", "validation", "test")]
    run(command, *small, *few, "extras.print_config=false", "callbacks.rich_progress_bar=null")
    (result,) = (place / "logs").rglob("multirun_result.json")
    (setting,) = json.loads(result.read_text())["settings"]
    assert setting["completed"] == 3 and setting["metrics"]["test/conll_f1"]["count"] == 3
    assert "test/attention/bert-base-cased-mrpc/mean" in setting["metrics"]
