"""The further processes (ranks) of a job: started with the job's own composed config, ended with the job.

Lightning starts them by running the command line once more. Under ``--multirun`` that would run the whole sweep again,
in a second directory and, under Optuna, with other values. Here rank 0 hands its config over on the standard input of
the others, which run the same program and go past Hydra. What a job leaves in the environment goes with it, so that the
next job of a sweep starts ranks of its own.

Rank 0 alone speaks and writes files. An error of another rank becomes its error. Nothing here imports torch before a
trainer is built: ``--help`` must answer at once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from transferlab.utils import run_identity
from transferlab.utils.errors import UserError, user_error_of

RANK = "TRANSFERLAB_FURTHER_RANK"  # set for a process that is handed its config
OF_JOB = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
PATIENCE = 20.0  # seconds for a process to end, or to find out that another one has
TAIL = 4000  # characters of what a rank has said before it died

_job: Job | None = None


class RankError(RuntimeError):
    """An error of another process of a job; its traceback is in the text."""


class Job:
    """A job of this process and the further ranks that it has started.

    Args:
        cfg: composed, as the ranks are to have it.
    """

    def __init__(self, cfg: DictConfig) -> None:
        self._config = OmegaConf.to_yaml(cfg)
        self._environment = {key: os.environ.get(key) for key in OF_JOB}
        self._folder = tempfile.TemporaryDirectory(prefix="transferlab-ranks-", ignore_cleanup_errors=True)
        self._ranks: list[subprocess.Popen[str]] = []
        self._started = False
        self._together = threading.Event()  # set while all ranks are in one of Lightning's functions

    def start(self, environment: Mapping[str, str], processes: int) -> None:
        """Start the ranks from 1 on.

        Args:
            environment: what tells them of each other, but for their rank; it becomes that of this process.
            processes: on this machine.
        """
        program = os.environ[run_identity.PROGRAM]
        os.environ.update(environment, LOCAL_RANK="0")
        self._started = True
        for rank in range(1, processes):
            of_rank = {**os.environ, "LOCAL_RANK": str(rank), RANK: str(self._report(rank))}
            with self._output(rank).open("w") as output:
                process = subprocess.Popen(
                    json.loads(program), stdin=subprocess.PIPE, stdout=output, stderr=output, text=True,
                    cwd=_working_directory(), env=of_rank,
                    start_new_session=True,  # Ctrl-C reaches rank 0, which decides
                )  # fmt: skip
            self._ranks.append(process)
            assert process.stdin is not None
            process.stdin.write(json.dumps({"config": self._config, "hydra": _hydra_config()}) + "\n")
            process.stdin.flush()  # and is left open: its end tells the rank that this process is gone
        threading.Thread(target=self._watch, name="ranks", daemon=True).start()

    @contextmanager
    def together(self) -> Iterator[None]:
        """While all ranks compute, none can go on without the others."""
        self._together.set()
        try:
            yield
        finally:
            self._together.clear()

    def kill(self, signum: int) -> None:
        """Send a signal to the ranks that still run."""
        for process in self._ranks:
            process.send_signal(signum)

    def error(self, patience: float = 0.0) -> Exception | None:
        """What ended the rank that failed first, if any has."""
        until = time.monotonic() + patience
        while not (failed := [rank for rank, process in self._numbered() if process.poll()]):
            if time.monotonic() >= until or all(process.poll() == 0 for process in self._ranks):
                return None
            time.sleep(0.05)
        reports = {rank: json.loads(self._report(rank).read_text()) for rank in failed if self._report(rank).exists()}
        of = f"of {len(self._ranks) + 1} processes"
        if not reports:
            rank, code = failed[0], self._ranks[failed[0] - 1].returncode
            if code == -signal.SIGKILL:
                return UserError(f"process {rank} {of} was killed; is there enough memory for all of them?")
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            said = self._output(rank).read_text(errors="replace")[-TAIL:].strip()
            return RankError(f"process {rank} {of} {how}:\n{said}")
        rank = min(reports, key=lambda number: reports[number]["time"])
        if (message := reports[rank]["message"]) is not None:
            return UserError(message)
        return RankError(f"process {rank} {of} failed:\n{reports[rank]['traceback']}")

    def wait(self) -> None:
        """Wait until the ranks have ended, which have nothing more to do."""
        until = time.monotonic() + PATIENCE
        while any(process.poll() is None for process in self._ranks) and time.monotonic() < until:
            time.sleep(0.02)

    def end(self) -> None:
        """End the ranks, and take what the job has left in this process."""
        for process in self._ranks:
            if process.stdin is not None:
                process.stdin.close()
        for process in self._ranks:
            try:
                process.wait(1.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._started:
            from torch import distributed

            if distributed.is_initialized():
                distributed.destroy_process_group()
            for key, value in self._environment.items():
                os.environ.pop(key, None)
                if value is not None:
                    os.environ[key] = value
        self._ranks = []
        self._folder.cleanup()

    def _watch(self) -> None:
        """End this process, too, where it waits for a rank that is gone and does not find out by itself (NCCL)."""
        while any(process.poll() is None for process in self._ranks):
            time.sleep(0.5)
            error = self.error()
            if error is not None and self._together.is_set():
                time.sleep(PATIENCE)
                if self._together.is_set():
                    print(f"\nerror: {error}", file=sys.stderr, flush=True)
                    self.kill(signal.SIGKILL)
                    os._exit(1)

    def _numbered(self) -> Iterator[tuple[int, subprocess.Popen[str]]]:
        return iter(enumerate(self._ranks, start=1))

    def _report(self, rank: int) -> Path:
        return Path(self._folder.name, f"{rank}.json")

    def _output(self, rank: int) -> Path:
        return Path(self._folder.name, f"{rank}.txt")


@contextmanager
def job(cfg: DictConfig) -> Iterator[None]:
    """Let what is done inside have several processes, each of which does it; they end with the block.

    Args:
        cfg: of the job.

    Raises:
        UserError, RankError: what another process raised, where that ended this one.
    """
    global _job
    _job = Job(cfg)
    try:
        yield
        _job.wait()
    except Exception as error:
        # what another rank died of shows here as a lost connection
        other = None if user_error_of(error) else _job.error(PATIENCE / 4)
        if other is None:
            raise
        raise other from (None if isinstance(other, UserError) else error)
    finally:
        _job.end()
        _job = None


def current_job() -> Job | None:
    """The job of this process; None outside of the entrypoints."""
    return _job


def is_rank() -> bool:
    """Whether this process was started as a further rank of a job."""
    return RANK in os.environ


def run_rank(main: Callable[[DictConfig], Any]) -> None:
    """Run the job that rank 0 hands over; never returns.

    Args:
        main: as Hydra decorates it; given a config, it goes past Hydra.
    """
    report = Path(os.environ.pop(RANK))
    content = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_rank_0, name="rank 0", daemon=True).start()
    code = 0
    try:
        _take_hydra_config(content)
        cfg = OmegaConf.create(content["config"])
        OmegaConf.set_struct(cfg, True)
        main(cfg)
    except BaseException as error:
        code = 1
        message = user_error_of(error)
        written = {
            "time": time.time(),
            "message": None if message is None else str(message),
            "traceback": "".join(traceback.format_exception(error)),
        }
        unfinished = report.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(written), encoding="utf-8")
        os.replace(unfinished, report)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # other ranks wait for a connection that is torn down in order


def _end_with_rank_0() -> None:
    sys.stdin.read()
    os._exit(1)


def _hydra_config() -> str | None:
    from hydra.core.hydra_config import HydraConfig

    return OmegaConf.to_yaml(HydraConfig.get()) if HydraConfig.initialized() else None


def _take_hydra_config(content: dict[str, Any]) -> None:
    from hydra.conf import HydraConf
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.utils import setup_globals

    setup_globals()  # the resolver ``hydra:``
    if content["hydra"] is not None:
        known = OmegaConf.structured(HydraConf)
        OmegaConf.set_struct(known, False)  # plugins add keys
        hydra = OmegaConf.merge(known, OmegaConf.create(content["hydra"]))
        whole = OmegaConf.create(content["config"])
        whole["hydra"] = hydra
        HydraConfig.instance().set_config(whole)


def _working_directory() -> str | None:
    from hydra.core.hydra_config import HydraConfig

    return HydraConfig.get().runtime.cwd if HydraConfig.initialized() else None
