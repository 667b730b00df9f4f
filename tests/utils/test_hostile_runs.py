"""A run's or a sweep's directory, whoever wrote it, decides nothing that is executed, read from the environment or
written elsewhere; what honest runs hold still goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from transferlab.callbacks.sweep_results import collect
from transferlab.reporting.sweep_report import report_sweeps
from transferlab.utils.config_checks import check_targets
from transferlab.utils.errors import UserError
from transferlab.utils.instantiate import build
from transferlab.utils.resume import PRIMARY, resumed_command
from transferlab.utils.run_files import RunFileError
from transferlab.utils.targets import WANDB, UntrustedError


@pytest.fixture(scope="module")
def honest() -> dict[str, Any]:
    """The config that a run of ours leaves behind."""
    configs = Path(__file__).resolve().parents[2] / "configs"
    with initialize_config_dir(str(configs), version_base="1.3"):
        cfg = compose("train", overrides=["experiment=litbank_coref", "logger=many_loggers", "seed=7"])
    content = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(content, dict)
    return content


@pytest.fixture
def run_dir(honest: dict[str, Any], tmp_path: Path) -> Callable[..., Path]:
    def make(changes: dict[str, Any] | None = None, name: str = "run", header: str = "") -> Path:
        place = tmp_path / name
        (place / ".hydra").mkdir(parents=True)
        (place / "checkpoints").mkdir()
        (place / "checkpoints" / "last.ckpt").touch()
        config = OmegaConf.create(honest)
        for key, value in (changes or {}).items():
            OmegaConf.update(config, key, value, force_add=True)
        (place / ".hydra" / "config.yaml").write_text(header + OmegaConf.to_yaml(config))
        return place

    return make


def resumed(place: Path, *others: str) -> list[str]:
    return resumed_command(["train.py", f"resume={place}", *others])


def known_to_hydra() -> Any:
    return OmegaConf.to_container(ConfigStore.instance().load(f"{PRIMARY}.yaml").node, resolve=False)


def touch(place: Path) -> dict[str, Any]:
    return {"_target_": "os.system", "command": f"touch {place / 'marker'}"}


def test_an_honest_run_goes_on_with_its_config(run_dir, honest):
    place = run_dir({"model_save_dir": "${paths.model_dir}/pretrained/coref", "trust": ["os"], "resume": "/elsewhere"})
    command = resumed(place, "trainer.max_epochs=3")
    assert command[-2:] == [f"resume='{place}'", "trainer.max_epochs=3"]
    config = known_to_hydra()
    assert config["model"] == honest["model"] and config["seed"] == 7
    assert config["trust"] == [] and config["ckpt_path"] == str(place / "checkpoints" / "last.ckpt")
    assert resumed_command(command) == command, "a further rank takes the command as it is"


@pytest.mark.parametrize("name", ["it's", "a=b, c", "größe", "back\\slash", "quote\"d"])  # fmt: skip
def test_directories_of_any_name_are_resumed(run_dir, name):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    place = run_dir(name=name)
    command = resumed(place)
    directory = next(argument for argument in command if argument.startswith("hydra.run.dir="))
    assert OverridesParser.create().parse_override(directory).value() == str(place)
    quoted = "'" + str(place).replace("'", "\\'") + "'"
    assert resumed_command(["train.py", f"resume={quoted}"]) == command


HOSTILE: dict[str, dict[str, Any]] = {
    "another class": {"callbacks.x": {"_target_": "os.system", "command": "touch marker"}},
    "in an argument": {"callbacks.early_stopping.patience": {"_target_": "builtins.eval", "_args_": ["1"]}},
    "in a list": {"trainer.plugins": [[{"_target_": "subprocess.run", "args": "true", "_partial_": True}]]},
    "in positional arguments": {"trainer._args_": [{"_target_": "pickle.loads"}]},
    "torch.load": {"model.head": {"_target_": "torch.load", "f": "x", "weights_only": False}},
    "pandas": {"dataset": {"_target_": "pandas.read_pickle", "filepath_or_buffer": "x"}},
    "joblib": {"dataset._target_": "joblib.load"},
    "a module of ours that is no room": {"dataset._target_": "transferlab.documents.json.loads"},
    "a writer of ours": {"dataset._target_": "transferlab.documents.write_atomically"},
    "an interpolated target": {"dataset._target_": "${task_name}"},
    "a target that is no name": {"dataset._target_": "transferlab.data.readers.x();os"},
    "a class that writes, as data": {"dataset": {"_target_": "pytorch_lightning.callbacks.ModelCheckpoint"}},
    "nodes for Hydra": {"hydra": {"callbacks": {"x": {"_target_": "os.system"}}}},
    "environment for Hydra": {"hydra.job.env_set.LD_PRELOAD": "x.so"},
    "search path": {"hydra.searchpath": ["file:///tmp"]},
    "a defaults list": {"defaults": [{"override hydra/launcher": "joblib"}]},
    "a secret": {"task_name": "${oc.env:AWS_SECRET_ACCESS_KEY}"},
    "a secret as a default": {"task_name": "${oc.select:nothing,'${oc.env:AWS_SECRET_ACCESS_KEY}'}"},
    "a variable that is computed": {"task_name": "${oc.env:${monitor}}"},
    "a resolver that is computed": {"task_name": "${oc.${monitor}:HOME}"},
    "a secret where it is read once more": {"task_name": "\\${oc.env:AWS_SECRET_ACCESS_KEY}"},
    "decoding": {"task_name": "${oc.decode:${monitor}}"},
    "creating": {"callbacks.x": "${oc.create:${tags}}"},
    "a variable of a reader": {"dataset.variable": "AWS_SECRET_ACCESS_KEY"},
    "an upload": {"push_to_hub": "someone/model"},
    "W&B elsewhere": {"logger.wandb.settings": {"base_url": "https://example.org"}},
    "checkpoints elsewhere": {"callbacks.model_checkpoint.dirpath": "/somewhere"},
    "checkpoints at a relative place": {"callbacks.model_checkpoint.dirpath": "src"},
    "checkpoints by name": {"callbacks.last_checkpoint.filename": "../../x"},
    "a log elsewhere": {"logger.csv.save_dir": "~"},
    "a log by name": {"logger.csv.name": "../../x"},
    "a log at an address": {"logger.csv.save_dir": "s3://bucket/x"},
    "files of the trainer": {"trainer.default_root_dir": "${paths.root_dir}"},
    "places as data": {"callbacks.x": "${zeal}", "zeal": {"dirpath": "/somewhere"}},
    "a model elsewhere": {"model_save_dir": "/somewhere/model"},
    "a model through our folder": {"model_save_dir": "${paths.model_dir}/../../x"},
    "a folder of models": {"model_save_dir": "${paths.model_dir}/x", "paths.model_dir": "/somewhere"},
    "features elsewhere": {"features.directory": "/somewhere"},
    "features of a probe elsewhere": {"probes": {"model.features": [{"directory": "/somewhere"}]}},
    "features of interpolated probes": {"probes": "${zeal}", "zeal": {"model.features.directory": ["/somewhere"]}},
    "a class of a probe": {"probes": {"model.head": [{"_target_": "os.system"}]}},
    "a variable by position": {"dataset": {"_target_": "transferlab.data.readers.columns.ColumnReader",
                                           "_args_": [{}, None, "AWS_SECRET_ACCESS_KEY"]}},
    "positional arguments elsewhere": {"zeal": {"x": [{"_args_": "${tags}"}]}},
    "a writer as data, interpolated": {"dataset": "${zeal}",
                                       "zeal": {"_target_": "pytorch_lightning.callbacks.ModelCheckpoint"}},
    "W&B of a stranger": {"logger.wandb.entity": "stranger"},
    "W&B among callbacks": {"callbacks.x": {"_target_": WANDB, "save_dir": ".", "settings": {"base_url": "x"}}},
    "W&B in an argument": {"model.x": [{"_target_": WANDB, "save_dir": ".", "entity": "stranger"}]},
    "W&B interpolated": {"logger": "${zeal.x}", "zeal.x.y": {"_target_": WANDB, "entity": "${zeal.z}"}, "zeal.z": "a"},
}  # fmt: skip


@pytest.mark.parametrize("changes", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_config_is_refused_before_hydra_reads_it(run_dir, tmp_path, monkeypatch, changes):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very secret")
    ConfigStore.instance().repo.pop(f"{PRIMARY}.yaml", None)
    place = run_dir(changes)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UntrustedError) as error:
        resumed(place)
    assert "very secret" not in str(error.value)
    assert f"{PRIMARY}.yaml" not in ConfigStore.instance().repo
    assert not (tmp_path / "marker").exists()


def test_a_hostile_config_is_named_by_its_key(run_dir):
    with pytest.raises(UntrustedError, match=r"callbacks\.mine\._target_='os\.system'.*trust="):
        resumed(run_dir({"callbacks.mine": {"_target_": "os.system"}}))
    with pytest.raises(UntrustedError, match=r"task_name.*AWS_SECRET_ACCESS_KEY"):
        resumed(run_dir({"task_name": "${oc.env:AWS_SECRET_ACCESS_KEY}"}, name="second"))


def test_what_the_caller_says_overrules_the_run(run_dir, monkeypatch):
    monkeypatch.setenv("MINE", "1")
    place = run_dir({"push_to_hub": "someone/model", "features.directory": "/somewhere", "tags": ["${oc.env:MINE}"],
                     "callbacks.x": {"_target_": "mypackage.callbacks.Watch"}})  # fmt: skip
    given = ["push_to_hub=null", "features.directory=/scratch/features", "trust=[mypackage,MINE]"]
    assert resumed(place, *given)[-3:] == given
    for missing in given:
        with pytest.raises(UntrustedError):
            resumed(place, *(one for one in given if one != missing))
    with pytest.raises(UntrustedError):  # a mapping is merged with the run's
        resumed(place, *given[:1], "features={dtype: float32}", given[2])


def test_a_group_that_the_caller_adds_leaves_the_runs_own_part_checked(run_dir):
    given = "+callbacks=learning_rate"
    for name, hostile in (("class", {"_target_": "os.system"}), ("place", {"dirpath": "/somewhere"})):
        place = run_dir({"callbacks.x": hostile}, name=name)
        with pytest.raises(UntrustedError, match=r"callbacks\.x"):
            resumed(place, given)
        resumed(place, given, "~callbacks.x")


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch marker']",
        "seed: !!python/name:os.system",
        "a: &x [1]\nb: *x",
        "a: [1",
        "just words",
        "1",
        "[x]",
        "paths: x",
        "task_name: ${nothing.here}",
        "[" * 5000,
        "",
    ],
)
def test_a_file_that_is_no_config_is_refused(run_dir, tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    place = run_dir()
    (place / ".hydra" / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=r"config\.yaml"):
        resumed(place)
    assert not (tmp_path / "marker").exists()


def test_a_package_header_moves_nothing_into_hydra(run_dir):
    place = run_dir({"callbacks": None}, header="# @package hydra\n")
    resumed(place)
    assert ConfigStore.instance().load(f"{PRIMARY}.yaml").package is None
    assert known_to_hydra()["seed"] == 7


def test_links_out_of_a_run_are_refused(run_dir, tmp_path):
    place = run_dir()
    (place / "train.log").symlink_to(tmp_path / ".bashrc")
    with pytest.raises(RunFileError, match=r"train\.log.*\.bashrc"):
        resumed(place)
    (place / "train.log").unlink()
    (place / "log").symlink_to(place / "checkpoints" / "last.ckpt")
    logs = place / "wandb" / "run-1" / "logs"
    logs.mkdir(parents=True)
    (place / "wandb" / "latest-run").symlink_to("run-1")
    cache = tmp_path / "cache" / "wandb" / "logs"
    (logs / "debug-core.log").symlink_to(cache / "core-debug-20250101.log")
    resumed(place)
    for name, target in (
        ("x", tmp_path),
        ("debug-core.log", tmp_path / ".bashrc"),
        ("x.log", cache / "core-debug-1.log"),
    ):
        (logs / name).unlink(missing_ok=True)
        (logs / name).symlink_to(target)
        with pytest.raises(RunFileError, match=name):
            resumed(place)
        (logs / name).unlink()


def test_a_place_that_is_missing_is_called_so(run_dir):
    with pytest.raises(UserError, match=r"callbacks\.model_checkpoint\.dirpath is missing"):
        resumed(run_dir({"callbacks.model_checkpoint.dirpath": "???"}))


TARGETS = {
    "pytorch_lightning.Trainer": True,
    "pytorch_lightning.callbacks.EarlyStopping": True,
    "pytorch_lightning.strategies.DDPStrategy": True,
    "torch.optim.AdamW": True,
    "transferlab.data.readers.jsonl.JsonLinesReader": True,
    "transferlab.models.coreference_model.CoreferenceModel": True,
    "transferlab.utils.wandb_logger.wandb_logger": True,
    "pytorch_lightning.loggers.wandb.os.system": False,
    "pytorch_lightning.LightningModule.load_from_checkpoint": False,
    "pytorch_lightning.cli.LightningCLI": False,
    "pytorch_lightning.loggers.MLFlowLogger": False,
    "pytorch_lightning.utilities.migration.utils.pl_legacy_patch": False,
    "torch.optim.lr_scheduler.partial": False,
    "transferlab.data.readers.table.json.JSONDecoder": False,
    "transferlab.utils.new_folder.shutil.rmtree": False,
    "transferlab.models.saving.save_model": False,
    "transferlab.data.readers.jsonl.JsonLinesReader.read": False,
    "os.system": False,
    "hydra.utils.instantiate": False,
}


@pytest.mark.parametrize(("target", "allowed"), TARGETS.items(), ids=TARGETS)
def test_only_classes_that_configs_are_made_for_are_built_from_a_run(target, allowed):
    node = {"_target_": target, "_partial_": True}
    hers = OmegaConf.create({"resume": None, "trust": [], "callbacks": {"x": node}})
    runs = OmegaConf.create({"resume": "run", "trust": [], "callbacks": {"x": {"y": [node]}}})
    check_targets(hers)
    if allowed:
        check_targets(runs)
        assert build(runs.callbacks)["x"]["y"]
        return
    for refuse in (check_targets, lambda cfg: build(cfg.callbacks.x)):
        with pytest.raises(UntrustedError, match="trust="):
            refuse(runs)
    runs.trust = [target.partition(".")[0]]
    check_targets(runs)


def test_arguments_that_come_from_data_are_no_interpolations(monkeypatch):
    monkeypatch.setenv("SECRET", "very secret")
    labels = ["${oc.env:SECRET}", "${", {"_target_": "os.system", "command": "touch marker"}]
    made = build(OmegaConf.create({"_target_": "types.SimpleNamespace", "a": [1]}), labels=labels)
    assert made.labels == labels and made.a == [1] and type(made.a) is list


def sweep_dir(place: Path, task: Any, hydra: Any = ()) -> Path:
    place.mkdir()
    (place / "multirun.yaml").write_text(
        OmegaConf.to_yaml({"hydra": {"overrides": {"task": task, "hydra": list(hydra)}}, "paths": {"model_dir": "/x"}})
    )
    return place


def test_an_honest_sweep_goes_on_with_its_overrides(tmp_path):
    task = [
        "experiment=coref", "seed=1,2,3", "sources=[ner],[re]", "+model.truncate_models.target=range(1,7)",
        "probes={model.truncate_models: [{target: 1}, {target: 2}]}", "encoder=../models/x",
        "~callbacks.early_stopping",
        "model_save_dir=${paths.model_dir}/pretrained/${task_name}", "dataset.data_dir=/corpora/litbank",
        "+trainer.fast_dev_run=true", "logger=wandb", "logger.wandb.project=mine", "tags=[a,'b c']", "features=off",
        "dataset.data_dir='${oc.env:LITBANK_DIR}'", "callbacks.model_checkpoint.monitor=val/f1", "trainer=gpu",
        "model={head: bilinear}", "hparams_search=optuna",
        "experiment=glob(*)", "task_name='my run'", "logger.wandb.entity=null",
    ]  # fmt: skip
    hydra = [
        "hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu", "hydra.launcher.mem_gb=16",
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=4", "hydra.sweeper.params={model.task_learning_rate: 'tag(log, interval(1e-5, 1e-3))'}",
        "hydra.sweep.subdir=job_${hydra.job.num}",
    ]  # fmt: skip
    place = sweep_dir(
        tmp_path / "it's", [*task, "trust=[evil]", "resume='/elsewhere'"], [*hydra, "hydra.mode=MULTIRUN"]
    )
    command = resumed(place, "trust=[mypackage]")
    directory = "'" + str(place).replace("'", "\\'") + "'"
    own = [f"hydra.sweep.dir={directory}", f"resume={directory}"]
    assert command == ["train.py", "--multirun", *task, *hydra, *own, "trust=[mypackage]"]


@pytest.mark.parametrize(
    "override",
    [
        "hydra.launcher._target_=os.system",
        "+hydra.callbacks.x={_target_: os.system}",
        "hydra.launcher.setup=['touch marker']",
        "hydra.launcher.partition='a\n#SBATCH --wrap=x'",
        "hydra.launcher.partition='$(touch marker)'",
        "hydra.sweeper.storage='mysql://x'",
        "hydra.sweeper.params={+callbacks.x._target_: 'choice(os.system,os.abort)'}",
        "hydra.sweeper.params={hydra.job.chdir: 'true'}",
        "hydra.sweep.subdir=../../x",
        "hydra.sweep.subdir=${task_name}",
        "hydra.sweep.subdir=x/${hydra.job.override_dirname}",
        "experiment=glob(../*)",
        "+dataset._args_=[{},null,AWS_SECRET_ACCESS_KEY]",
        "probes={model.features: [{directory: /somewhere}]}",
        "+probes={model.features.directory: [/somewhere]}",
        "probes=${extras.z}",
        "+callbacks.x=${extras.z}",
        "callbacks.last_checkpoint.filename=${extras.z}",
        "logger.wandb.entity=stranger",
        f"+callbacks.x={{_target_: {WANDB}, entity: stranger}}",
        f"+extras.z._target_={WANDB}",
        "+hydra.job.env_set.LD_PRELOAD=x",
        "hydra.searchpath=[file:///tmp]",
        "hydra/launcher=../../../evil",
        "hydra.job_logging.handlers.file.class=os.system",
        "--config-dir=/tmp",
        "-cd",
        "--multirun",
        "experiment=../../logs/evil",
        "experiment='/tmp/evil'",
        "+experiment@hydra.callbacks=coref",
        "+callbacks.x._target_=os.system",
        "callbacks={x: {_target_: os.system}}",
        "callbacks.x._target_=choice(os.system,os.abort)",
        "+trainer.plugins=[{_target_: os.system}]",
        "task_name=${oc.env:AWS_SECRET_ACCESS_KEY}",
        "task_name=choice('${oc.env:AWS_SECRET_ACCESS_KEY}',b)",
        "task_name=../../x",
        "tags=['${oc.env:AWS_SECRET_ACCESS_KEY}']",
        "dataset.variable=AWS_SECRET_ACCESS_KEY",
        "push_to_hub=someone/model",
        "paths.root_dir=/tmp",
        "paths.model_dir=/tmp/models",
        "model_save_dir=/somewhere",
        "model_save_dir=${paths.model_dir}/../../x",
        "callbacks.model_checkpoint.dirpath=/somewhere",
        "features.directory=/somewhere",
        "logger.wandb.settings={base_url: 'https://example.org'}",
        "+logger.mine._target_=pytorch_lightning.loggers.MLFlowLogger",
        "a=(",
        7,
    ],
)
def test_a_hostile_override_is_refused_before_hydra_reads_it(tmp_path, override):
    for task, hydra in (([override], []), ([], [override])):
        place = sweep_dir(tmp_path / f"sweep{len(task)}", task, hydra)
        with pytest.raises(UntrustedError, match=r"sweep|directory|variable|resolver"):
            resumed(place)


@pytest.mark.parametrize(
    "subdir", ["seed_${seed}", "${hydra.job.num}", "${hydra.job.override_dirname}", "job_${seed}.x"]
)
def test_names_of_the_jobs_directories_stay_below_their_sweep(tmp_path, subdir):
    hydra = [f"hydra.sweep.subdir={subdir}"]
    place = sweep_dir(tmp_path / "sweep", ["seed=1,2", "experiment=coref"], hydra)
    assert hydra[0] in resumed(place)
    climbing = sweep_dir(tmp_path / "climbing", ["seed=1,2", "encoder=/../../../x"], hydra)
    if "override_dirname" in subdir:
        with pytest.raises(UntrustedError, match="override_dirname"):
            resumed(climbing)
    else:
        resumed(climbing)


def test_records_of_jobs_are_data(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "very secret")
    job = tmp_path / "0"
    (job / ".hydra").mkdir(parents=True)
    (job / ".hydra" / "overrides.yaml").write_text(
        "- task_name=${oc.env:SECRET}\n- model_save_dir=${paths.model_dir}/x\n"
    )
    assert collect(tmp_path)["jobs"][0]["overrides"] == [
        "task_name=${oc.env:SECRET}",
        "model_save_dir=${paths.model_dir}/x",
    ]
    (job / "config_resolved.yaml").write_text("monitor: ${oc.env:SECRET}\n")
    jobs = [{"job": "0", "status": "completed", "overrides": [], "metrics": {"val/f1": 0.5}}]
    (tmp_path / "multirun_result.json").write_text(str({"jobs": jobs}).replace("'", '"'))
    with pytest.raises(UserError, match=r"\$\{oc\.env:SECRET\}"):
        report_sweeps([tmp_path])
    jobs[0]["job"] = "../elsewhere"
    (tmp_path / "multirun_result.json").write_text(str({"jobs": jobs}).replace("'", '"'))
    with pytest.raises(RunFileError, match="elsewhere"):
        report_sweeps([tmp_path])


@pytest.mark.slow
def test_the_entrypoint_refuses_a_hostile_run(run_dir, tmp_path, commands):
    marker = tmp_path / "marker"
    place = run_dir({"callbacks.x": touch(tmp_path), "zeal": "${oc.env:MY_SECRET}"})
    before = sorted(place.rglob("*"))
    done = commands.run("src/train.py", f"resume={place}", cwd=tmp_path, env=os.environ | {"MY_SECRET": "secret!"})
    assert done.returncode == 1 and "os.system" in done.stderr and "Traceback" not in done.stderr
    assert "secret!" not in done.stdout + done.stderr
    assert not marker.exists() and sorted(place.rglob("*")) == before


def test_every_object_of_a_config_is_built_in_one_place(project_root):
    naming = [
        file.name
        for file in (project_root / "src").rglob("*.py")
        if "hydra.utils import instantiate" in (text := file.read_text()) or "hydra.utils.instantiate" in text
    ]
    assert naming == ["instantiate.py"]


def test_a_hostile_checkpoint_has_no_file_elsewhere_removed_or_read(tmp_path):
    """Lightning keeps the paths of the best checkpoints in a checkpoint, and removes those that are surpassed."""
    from types import SimpleNamespace

    from pytorch_lightning.callbacks import ModelCheckpoint

    from transferlab.callbacks.best_epoch import best_checkpoint
    from transferlab.callbacks.checkpoints import WholeFiles

    own, victim = tmp_path / "run" / "checkpoints", tmp_path / "victim.ckpt"
    victim.touch()
    files = WholeFiles()
    files.save_checkpoint({}, own / "epoch_000.ckpt")
    for path in (victim, own / ".." / ".." / "victim.ckpt", tmp_path, "s3://bucket/x", own / "epoch_000.ckpt"):
        files.remove_checkpoint(path)
    files.save_checkpoint({}, own / "epoch_001.ckpt")
    assert victim.exists() and [file.name for file in own.iterdir()] == ["epoch_001.ckpt"]

    callback = ModelCheckpoint(dirpath=own)
    trainer: Any = SimpleNamespace(lightning_module=None, checkpoint_callback=callback)
    assert best_checkpoint(trainer) is None
    for path in (own / "epoch_001.ckpt", "/before/it/was/moved/epoch_001.ckpt", "http://example.org/epoch_001.ckpt"):
        callback.best_model_path = str(path)
        assert best_checkpoint(trainer) == own / "epoch_001.ckpt"
