"""Commands that users of the published systems type, as they stand, with small stand-ins at the names they use.

A real bash reads each of them, unquoted braces included; tests/test_published_flags.py has the other system's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf, open_dict
from transformers import AutoTokenizer, BertConfig, BertModel

from transferlab.root_options import check_config
from transferlab.utils.command_line import understood

if TYPE_CHECKING:
    from tests.commands import Commands

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "data" / "sample"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with the models that the commands name, tiny ones."""
    from transferlab.encoders.sources import resolve

    place = tmp_path_factory.mktemp("work")
    tokenizer = AutoTokenizer.from_pretrained(resolve("minilm"))
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    hoi, mrpc = "models/pretrained/bert-base-cased-coref-hoi", "bert-base-cased-finetuned-mrpc"
    for seed, name in enumerate((hoi, mrpc, "bert-base-cased")):
        torch.manual_seed(seed)
        model = BertModel(BertConfig(vocab_size=len(tokenizer), **sizes))
        model.save_pretrained(place / name)
        tokenizer.save_pretrained(place / name)
        if name == hoi:  # as it was published: the state dict of a coreference model
            (place / name / "model.safetensors").unlink()
            weights = {f"bert.{key}": value for key, value in model.state_dict().items()}
            torch.save(weights | {"coarse_bilinear.bias": torch.zeros(2)}, place / name / "pytorch_model.bin")
    (place / "src").symlink_to(ROOT / "src")
    return place


def environment(place: Path) -> dict[str, str]:
    """That of a user who has told where the corpora are, and whose ``python`` is this one."""
    ours = ("PROJECT_ROOT", "TRANSFERLAB_RUN_ID")
    corpora = {f"{name.upper()}_DIR": str(SAMPLE / name) for name in ("conll2003", "conll2012", "squad", "tacred")}
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return {key: value for key, value in os.environ.items() if key not in ours} | corpora | path


def words_of(command: str, place: Path) -> list[str]:
    """The words that bash gives to the program which a command names."""
    show = 'python() { printf "%s\\0" "$@"; }\n'
    done = subprocess.run(["bash", "-c", show + command], capture_output=True, text=True, cwd=place, check=True)
    return done.stdout.split("\0")[:-1]


def test_bash_makes_words_of_braces(place: Path) -> None:
    assert words_of("python a.py +m={a:x,b:y} n=[a,b] 'p={a:x,b:y}'", place) == [
        "a.py", "+m=a:x", "+m=b:y", "n=[a,b]", "p={a:x,b:y}",
    ]  # fmt: skip


