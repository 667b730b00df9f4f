"""What a run directory must hold for someone to repeat the run: resolved config, command, code and versions.

The metrics and the log are beside it: Hydra's job logging writes ``<job>.log``, and
:mod:`transferlab.callbacks.hydra_results` writes ``job_return.json``.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import socket
import subprocess
from collections.abc import Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from transferlab.utils import run_identity
from transferlab.utils.resume import CONFIG, RECORD, last_checkpoint, overrides_of
from transferlab.utils.run_files import read_json
from transferlab.utils.same_run import CONFIG_HASHES, hash_of

# What became of a run, as its record says: a run that nobody writes any more although it is "running" was killed
RUNNING, FINISHED, FAILED, INTERRUPTED = STATUSES = ("running", "finished", "failed", "interrupted")
PACKAGES = (
    "transferlab",
    "torch",
    "pytorch-lightning",
    "torchmetrics",
    "transformers",
    "tokenizers",
    "safetensors",
    "hydra-core",
    "omegaconf",
    "numpy",
    "wandb",
)


def write_run_record(cfg: DictConfig, output_dir: str | Path, own: Sequence[str] | None = None) -> None:
    """Write ``config_resolved.yaml`` and ``run.json`` into ``output_dir``.

    The record of a run that is resumed stays that of its first start (id, name, command); the later ones are listed in
    its ``resumed``.

    Args:
        cfg: composed.
        output_dir: of the run, or of a probe of it.
        own: the overrides that tell a probe from the others of its run; its directory gets a list of all overrides.

    Only the main process of a run writes. Call it first in a job: an interpolation that cannot be resolved (a
    missing environment variable, say) raises omegaconf's InterpolationResolutionError naming the key, before
    any data is read.
    """
    resolved = OmegaConf.to_yaml(cfg, resolve=True)
    if not run_identity.is_main_process():
        return
    run_dir = Path(output_dir) if own is None else Path(output_dir).parents[1]
    overrides = list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
    overrides = overrides_of(cfg.get("resume"), run_dir, overrides)
    if own is not None:
        keys = {override.partition("=")[0] for override in own}
        kept = [o for o in overrides if (key := o.partition("=")[0].lstrip("+")) not in keys and not _is_of_probes(key)]
        overrides = [*kept, *own]
        _write(Path(output_dir) / ".hydra" / "overrides.yaml", OmegaConf.to_yaml(OmegaConf.create(overrides)))
    record = {
        "status": RUNNING,
        "run_id": os.environ.get(run_identity.RUN_ID),
        "name": run_identity.run_name(),
        "job": HydraConfig.get().job.name if HydraConfig.initialized() else None,
        "started": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        "process": _this_process(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "command": os.environ.get(run_identity.COMMAND),
        "overrides": overrides,
        "setting": run_identity.setting_name(),
        "seed": cfg.get("seed"),
        "git": git_state(os.environ.get(run_identity.PROJECT_ROOT, ".")),
        "packages": package_versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    output_dir = Path(output_dir)
    config = output_dir / CONFIG
    hashes = [of for of in [hash_of(config)] if of is not None]
    renewed = None
    _write(output_dir / "config_resolved.yaml", resolved)
    if "resume" in cfg and (output_dir / RECORD).is_file():  # of this run: else the directory would have been refused
        first = read_json(output_dir / RECORD)
        first.pop("ended", None)
        earlier = first.get("resumed", [])
        now = {name: record[name] for name in ("status", "process", "slurm_job", "seed")}
        record = first | now | {"resumed": [*(earlier if isinstance(earlier, list) else []), record]}
        own_checkpoint = cfg.get("ckpt_path") == last_checkpoint(str(output_dir), output_dir)
        if own is None:  # a second resume starts from it
            changes = {"resume": None, "ckpt_path": None if own_checkpoint else cfg.get("ckpt_path")}
            renewed = OmegaConf.to_yaml(OmegaConf.merge(cfg, changes))
            hashes.append(hashlib.sha256(renewed.encode()).hexdigest())
    write_json(output_dir / RECORD, record | {CONFIG_HASHES: hashes})
    if renewed is not None:  # second: until then the one before is the config, and known
        _write(config, renewed)


def set_status(output_dir: str | Path, status: str, **facts: Any) -> None:
    """Write into the record of a run what became of it, and when; a directory without a record gets none.

    Args:
        output_dir: of the run.
        status: one of ``STATUSES``.
        facts: what else is to be known, by name.
    """
    file = Path(output_dir) / RECORD
    if run_identity.is_main_process() and file.is_file():
        ended = {} if status == RUNNING else {"ended": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        write_json(file, read_json(file) | {"status": status, **ended, **facts})


def is_recorded_by_us(output_dir: str | Path) -> bool:
    """Whether the record of a run is by this process, or there is none; one that it was refused to take up is not."""
    process = record_of(output_dir).get("process")
    return process is None or process == _this_process()


def _this_process() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname()}


def record_of(output_dir: str | Path) -> dict[str, Any]:
    """What ``run.json`` says of a run; name, command and setting are those of its first start.

    Args:
        output_dir: of the run; one without a record gives an empty dict.
    """
    file = Path(output_dir, RECORD)
    return read_json(file) if file.is_file() else {}


def _is_of_probes(key: str) -> bool:
    return key == "probes" or key.startswith("probes.")


def write_json(path: str | Path, content: Any) -> None:
    """Write ``content`` as JSON, whole or not at all; a NaN or an infinity, which JSON lacks, as its text."""
    _write(Path(path), json.dumps(json_ready(content), indent=2, allow_nan=False) + "\n")


def json_ready(value: Any) -> Any:
    """``value`` with every float that JSON cannot hold replaced by ``"nan"``, ``"inf"`` or ``"-inf"``."""
    if isinstance(value, dict):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def package_versions() -> dict[str, str]:
    """The installed versions of the packages that decide what a run computes."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def git_state(root: str | Path) -> dict[str, Any]:
    """Commit of the checkout at ``root`` and whether files differ from it; None where git cannot tell."""
    commit = _git(root, "rev-parse", "HEAD")
    status = _git(root, "status", "--porcelain")
    return {"commit": commit, "dirty": None if status is None else bool(status)}


def _git(root: str | Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
