"""Command lines before Hydra reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from transferlab.utils.command_line import OPTIONAL, understood
from transferlab.utils.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        ("logger=null", "~logger"),
        ("callbacks=", "~callbacks"),
        ("serializer=none", "~serializer"),
        ("features=none", "features=off"),
        ("encoder=none", "encoder=none"),
        ("features=null", "features=off"),
        ("seed=null", "seed=null"),
        ("+logger=null", "+logger=null"),
        ("experiment=[ner,probing]", "experiment=[ner,probing]"),
        ("experiment=[ner,probing],[re,probing]", "experiment=[ner,probing],[re,probing]"),
        ("experiment=conll2012-coref", "experiment=conll2012_coref"),
        ("experiment=[conll2012-ner,probing]", "experiment=[conll2012_ner,probing]"),
        ("+recipe=emnlp2020-classification", "+recipe=emnlp2020_classification"),
        ("experiment=ner-coref", "experiment=ner-coref"),
        ("encoder=bert-base-cased", "encoder=bert-base-cased"),
    ],
)
def test_arguments_are_what_is_meant(argument: str, meant: str) -> None:
    assert understood(["train.py", argument], CONFIGS) == ["train.py", meant]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("m={a:x/y,b-c:z}", "m={a:x/y,b-c:z}"),
        ("m=a:x/y m=b-c:z", "m={a:x/y,b-c:z}"),
        ("+m.k=a:x seed=1 +m.k=b:y +m.k=c:/z other=a:x", "+m.k={a:x,b:y,c:/z} seed=1 other=a:x"),
        ("m={a:x}", "m={a:x}"),
        ("encoder=c:/models encoder=x", "encoder=c:/models encoder=x"),
        ("seed=1 seed=2 seed=1", "seed=1 seed=2 seed=1"),
    ],
)
def test_a_mapping_that_a_shell_made_words_of_is_one(typed: str, meant: str) -> None:
    assert understood(["train.py", *typed.split()], CONFIGS) == ["train.py", *meant.split()]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("experiment=ner -m seed=1,2", "experiment=ner seed=1,2 -m"),
        ("--multirun experiment=ner seed=1,2", "experiment=ner seed=1,2 --multirun"),
        ("-c job experiment=ner", "experiment=ner -c job"),
        ("experiment=ner --cfg=job seed=1", "experiment=ner seed=1 --cfg=job"),
        ("--config-name train seed=1 --info defaults", "seed=1 --config-name train --info defaults"),
        ("--info seed=1", "seed=1 --info"),
        ("-cjob ~logger", "~logger -cjob"),
    ],
)
def test_flags_stand_anywhere(typed: str, meant: str) -> None:
    assert understood(["train.py", *typed.split()], CONFIGS) == ["train.py", *meant.split()]


@pytest.mark.parametrize(
    "task", ["ner", "coref", "litbank_ner", "litbank_coref", "mrpc", "squad_v2", "semeval2010_task8"]
)
def test_a_task_that_would_undo_the_probe_before_it_is_refused_with_the_order(task: str) -> None:
    with pytest.raises(ConfigError, match=rf"experiment=\[{task},probing\]"):
        understood(["train.py", f"experiment=[probing,{task}]"], CONFIGS)
    with pytest.raises(ConfigError, match="probing"):
        understood(["train.py", f"experiment=[{task},probing],[probing,{task}]"], CONFIGS)


def test_personal_settings_that_are_asked_for_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "laptop.yaml").write_text("seed: 1\n")
    for good in ("local=laptop", "local=null", "local=[laptop]", "localx=x"):
        understood(["train.py", good], tmp_path)
    with pytest.raises(ConfigError, match=r"local=labtop.*labtop\.yaml; did you mean laptop"):
        understood(["train.py", "local=labtop"], tmp_path)
    with pytest.raises(ConfigError, match="choose one of laptop"):
        understood(["train.py", "local=laptop,x"], tmp_path)
    understood(["train.py", "local=x", "--config-dir", "elsewhere"], tmp_path)


def test_only_personal_settings_are_optional() -> None:
    roots = [file.read_text(encoding="utf-8") for file in CONFIGS.rglob("*.yaml")]
    groups = {line.split()[2] for text in roots for line in text.splitlines() if line.startswith("  - optional ")}
    assert groups == {f"{OPTIONAL}:"}