COREF = "train.py experiment=conll2012_coref_hoi_multimodel_base trainer=cpu"
NER = "train.py experiment=conll2012_ner-multimodel_base trainer=cpu"
RE = "train.py experiment=tacred-multimodel_base trainer=cpu"
ATTENTION = "+model.pretrained_models={a:models/a,b:b} +model.freeze_models=[a] +model.aggregate.type=attention"
KINDS: list[tuple[str, dict[str, Any]]] = [
    (f"{COREF} +model.pretrained_models={{a-b:models/a-b}} +model.freeze_models=[a-b] name=probing/some-task -m",
     {"model.pretrained_models.a-b": "models/a-b", "model.freeze_models": ["a-b"], "task_name": "probing_some-task"}),
    (f"{COREF} +model.pretrained_models={{a:models/a,b:b}} +model.aggregate.type=mean +model.normalize_embeddings=True",
     {"model.pretrained_models": {"a": "models/a", "b": "b"}, "model.normalize_embeddings": True}),
    (f"{COREF} {ATTENTION} +model.aggregate.mode_query=token +model.aggregate.mode_keys=token,cls,constant -m",
     {"model.aggregate": {"type": "attention", "mode_query": "token", "mode_keys": "token"}}),
    (f"{COREF} {ATTENTION} +model.aggregate.reuse_target_query_as_key=False "
     "+model.aggregate.project_target_value=False",
     {"model.aggregate.reuse_target_query_as_key": False, "model.aggregate.project_target_value": False}),
    (f"{COREF} {ATTENTION} +model.aggregate.use_outputs_from_last_n_layers=4 +model.truncate_models.a=2",
     {"model.aggregate.use_outputs_from_last_n_layers": 4, "model.truncate_models.a": 2}),
    (f"{COREF} +model.pretrained_models={{a:models/a}} +model.pretrained_configs.a.name_or_path=b "
     "+model.pretrained_configs.a.vocab_size=29034",
     {"model.pretrained_configs.a": {"name_or_path": "b", "vocab_size": 29034}}),
    (f"{COREF} {ATTENTION} +wandb_watch=attention_activation model.bert_learning_rate=1e-4,5e-5 seed=1,2,3 "
     "+hydra.callbacks.save_job_return.integrate_multirun_result=true --multirun",
     {"model.bert_learning_rate": 1e-4, "seed": 1, "wandb_watch.attention_activation.log_freq": 100}),
    (f'{NER} +model.pretrained_models.a=/models/a +model.pretrained_models.b=/models/b +model.freeze_models=[a,b] '
     '+model.aggregate=attention model.learning_rate=1e-3 validate=true "tags=[one+two,seeds]" -m',
     {"model.pretrained_models": {"a": "/models/a", "b": "/models/b"}, "model.task_learning_rate": 1e-3,
      "model.bert_learning_rate": 1e-3, "tags": ["one+two", "seeds"], "model.aggregate": "attention"}),
    (f"{RE} +model.pretrained_models.a=/models/a model.task_learning_rate=1e-3 seed=1031,1097",
     {"model.task_learning_rate": 1e-3, "model.bert_learning_rate": 2e-5}),
    ("train.py experiment=tacred_multimodel taskmodule.add_type_to_marker=false validate=True logger=wandb "
     "+logger.wandb.name=final",
     {"taskmodule.typed_markers": False, "logger.wandb.name": "final", "model.aggregate": "attention"}),
    ("train.py experiment=conll2012_coref_hoi_multimodel model.aggregate=sum +model.freeze_models=[bert-base-cased]",
     {"model.aggregate": "sum", "model.freeze_models": ["bert-base-cased"], "taskmodule.max_segment_len": 384}),
    ("train.py experiment=conll2003-multimodel logger=none callbacks=none trainer=ddp_sim",
     {"trainer.strategy": "ddp", "trainer.accelerator": "cpu", "trainer.devices": 2, "logger": None}),
    ("evaluate.py dataset=conll2012_ontonotesv5_preprocessed model_name_or_path=models/a,models/b "
     "datamodule.batch_size=1 +datamodule.test_split=validation trainer=cpu --multirun",
     {"split": "validation", "model_name_or_path": "models/a"}),
    ("predict.py dataset=conll2003 pipeline=ner_re_pipeline pipeline.ner_model_path=a pipeline.re_model_path=b "
     "serializer=json", {"pipeline.models": ["a", "b"]}),
    ("evaluate_documents.py metric=coref dataset=from_serialized_documents +dataset.data_dir=a.jsonl",
     {"dataset.data_dir": "a.jsonl"}),
]  # fmt: skip


@pytest.mark.parametrize(("command", "values"), KINDS)
def test_what_is_typed_is_what_the_config_says(command: str, values: dict[str, Any], place: Path) -> None:
    """Of a sweep, its first job."""
    script, *words = words_of(f"python {command}", place)
    root = script.removesuffix(".py")
    arguments = [word for word in understood([script, *words], ROOT / "configs")[1:] if not word.startswith("-")]
    first = []
    for override in OverridesParser.create().parse_overrides(arguments):
        swept = next(override.sweep_string_iterator()) if override.is_sweep_override() else None
        first.append(override.input_line if swept is None else f"{override.input_line.partition('=')[0]}={swept}")
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose(root, overrides=["paths.output_dir=/run", *first], return_hydra_config=True)
    with open_dict(cfg):
        del cfg["hydra"]
    check_config(cfg, root)
    for key, value in values.items():
        found = OmegaConf.select(cfg, key)
        assert (OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found) == value, key


@pytest.fixture(scope="module")
def run(place: Path, commands: Commands) -> Callable[..., str]:
    """Run ``python src/<entrypoint>.py ...`` from the working directory."""

    def run(command: str, *more: str) -> str:
        script, *arguments = words_of(command, place)
        flags = [argument for argument in arguments if argument.startswith("--")]
        overrides = [argument for argument in arguments if argument not in flags]
        logs = f"paths.log_dir={place / 'logs'}"
        done = commands.run(script, *overrides, logs, *more, *flags, cwd=place, env=environment(place))
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


