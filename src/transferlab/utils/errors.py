"""The refusals that are meant for people, and how entrypoints show them: the message, without a traceback."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from transferlab.utils.escaping import visible


class UserError(ValueError):
    """Something the user can mend; the text names the place (file, line, key), the value and the remedy."""


def run_entrypoint(main: Callable[..., Any], rewrite: Callable[[list[str]], list[str]] | None = None) -> None:
    """Run a Hydra entrypoint; show what the user can mend as a message, everything else as a traceback.

    ``HYDRA_FULL_ERROR=1`` shows tracebacks of both. What a signal does: :mod:`transferlab.utils.interruption`. A
    further process of a job gets its config from the first one.

    Args:
        main: of the entrypoint.
        rewrite: the command line that Hydra is to read, from the one that was typed.
    """
    from transferlab.utils import interruption
    from transferlab.utils.distributed_jobs import is_rank, run_rank
    from transferlab.utils.terminal import escape_log_records, show_exception

    escape_log_records()
    sys.excepthook = show_exception
    if is_rank():
        run_rank(main)
    show_traceback = "HYDRA_FULL_ERROR" in os.environ
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints an abridged traceback itself
    try:
        if rewrite is not None:
            sys.argv = rewrite(sys.argv)
        interruption.run(main)
    except (UserError, HydraException, OmegaConfBaseException) as error:
        if show_traceback:
            raise
        message = str(user_error_of(error) or error).strip() + _existing_keys(error)
        print(f"\nerror: {visible(message)}\n(HYDRA_FULL_ERROR=1 shows the traceback)", file=sys.stderr)
        sys.exit(1)
    except RuntimeError as error:
        if type(error).__name__ != "UncompletedJobError":
            raise
        # of submitit: the scheduler has ended a job; after the first two lines comes all that the job had logged
        message = " ".join(str(error).partition("Error stream produced")[0].split())
        print(f"\nerror: {visible(message)}", file=sys.stderr)
        sys.exit(1)


def near(name: str, choices: Iterable[str], prefix: str = "") -> str:
    """``did you mean <prefix><choice>?`` with the choices that look like ``name``, or an empty string."""
    found = difflib.get_close_matches(name, list(choices))
    return f"did you mean {' or '.join(prefix + choice for choice in found)}?" if found else ""


def _existing_keys(error: BaseException) -> str:
    """What to add when Hydra was asked to change a key that does not exist: those that look like it."""
    from omegaconf import DictConfig
    from omegaconf.errors import OmegaConfBaseException

    cause = error.__cause__
    if not isinstance(cause, OmegaConfBaseException) or not isinstance(cause.parent_node, DictConfig):
        return ""
    parent, dot, name = (cause.full_key or "").rpartition(".")
    hint = near(name, map(str, cause.parent_node), parent + dot)
    return f"\n{hint}" if hint else ""


def user_error_of(error: BaseException) -> UserError | None:
    """The message for people inside an error that a library wrapped around it, or None."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UserError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
