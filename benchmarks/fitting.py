"""Training from a composed config, its epochs timed; what the benchmarks of the feature store share."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import ROOT, Values, measured

TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
OPTIONS = [
    "+trainer.limit_val_batches=0",
    "+trainer.enable_progress_bar=false",
    "+trainer.enable_checkpointing=false",
    "trainer.num_sanity_val_steps=0",
    "~callbacks",
    "+callbacks={}",
    "logger=csv",
    "logger.csv=null",
]


def make_encoders(folder: str, count: int, like: str = "minilm") -> Values:
    """Save encoders with weights of their own; what they say is of no interest, only what it costs.

    Args:
        folder: to save them in, as ``0``, ``1``, ...
        count: how many.
        like: ``minilm``, ``base`` for BERT base, or ``tiny`` where nothing is measured; all with minilm's vocabulary.
    """
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer, BertConfig

    from transferlab.encoders.sources import resolve

    minilm = resolve("minilm")
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    sizes = TINY if like == "tiny" else {}
    config = AutoConfig.from_pretrained(minilm) if like == "minilm" else BertConfig(vocab_size=len(tokenizer), **sizes)
    for number in range(count):
        torch.manual_seed(number)
        place = Path(folder, str(number))
        AutoModel.from_config(config).save_pretrained(place)
        tokenizer.save_pretrained(place)
    return {}


def fit(
    overrides: list[str],
    epochs: int,
    store: str | None,
    encoders: dict[str, str] | None = None,
    accelerator: str = "cpu",
) -> Values:
    """Train.

    Args:
        overrides: of ``configs/train.yaml``.
        epochs: of training; nothing is validated.
        store: directory of the feature store; None computes every row every time.
        encoders: for ``model.pretrained_models``, in place of those of the config.
        accelerator: of Lightning.

    Returns:
        fill: seconds before the first epoch, in which the store is filled. first: of the first epoch. epoch: of the
        fastest of the others. peak, growth: MiB. steps: of an epoch.
    """
    from hydra import compose, initialize_config_dir
    from omegaconf import open_dict
    from pytorch_lightning import Callback, Trainer, seed_everything

    from transferlab import building
    from transferlab.callbacks.fill_features import FillFeatures

    times: list[float] = []

    class Clock(Callback):
        def on_fit_start(self, *_: Any) -> None:
            times.append(time.perf_counter())

        def on_train_epoch_start(self, *_: Any) -> None:
            times.append(time.perf_counter())

        def on_train_epoch_end(self, *_: Any) -> None:
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as run, initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        place = f"features.directory={store}" if store else "features=off"
        cfg = compose("train", overrides=[f"paths.output_dir={run}", *OPTIONS, place, *overrides])
        with open_dict(cfg):
            cfg.model.pretrained_models = encoders or cfg.model.pretrained_models
        seed_everything(1, verbose=False)
        taskmodule, datamodule = building.corpus(cfg)
        taskmodule.prepare(datamodule.documents("train"))
        model = building.build_model(cfg, [], taskmodule)
        datamodule.dataloader("train")  # encodes the corpus
        options = {
            **cfg.trainer,
            "max_epochs": epochs,
            "accelerator": accelerator,
            "logger": False,
            "callbacks": [Clock(), FillFeatures()],
        }
        trainer = Trainer(**{name: value for name, value in options.items() if name != "_target_"})
        with measured() as values:
            trainer.fit(model, datamodule)
    lengths = [end - start for start, end in zip(times[1::2], times[2::2], strict=True)]
    return values | {
        "fill": times[1] - times[0],
        "first": lengths[0],
        "epoch": min(lengths[1:] or lengths),
        "steps": trainer.num_training_batches,
    }