QUIET = ["extras.print_config=false", "callbacks.rich_progress_bar=null", "callbacks.model_summary=null"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "python src/train.py trainer=cpu",  # on machines with one: trainer=gpu
        "python src/train.py +trainer.fast_dev_run=true",
        "python src/train.py experiment=conll2003",
        "python src/train.py trainer.max_epochs=20 datamodule.batch_size=64",
        "python src/train.py seed=42,43 --multirun",
        "python src/train.py experiment=squadv2",
        "python src/train.py experiment=conll2012_coref_hoi",
        "python src/train.py experiment=tacred-multimodel_base "
        "+model.pretrained_models={re:models/pretrained/bert-base-cased-coref-hoi,bert:bert-base-cased} "
        "+model.freeze_models=[re] model.aggregate=attention +wandb_watch=classifier_parameters logger=wandb",
    ],
)
def test_what_trains(command: str, run: Callable[..., str]) -> None:
    coref = not {"conll2003", "squadv2", "tacred"} & set(command.replace("-", "=").split("="))
    few = [f"datamodule.select_n.{split}=3" for split in ("train", "validation", "test")]
    small = ["model.ffnn_size=8", "model.max_span_width=3", *few] if coref else []
    fast = [] if "fast_dev_run" in command else ["+trainer.fast_dev_run=1"]
    run(command, *small, *fast, *QUIET)


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
def test_questions_are_predicted_scored_and_their_texts_measured(place: Path, run: Callable[..., str]) -> None:
    few = [f"datamodule.select_n.{split}=4" for split in ("train", "validation")]
    run(f"python src/train.py experiment=squadv2 model_save_dir={place / 'squadv2'}", *few, "trainer.max_epochs=1",
        "trainer.min_epochs=1", *QUIET)  # fmt: skip
    predict = f"python src/predict.py dataset=squad_v2 model_name_or_path={place / 'squadv2'} split=validation"
    run(predict, "select_n=4", QUIET[0])
    predictions = max((place / "logs" / "predict").rglob("predictions.jsonl"), key=lambda file: file.stat().st_mtime)
    documents = f"+dataset.data_dir={predictions}"
    assert "F1" in run(f"python src/evaluate_documents.py metric=f1_squad {documents}", QUIET[0])
    for metric in ("count_text_tokens metric.tokenizer=bert-base-cased", "count_text_characters"):
        assert "mean" in run(f"python src/evaluate_documents.py metric={metric} {documents}", QUIET[0])
    labels = "python src/evaluate_documents.py metric=count_entity_labels dataset=conll2003"
    assert "LOC" in run(labels, QUIET[0])


@pytest.mark.slow
def test_reverse_probing_over_seeds(place: Path) -> None:
    command = (
        "python src/train.py experiment=conll2012_coref_hoi_multimodel_base "
        "+model.pretrained_models={bert-base-cased-coref-hoi:models/pretrained/bert-base-cased-coref-hoi,"
        "bert-base-cased-mrpc:bert-base-cased-finetuned-mrpc} "
        "+model.freeze_models=[bert-base-cased-coref-hoi,bert-base-cased-mrpc] +model.aggregate=attention "
        "model.task_learning_rate=1e-4 trainer=cpu +model.truncate_models.bert-base-cased-mrpc=2 seed=1,2,3 "
        "+wandb_watch=attention_activation +hydra.callbacks.save_job_return.integrate_multirun_result=true --multirun"
    )
    small = ["model.ffnn_size=8", "model.max_span_width=3", "trainer.min_epochs=1", "trainer.max_epochs=1", *QUIET]
    few = [f"datamodule.select_n.{split}=2" for split in ("train", "validation", "test")]
    logs = f"paths.log_dir={place / 'probing'}"
    typed = command.replace("--multirun", " ".join([*small, *few, logs, "--multirun"]))
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, cwd=place, env=environment(place))
    assert done.returncode == 0, done.stderr[-3000:]
    (result,) = (place / "probing").rglob("multirun_result.json")
    (setting,) = json.loads(result.read_text())["settings"]
    assert setting["completed"] == 3 and setting["metrics"]["test/conll_f1"]["count"] == 3
    assert "test/attention/bert-base-cased-mrpc/mean" in setting["metrics"]
