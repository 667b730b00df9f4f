"""A Python in which the large libraries are imported, and which forks for each command line that it is sent.

A command is a process of its own, with its own arguments, directory, environment, output, signals and exit code, as one
that a user starts; only the seconds that those imports take are spent once. Nothing of this project is imported here,
so that a command reads the one that its script or its PYTHONPATH belongs to. Started by :mod:`tests.commands`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import runpy
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

LIBRARIES = (
    "torch",
    "torch._dynamo",
    "torch.distributed.fsdp",
    "torch.utils.data",
    "pytorch_lightning",
    "pytorch_lightning.loggers",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.models.bert.tokenization_bert",
    "hydra.core.plugins",
    "hydra.main",
    "matplotlib.pyplot",
    "pandas",
    "scipy.optimize",
    "rich.syntax",
    "rich.tree",
    "dotenv",
)


def serve(requests: socket.socket) -> dict[str, Any]:
    """Fork for each request until the other side is gone; return it in the process of the command."""
    while True:
        message, descriptors, *_ = socket.recv_fds(requests, 1, 4)
        if not message:
            with suppress(ChildProcessError):
                while True:
                    os.wait()
            sys.exit()
        if os.fork() == 0:
            requests.close()
            return become(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


def become(request_file: int, answers: int, *streams: int) -> dict[str, Any]:
    """Fork the command and return what it is; here stay to tell its number, and how it ends."""
    with os.fdopen(request_file) as file:
        request: dict[str, Any] = json.load(file)
    command = os.fork()
    if command:
        for stream in streams:
            os.close(stream)
        os.write(answers, f"{command}\n".encode())
        _, status = os.waitpid(command, 0)
        with suppress(BrokenPipeError):
            os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    os.close(answers)
    os.setsid()
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    return request


def main() -> None:
    """Import, then serve."""
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # so that the forked processes share what is never collected
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    arguments, environment = request["arguments"], request["env"]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    sys.argv = list(arguments)
    sys.orig_argv = [sys.executable, *arguments]
    here = os.path.dirname(os.path.abspath(__file__))
    packages = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [os.path.dirname(os.path.abspath(arguments[0])), *packages, *(p for p in sys.path if p != here)]
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
