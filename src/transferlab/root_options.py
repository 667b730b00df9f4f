"""The options of the root configs (``configs/train.yaml`` ...) and the check of a composed config against all options.

The classes are never made: their fields say the kind of each key, their docstrings what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from omegaconf import DictConfig, OmegaConf

from transferlab.data.readers.base import Split
from transferlab.utils.config_checks import check_root_keys, check_section, check_targets, locate, root_keys
from transferlab.utils.errors import ConfigError
from transferlab.utils.option_kinds import (
    Count,
    Days,
    Filled,
    FolderName,
    Natural,
    NonNegative,
    Repository,
    Seed,
    Text,
    show,
    words,
)
from transferlab.utils.options import Option, Options, options_of

_Name = Text | int
_Some = Text | Annotated[list[Text], Filled()]
_Parts = dict[str, Any]
_Objects = Mapping[str, _Parts | None] | None


@dataclass(frozen=True)
class Root:
    """Keys that every root config has.

    Attributes:
        task_name: names the folder of the runs under logs/.
        seed: of everything random.
        tags: shown by W&B.
        trust: packages whose classes a file of somebody else may name.
        paths: where things are.
        extras: what is printed.
    """

    task_name: FolderName | int
    seed: Seed
    tags: list[_Name]
    trust: str | list[str] | None
    paths: _Parts
    extras: _Parts | None


@dataclass(frozen=True)
class Train(Root):
    """Keys of train.py.

    Attributes:
        encoder: the encoder of a run with one encoder: minilm, a hub name, a folder or a saved model.
        sources: encoders out of configs/source, each whole or as <name>_<layers>.
        probes: several probes trained in one run: lists of values of sources, seed or keys of model.
        train: whether to train.
        validate: whether to score the validation split at the end.
        test: whether to score the test split at the end.
        ckpt_path: the Lightning checkpoint to start from.
        resume: the directory of the run, or of the sweep, to go on with.
        monitor: the score that tells a better epoch.
        monitor_mode: whether larger or smaller scores are better.
        model_save_dir: where the model is saved.
        model_load_mode: what is taken over from the saved model that encoder names.
        save_every_epoch: also save the model after each epoch, or after those with these numbers.
        keep_checkpoints: which checkpoints of a finished run are kept.
        push_to_hub: the repository that the model is uploaded to, <user>/<name>.
        copy_frozen_encoders: save frozen encoders with the model.
        callbacks: objects that take part in training, by name.
        logger: loggers by name.
        wandb_watch: what W&B is sent beside the scores.
        optimized_metric: the score that a sweeper is given.
        features: the feature store.
    """

    encoder: Text
    sources: _Some | None
    probes: _Parts | Text | None
    train: bool
    validate: bool
    test: bool
    ckpt_path: Text | None
    resume: Text | int | None
    monitor: Text
    monitor_mode: Literal["max", "min"]
    model_save_dir: Text
    model_load_mode: Literal["base_model_only", "all"]
    save_every_epoch: bool | Natural | Annotated[list[Natural], Filled()]
    keep_checkpoints: Literal["last", "none", "all"] | bool
    push_to_hub: Repository | None
    copy_frozen_encoders: bool
    callbacks: _Objects
    logger: _Objects
    wandb_watch: _Parts | None
    optimized_metric: Text | None
    features: _Parts | None


@dataclass(frozen=True)
class Evaluate(Root):
    """Keys of evaluate.py.

    Attributes:
        model_name_or_path: a saved model, the directory of a finished run, or a hub name.
        split: the split that is scored.
        logger: loggers by name.
    """

    model_name_or_path: Text
    split: Split
    logger: _Objects


@dataclass(frozen=True)
class Predict(Root):
    """Keys of predict.py.

    Attributes:
        model_name_or_path: a saved model, the directory of a finished run, or a hub name.
        input: a file or directory of .txt, .jsonl or CoNLL files.
        split: the split that is predicted where there is no input.
        select_n: use only so many random documents of the split.
        select_seed: of that choice.
        pipeline: the models, one after another.
    """

    model_name_or_path: Text | None
    input: Text | None
    split: Split
    select_n: Count | None
    select_seed: Seed
    pipeline: _Parts


@dataclass(frozen=True)
class Convert(Root):
    """Keys of convert.py.

    Attributes:
        checkpoint: a published coreference checkpoint, or its folder.
        encoder: configuration and tokenizer of its encoder, a folder or a hub name.
        model_save_dir: where the model is saved.
    """

    checkpoint: Text
    encoder: Text | None
    model_save_dir: Text


@dataclass(frozen=True)
class EvaluateDocuments(Root):
    """Keys of evaluate_documents.py.

    Attributes:
        split: the split that is scored.
    """

    split: Split


@dataclass(frozen=True)
class Features(Train):
    """Keys of features.py.

    Attributes:
        action: what to do with the store.
        older_than_days: delete layers that were not used for so many days.
        encoder_contains: delete layers of encoders whose name holds this.
        to_gb: delete the least recently used layers until no more than so many GB are left.
        everything: delete all layers.
        layers: which layers are filled: those that the training would read, or all.
        splits: that are filled.
    """

    action: Literal["list", "verify", "prune", "fill"]
    older_than_days: Days | None
    encoder_contains: Text | None
    to_gb: NonNegative | None
    everything: bool
    layers: Literal["used", "all"]
    splits: list[Split] | None


@dataclass(frozen=True)
class Embed(Train):
    """Keys of embed.py.

    Attributes:
        task: the name of the task in the library.
        library: directory of task embeddings.
        model_name_or_path: a saved model or the directory of a finished run.
        split: the split that is embedded.
        batch_size: examples per step.
        epochs: passes over the split.
        overwrite: make the embedding anew where there is one.
    """

    task: FolderName | int
    library: Text
    model_name_or_path: Text | None
    split: Split
    batch_size: Count | None
    epochs: Count
    overwrite: bool


@dataclass(frozen=True)
class Rank(Root):
    """Keys of rank.py.

    Attributes:
        target: an experiment, or a list of them.
        sources: names of configs/source, or models under names of your own.
        methods: names of estimators and kinds of embeddings.
        layers: which layers of a source the estimators look at.
        library: directory of task embeddings.
        target_overrides: overrides of the targets' configs.
        own_corpus: whether sources that saw the target's texts are ranked, too.
        max_examples: estimators look at so many random training examples.
        max_items: estimators look at so many items of these.
        measured: directories of sweeps, or CSV files with target, source, seed and score.
        score: the score as logged.
        sizes: training examples by source.
        measured_as: targets by their names in the measurements.
        baseline: the source that stands for no transfer.
        compare_with: the method, or static baseline, that all others are compared with.
        compare_by: the measure of agreement by which they are compared.
        estimators: the estimators by name.
    """

    target: _Some
    sources: _Some | dict[str, Text]
    methods: _Some | None
    layers: _Some
    library: Text
    target_overrides: list[Text]
    own_corpus: bool
    max_examples: Count
    max_items: Count
    measured: _Some | None
    score: Text | None
    sizes: dict[str, Count] | None
    measured_as: dict[str, Text] | None
    baseline: Text | None
    compare_with: Text
    compare_by: Literal["best_rank", "ndcg", "ndcg_exp", "regret_1", "regret_3", "spearman"]
    estimators: dict[str, _Parts]


@dataclass(frozen=True)
class Report(Root):
    """Keys of report.py.

    Attributes:
        sweeps: directory of a sweep, or a list of them.
        score: the score as logged.
        baseline: the setting that the others are held against.
    """

    sweeps: _Some
    score: Text | None
    baseline: Text | None


@dataclass(frozen=True)
class Extras:
    """What is printed.

    Attributes:
        ignore_warnings: silence Python warnings and the load reports of transformers.
        print_config: print the resolved config at the start of a run.
    """

    ignore_warnings: bool
    print_config: bool


@dataclass(frozen=True)
class Paths:
    """Where things are.

    Attributes:
        root_dir: the checkout.
        data_dir: corpora.
        model_dir: sources and task embeddings.
        log_dir: run directories.
        output_dir: the directory of this run.
    """

    root_dir: Text
    data_dir: Text
    model_dir: Text
    log_dir: Text
    output_dir: Text


@dataclass(frozen=True)
class Pipeline:
    """Models that are applied one after another.

    Attributes:
        models: saved models, directories of finished runs or hub names.
        tasks: the task of each of these.
        device: cpu, cuda:1 or 1.
        batch_size: examples per step.
        ner_model: the model that finds entities.
        re_model: the model that relates them.
    """

    models: list[Text | None]
    tasks: list[Text] | None
    device: Text | Natural | None
    batch_size: Count | None
    ner_model: Text | None
    re_model: Text | None


@dataclass(frozen=True)
class WandbWatch:
    """What W&B is sent beside the scores, each a mapping with ``log_freq``, batches between two histograms.

    Attributes:
        attention_activation: the weights that attention gives to each encoder.
        classifier_parameters: the parameters of the head.
    """

    attention_activation: _Parts | None
    classifier_parameters: _Parts | None


@dataclass(frozen=True)
class Runs(Root):
    """Keys of runs.py.

    Attributes:
        action: what to do with the runs.
        dry_run: whether it is only said what would be deleted.
        older_than_days: runs in which nothing has changed for so many days.
        status: runs with this status.
        path: pattern of the path below paths.log_dir.
        part: the whole directory of a run, or its checkpoints only.
    """

    action: Literal["list", "delete"]
    dry_run: bool
    older_than_days: Days | None
    status: Literal["finished", "failed", "interrupted", "killed", "unknown"] | None
    path: Text | None
    part: Literal["run", "checkpoints"]


ROOTS: dict[str, type[Root]] = {
    "train": Train,
    "evaluate": Evaluate,
    "predict": Predict,
    "convert": Convert,
    "evaluate_documents": EvaluateDocuments,
    "features": Features,
    "embed": Embed,
    "rank": Rank,
    "report": Report,
    "runs": Runs,
}
# mappings whose options are those of something that no _target_ names
SECTIONS: dict[str, Any] = {
    "extras": Extras,
    "paths": Paths,
    "pipeline": Pipeline,
    "wandb_watch": WandbWatch,
    "features": "transferlab.encoders.feature_store.FeatureStore",  # imported when it is asked for
}
# groups out of which a config must have been chosen
_TRAINING = ("dataset", "datamodule", "taskmodule", "model", "trainer")
CHOSEN = {
    "train": _TRAINING,
    "embed": (*_TRAINING, "embedding"),
    "evaluate": ("datamodule", "trainer"),
    "evaluate_documents": ("dataset", "metric"),
}


def check_config(cfg: DictConfig, root: str) -> None:
    """Refuse a composed config with a key that nothing reads or a value that no option takes, before anything is read.

    Args:
        cfg: composed from ``configs/<root>.yaml``.
        root: its name.

    Raises:
        ConfigError: the key as it is typed, the value, and what may be chosen.
        UntrustedError: a part of a run's config that names a class that it may not.
    """
    configs = Path(OmegaConf.select(cfg, "paths.root_dir"), "configs")
    roots = [root, "train"] if issubclass(ROOTS[root], Train) else [root]  # these read what training would
    check_root_keys(cfg, {key for name in roots for key in root_keys(configs / f"{name}.yaml")} | {"estimators"})
    options = _of_root(root)
    for option in options:
        if option.name in cfg and OmegaConf.is_missing(cfg, option.name):
            raise ConfigError(f"{option.name} is missing: choose {words(option.kind)} ({option.sentence})")
    for group in CHOSEN.get(root, ()):
        _check_chosen(cfg, group, configs)
    for name in [str(key) for key in cfg if str(key) in options.named]:
        value = cfg[name]
        options.check({name: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value}, "")
        if name in SECTIONS and isinstance(value, DictConfig):
            check_section(value, _of_section(name), name, f"configs/{name}")
    check_targets(cfg)


def all_options() -> Iterator[Option]:
    """The options of the root configs and of their sections, named by the keys that are typed."""
    for root in ROOTS:
        yield from _of_root(root)
    for name in SECTIONS:
        yield from (replace(option, name=f"{name}.{option.name}") for option in _of_section(name))


def _of_root(root: str) -> Options:
    kind: Any = ROOTS[root]
    return options_of(kind)


def _of_section(name: str) -> Options:
    owner = SECTIONS[name]
    options = options_of(locate(owner, name) if isinstance(owner, str) else owner)
    return replace(options, others=name == "paths")  # to which people add places of their own


def _check_chosen(cfg: DictConfig, group: str, configs: Path) -> None:
    """Raise ConfigError where no config of a group was chosen."""
    value = cfg.get(group)
    if not isinstance(value, DictConfig) or "_target_" not in value:
        files = [file for file in (configs / group).glob("*.yaml") if "\n_target_:" in f"\n{file.read_text('utf-8')}"]
        known = ", ".join(sorted(file.stem for file in files))
        shown = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
        raise ConfigError(f"{group}={show(shown)}: choose a config of configs/{group}: {known}")
