"""Two processes that compute one run, as those that the command line starts, but forked: their start costs nothing."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable

from lightning_fabric.utilities.rank_zero import rank_zero_only as of_fabric
from lightning_utilities.core.rank_zero import rank_zero_only


def in_two_processes(task: Callable[[int], object]) -> list[int]:
    """Run ``task(rank)`` in two processes that find each other; return their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    together = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "NODE_RANK": "0"}
    children = []
    for rank in range(2):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.environ.update(together, LOCAL_RANK=str(rank))
                rank_zero_only.rank = of_fabric.rank = rank  # these were imported as those of one process
                task(rank)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
