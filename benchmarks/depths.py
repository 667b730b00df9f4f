"""Features of every depth of an encoder: one pass that keeps all layers, against one pass for each depth."""

from __future__ import annotations

import tempfile
from pathlib import Path

from measuring import ROOT, Measuring, Values, measured
from results import Section, table
from texts import litbank_directory

TITLE = "a truncation sweep over six depths in one pass against six"

AT_LEAST = 3  # times as fast


def run(measuring: Measuring) -> Section:
    """Both ways of filling an empty store."""
    litbank = None if measuring.quick else litbank_directory()
    task = [
        f"experiment={'litbank_coref' if litbank else 'coref'}",
        "model.freeze_models=all",
        *([f"dataset.data_dir={litbank}"] if litbank else []),
    ]
    few = 1 if measuring.quick else 20
    found = measuring.take_turns(
        "depths.fill_all", {way: {"task": task, "way": way, "documents": few} for way in ("one pass", "six passes")}
    )
    one, six = found["one pass"]["seconds"], found["six passes"]["seconds"]
    ratio = six / one
    text = (
        f"Filling the store with the outputs of minilm truncated to 1, 2, ... 6 layers for {few} training documents of "
        f"{'LitBank' if litbank else 'the embedded sample'} ({found['one pass']['subtokens']:.0f} subtokens), writing "
        "included: by one encoder that keeps every layer, and by six truncated ones, as in six runs. "
        "Loading the encoders is left out of both.\n\n"
        + table(
            "way | s | subtokens / s",
            [[way, values["seconds"], values["subtokens"] / values["seconds"]] for way, values in found.items()],
        )
        + f"\n\nOne pass is {ratio:.1f} times as fast."
    )
    broken = (
        [] if ratio >= AT_LEAST or measuring.quick else [f"one pass must be {AT_LEAST} times as fast, not {ratio:.1f}"]
    )
    return Section(text, broken)


def fill_all(task: list[str], way: str, documents: int) -> Values:
    """Fill an empty store for six depths."""
    from hydra import compose, initialize_config_dir

    from transferlab import building
    from transferlab.callbacks.fill_features import fill, passes
    from transferlab.probes import probes_of

    with tempfile.TemporaryDirectory() as folder, initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose(
            "train",
            overrides=[
                *task, f"paths.output_dir={folder}", f"datamodule.select_n.train={documents}",
                f"features.directory={folder}/features", "probes={sources: minilm_*}",
            ],
        )  # fmt: skip
        probes = probes_of(cfg)
        taskmodule, datamodule = building.corpus(cfg, probes)
        taskmodule.prepare(datamodule.documents("train"))
        group = building.build_model(cfg, probes, taskmodule)
        loaders = [datamodule.dataloader("train")]
        models = [group] if way == "one pass" else [probe for _, probe in group.members()]
        device = next(group.parameters()).device
        with measured() as values:
            for model in models:
                for one in passes(model):
                    fill(one, loaders, device)
        layers = len(list(Path(folder, "features").glob("*/*/layer.json")))
        assert layers == 6, layers
        (inputs,) = ([batch.inputs for batch in loaders[0]],)
        subtokens = sum(int(rows.attention_mask.sum()) for batch in inputs for rows in batch.values())
    return values | {"subtokens": subtokens}
