"""The refusals that are meant for people, and how entrypoints show them: the message, without a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any


class UserError(ValueError):
    """Something the user can mend; the text names the place (file, line, key), the value and the remedy."""


def run_entrypoint(main: Callable[[], Any]) -> None:
    """Run a Hydra entrypoint; show what the user can mend as a message, everything else as a traceback.

    ``HYDRA_FULL_ERROR=1`` shows tracebacks of both.
    """
    if "HYDRA_FULL_ERROR" in os.environ:
        main()
        return
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints an abridged traceback itself
    try:
        main()
    except (UserError, HydraException, OmegaConfBaseException) as error:
        message = str(user_error_of(error) or error).strip()
        print(f"\nerror: {message}\n(HYDRA_FULL_ERROR=1 shows the traceback)", file=sys.stderr)
        sys.exit(1)


def user_error_of(error: BaseException) -> UserError | None:
    """The message for people inside an error that a library wrapped around it, or None."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UserError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
