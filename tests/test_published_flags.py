"""The page of equivalents: every published flag has a row that composes, every published command one that runs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from transformers import AutoTokenizer, BertConfig, BertModel

from transferlab.encoders.sources import resolve
from transferlab.root_options import check_config
from transferlab.utils.contradictions import check_typed_together

if TYPE_CHECKING:
    from tests.commands import Commands

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "data" / "sample"
PAGE = (ROOT / "docs" / "published_flags.md").read_text(encoding="utf-8")
# of the nine scripts together
FLAGS = [
    "data_dir",
    "train_file",
    "predict_file",
    "labels",
    "model_type",
    "model_name_or_path",
    "task_name",
    "output_dir",
    "config_name",
    "tokenizer_name",
    "cache_dir",
    "train_data_subset",
    "eval_data_subset",
    "data_subset",
    "max_seq_length",
    "doc_stride",
    "max_query_length",
    "do_train",
    "do_eval",
    "version_2_with_negative",
    "evaluate_during_training",
    "do_lower_case",
    "finetune_feature_extractor",
    "per_gpu_train_batch_size",
    "per_gpu_eval_batch_size",
    "learning_rate",
    "gradient_accumulation_steps",
    "weight_decay",
    "adam_epsilon",
    "max_grad_norm",
    "num_train_epochs",
    "max_steps",
    "warmup_steps",
    "n_best_size",
    "max_answer_length",
    "null_score_diff_threshold",
    "verbose_logging",
    "logging_steps",
    "save_steps",
    "save",
    "overwrite_output_dir",
    "overwrite_cache",
    "eval_all_checkpoints",
    "no_cuda",
    "seed",
    "fp16",
    "fp16_opt_level",
    "local_rank",
    "server_ip",
    "server_port",
    "model_load_mode",
    "num_softmax_classifiers",
    "pow",
    "feature_type",
    "retain_gradients",
    "do_pooling",
    "use_labels",
    "num_trials_for_FIM",
    "FIM_scale",
    "finetune_classifier",
    "num_epochs",
    "batch_size",
]


def part(name: str) -> str:
    return PAGE.split(f"<!-- {name} -->")[1].split(f"<!-- end of {name} -->")[0]


ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in part("flags").splitlines() if "`" in line]
COMMANDS = [line.split() for line in part("commands").splitlines() if line.startswith("python ")]


def test_every_published_flag_has_a_row() -> None:
    named = {flag for row in ROWS for flag in re.findall(r"`(\w+)`", row[0])}
    assert named == set(FLAGS)


@pytest.mark.parametrize("row", ROWS, ids=[re.sub(r"\W+", "-", row[0].strip("`")) for row in ROWS])
def test_every_row_composes(row: list[str]) -> None:
    _, where, here, _ = row
    root, *experiment = where.split()
    overrides = here.strip("`").split()
    if root == "embed":
        experiment = [*experiment, "embedding=taskemb", "model_name_or_path=models/trained"]
    base = [f"experiment={experiment[0]}", *experiment[1:]] if experiment else []
    choices = [word.replace(",", r"\,") if root == "evaluate" else word for word in overrides]
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose(root, overrides=["paths.output_dir=/run", *base, *choices])
    check_config(cfg, root)
    check_typed_together(cfg, overrides)
    for key, value in (word.removeprefix("+").split("=", 1) for word in overrides):
        if key not in ("experiment", "trainer"):
            assert OmegaConf.select(cfg, key) == OmegaConf.from_dotlist([f"a={value}"]).a


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a tiny encoder under the published name."""
    place = tmp_path_factory.mktemp("work")
    tokenizer = AutoTokenizer.from_pretrained(resolve("minilm"))
    tokenizer.save_pretrained(place / "bert-base-uncased")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(place / "bert-base-uncased")
    return place


@pytest.mark.slow
def test_every_published_command_runs_on_the_sample(place: Path, commands: Commands) -> None:
    ours = ("PROJECT_ROOT", "TRANSFERLAB_RUN_ID")
    environment = {key: value for key, value in os.environ.items() if key not in ours}
    data = {"$MRPC": SAMPLE / "mrpc", "$SQUAD": SAMPLE / "squad", "$NER": SAMPLE / "conll2003"}
    few = ["datamodule.train_examples=12", "features=off", "extras.print_config=false", f"paths.model_dir={place}"]
    quick = ["trainer.max_epochs=1", "trainer=cpu", "datamodule.select_n.validation=4", "datamodule.select_n.test=4"]
    quick += ["keep_checkpoints=none", "callbacks.rich_progress_bar=null", "model.bert_learning_rate=1e-2"]
    assert len(COMMANDS) == 12
    sources = ["squad", "ner", "mrpc"]  # of the transfers, as published: from another family each
    for number, (python, script, *words) in enumerate(COMMANDS):
        assert python == "python"
        family = ("mrpc", "squad", "ner")[number % 3]
        trained = place / "logs" / family
        values = {
            **data,
            "$SOURCE": place / "logs" / sources[number % 3] / "epochs" / "001",
            "$MODEL": trained / "model",
        }
        typed = [re.sub(r"\$\w+", lambda found, values=values: str(values[found[0]]), word) for word in words]
        more = [*few, *(quick if script == "src/train.py" else ["trainer=cpu"])]
        if number < 3:
            more.append(f"hydra.run.dir={trained}")
        more.append(f"paths.log_dir={place / 'logs'}")
        if "question_answering" in " ".join(words):  # long rows take long
            more += ["taskmodule.max_segment_len=64", "taskmodule.doc_stride=16", "taskmodule.max_question_length=24"]
        done = commands.run(script, *typed, *more, cwd=place, env=environment)
        assert done.returncode == 0, done.stderr[-3000:]
    library = place / "task_embeddings"
    for task, components in (("mrpc", 20), ("squad_v2", 20), ("ner", 20)):
        assert np.load(library / task / "textemb" / "avg_sequence_output.npy").reshape(-1).shape == (16,)
        arrays = {file.stem: np.load(file) for file in (library / task / "taskemb").glob("*.npy")}
        assert len(arrays) > components and all(np.isfinite(array).all() for array in arrays.values())
        assert arrays["encoder.layer.0.layer_output"].shape == (16,)
    selects_a_source(library)


def selects_a_source(library: Path) -> None:
    """Run the example on the library, and hold it against cosines and reciprocal ranks computed plainly."""
    ranking = run_path(str(ROOT / "examples" / "select_source.py"))["main"](library, "ner")
    kinds = [column.split()[0] for column in ranking.columns[:-2]]
    assert set(kinds) == {"textemb"} and set(ranking.index) == {"mrpc", "squad_v2"}
    fused = dict.fromkeys(ranking.index, 0.0)
    for kind, column in zip(kinds, ranking.columns, strict=False):
        cosines = {}
        for source in ranking.index:
            one, other = (
                np.load(library / task / kind / f"{column.split()[1]}.npy").ravel().astype(np.float64)
                for task in ("ner", source)
            )
            cosines[source] = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert cosines == pytest.approx(ranking[column].to_dict(), abs=1e-6)
        for place, source in enumerate(sorted(cosines, key=cosines.__getitem__, reverse=True), start=1):
            fused[source] += 1 / (60 + place)
    assert fused == pytest.approx(ranking["score"].to_dict(), abs=1e-9)
    assert ranking["score"].is_monotonic_decreasing
    for name in ("map", "graph"):
        assert all((library / f"{kind}_{name}.png").stat().st_size > 5000 for kind in set(kinds))
