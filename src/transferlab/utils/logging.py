"""What a run says: its config on the terminal and in the loggers, and which warnings are worth showing."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from transferlab.utils import run_identity

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger
    from rich.syntax import Syntax


def apply_extras(cfg: DictConfig) -> None:
    """Do what ``cfg.extras`` asks for; call it before torch and transformers are imported.

    ``ignore_warnings`` silences Python warnings and the load reports of transformers. Further processes of a run keep
    quiet below errors whatever is set.
    """
    from transferlab.utils.terminal import escape_log_records

    escape_log_records()  # in the workers of a launcher, too
    extras = cfg.get("extras")
    ignored = isinstance(extras, DictConfig) and extras.get("ignore_warnings")
    if not run_identity.is_main_process():
        logging.getLogger().setLevel(logging.ERROR)
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(_is_no_advertisement)
    if ignored is True:  # the config is yet to be checked
        warnings.filterwarnings("ignore")
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def _is_no_advertisement(record: logging.LogRecord) -> bool:
    """False for the lines in which Lightning recommends further products."""
    return not record.getMessage().startswith("💡 Tip")


def show_config(cfg: DictConfig) -> None:
    """Print the config if ``extras.print_config`` asks for it; call it once the config was checked."""
    if OmegaConf.select(cfg, "extras.print_config") and run_identity.is_main_process():
        print_config(cfg)


def print_config(cfg: DictConfig) -> None:
    """Print the resolved config as a tree, one branch per group."""
    from rich.tree import Tree

    from transferlab.utils.terminal import VisibleConsole

    tree = Tree("config", guide_style="dim")
    plain = {}
    for name in cfg:
        node = cfg[name]
        if OmegaConf.is_config(node):
            tree.add(str(name), style="bold").add(_yaml(OmegaConf.to_yaml(node, resolve=True)))
        else:
            plain[str(name)] = node
    tree.children.insert(0, Tree(_yaml(OmegaConf.to_yaml(plain))))
    VisibleConsole().print(tree)


def _yaml(text: str) -> Syntax:
    from rich.syntax import Syntax

    return Syntax(text.rstrip(), "yaml", background_color="default", word_wrap=True)


def log_resolved_config(cfg: DictConfig, loggers: Sequence[Logger]) -> None:
    """Hand the resolved config, as plain containers, to every logger (W&B shows it as the run's config)."""
    container = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(container, dict)
    for logger in loggers:
        logger.log_hyperparams({str(key): value for key, value in container.items()})
