"""Command lines as a user starts them, without the seconds in which an interpreter imports torch."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Command:
    """A process that was forked for a command line: the part of :class:`subprocess.Popen` that tests use.

    Attributes:
        pid: of the process, which leads a session of its own.
        returncode: None while it runs; negative where a signal has killed it.
    """

    def __init__(self, server: socket.socket, arguments: list[str], cwd: Path, env: Mapping[str, str]) -> None:
        self.args, self.returncode = arguments, None
        self._output, self._error = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 (open until it is gone)
        read, write = os.pipe()
        self._answers = os.fdopen(read, "rb", buffering=0)  # what is buffered, select does not see
        with tempfile.TemporaryFile("w+") as request:  # a message itself might arrive in parts
            json.dump({"arguments": arguments, "cwd": str(cwd), "env": dict(env)}, request)
            request.seek(0)
            files = [request.fileno(), write, self._output.fileno(), self._error.fileno()]
            socket.send_fds(server, [b"."], files)
        os.close(write)
        self.pid = self._answer(60)

    def _answer(self, timeout: float) -> int:
        if not select.select([self._answers], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(self.args, timeout)
        line = self._answers.readline()
        assert line, f"the server has ended before {self.args}"
        return int(line)

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float = 280) -> int:
        """Return the exit code once it has ended."""
        if self.returncode is None:
            self.returncode = self._answer(timeout)
            self._answers.close()
        return self.returncode

    def communicate(self, timeout: float = 280) -> tuple[str, str]:
        """Return all that it has written, once it has ended."""
        self.wait(timeout)
        for stream in (self._output, self._error):
            stream.seek(0)
        return self._output.read().decode(), self._error.read().decode()

    def send_signal(self, number: int) -> None:
        """To the process alone."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Everything of its session that still runs."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


class Commands:
    """Starts scripts as ``python <script> <arguments>`` does, each in a process forked from one server."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair()
        server = [sys.executable, str(ROOT / "tests" / "command_server.py"), str(theirs.fileno())]
        self._server = subprocess.Popen(server, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self._started: list[Command] = []

    def start(self, *arguments: str, cwd: Path, env: Mapping[str, str] = os.environ) -> Command:
        """Start a command line.

        Args:
            arguments: the script, as a path from the root of the project or absolute, and what it is given.
            cwd: the working directory.
            env: the environment, all of it.
        """
        script, *others = arguments
        command = Command(self._requests, [str(ROOT / script), *others], cwd, env)
        self._started.append(command)
        return command

    def run(
        self, *arguments: str, cwd: Path, env: Mapping[str, str] = os.environ, timeout: float = 280
    ) -> subprocess.CompletedProcess[str]:
        """Start a command line and wait for its end."""
        command = self.start(*arguments, cwd=cwd, env=env)
        output, error = command.communicate(timeout)
        return subprocess.CompletedProcess(command.args, command.wait(), output, error)

    def close(self) -> None:
        """End the server, and what a test has left running."""
        for command in self._started:
            if command.poll() is None:
                command.kill()
        self._requests.close()
        self._server.wait(60)
