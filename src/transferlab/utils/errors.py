"""The refusals that are meant for people, and how entrypoints show them: the message, without a traceback."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from transferlab.utils.escaping import visible


class UserError(ValueError):
    """Something the user can mend; the text names the place (file, line, key), the value and the remedy."""


class ConfigError(UserError):
    """A config value that cannot work; the text names the key, the value and the choices."""


def run_entrypoint(main: Callable[..., Any], rewrite: Callable[[list[str]], list[str]] | None = None) -> None:
    """Run a Hydra entrypoint; show what the user can mend as one message, everything else as a traceback.

    ``HYDRA_FULL_ERROR=1`` shows tracebacks of both. What a signal does: :mod:`transferlab.utils.interruption`. A
    further process of a job gets its config from the first one.

    Args:
        main: of the entrypoint.
        rewrite: the command line that Hydra is to read, from the one that was typed.
    """
    from transferlab.utils import interruption
    from transferlab.utils.command_line import understood
    from transferlab.utils.config_files import name_faulty_files
    from transferlab.utils.distributed_jobs import is_rank, run_rank
    from transferlab.utils.hydra_messages import say_once
    from transferlab.utils.terminal import escape_log_records, show_exception

    escape_log_records()
    sys.excepthook = show_exception
    if is_rank():
        run_rank(main)
    name_faulty_files()
    say_once()
    show_traceback = "HYDRA_FULL_ERROR" in os.environ

    def run() -> None:
        if "PROJECT_ROOT" in os.environ:
            sys.argv = understood(sys.argv, Path(os.environ["PROJECT_ROOT"], "configs"))
        if rewrite is not None:
            sys.argv = rewrite(sys.argv)
        main()

    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints an abridged traceback itself
    try:
        interruption.run(run)
    except Exception as error:
        message = None if show_traceback else message_for(error)
        if message is None:
            raise
        print(f"\nerror: {visible(message)}\n(HYDRA_FULL_ERROR=1 shows the traceback)", file=sys.stderr)
        sys.exit(1)


def message_for(error: BaseException) -> str | None:
    """What is said of an error that the user can mend; None for one that is ours."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from transferlab.utils.hydra_messages import message_of, of_search

    meant = user_error_of(error)
    if meant is not None:
        return str(meant).strip()
    if isinstance(error, HydraException | OmegaConfBaseException):
        return message_of(error)
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return f"{error.filename}: {error.strerror}; mend that and run the command again"
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "UncompletedJobError" in kinds:  # of submitit
        # after the first two lines comes all that the job had logged
        said = " ".join(str(error).partition("Error stream produced")[0].split())
        refused = "FailedJobError" in kinds
        return f"SLURM: {said}" + "; change what hydra.launcher asks for (gpus_per_node, partition ...)" * refused
    return " ".join(str(error).split()) if _is_refusal_of_lightning(error, kinds) else of_search(error)


def _is_refusal_of_lightning(error: BaseException, kinds: Collection[str]) -> bool:
    """Whether Lightning itself refuses what its trainer was given, such as ``val_check_interval`` over long epochs."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    raised_in = frame.tb_frame.f_globals.get("__name__", "") if frame is not None else ""
    return "MisconfigurationException" in kinds or (
        type(error) is ValueError and raised_in.startswith(("pytorch_lightning.loops.", "pytorch_lightning.trainer."))
    )


def near(name: str, choices: Iterable[str], prefix: str = "") -> str:
    """``did you mean <prefix><choice>?`` with the choices that look like ``name``, or an empty string."""
    found = difflib.get_close_matches(name, list(choices))
    return f"did you mean {' or '.join(prefix + choice for choice in found)}?" if found else ""


def user_error_of(error: BaseException) -> UserError | None:
    """The message for people inside an error that a library wrapped around it, or None."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UserError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
