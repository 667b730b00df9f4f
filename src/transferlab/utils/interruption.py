"""SIGTERM, SIGINT and SIGHUP end a process by an exception that no library swallows; a second signal ends it at once.

Lightning answers SIGTERM with exit code 0 and Ctrl-C with 1, and Hydra goes on to the next job after neither. Here all
raise :class:`Interruption`, so that whatever was being written is cleaned up, the run's record says what has happened,
and the process ends with 128 plus the number of the signal. Nothing here imports torch or Hydra.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from transferlab.utils import run_identity

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the last: the terminal was closed
SUBMITIT = "SUBMITIT_EXECUTOR"  # set in a job that submitit has started


class Interruption(SystemExit):
    """A signal that ends the process.

    Attributes:
        number: of the signal.
        code: the exit code, 128 + number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.code = 128 + number

    @property
    def name(self) -> str:
        """Of the signal, as ``SIGTERM``."""
        return signal.Signals(self.number).name


class _Watch:
    """What this process does about signals: one object, as there is one handler of each signal."""

    def __init__(self, process: int = -1) -> None:
        self.process = process  # that has set the handlers
        self.received: int | None = None
        self.held = False
        self.requeue: dict[int, Callable[[int, FrameType | None], Any]] = {}  # handlers of the scheduler's warning
        self.command: Callable[[], str] | None = None  # that goes on
        self.closing: list[Callable[[], object]] = []  # what is done where main ends early

    def handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self.process:  # a worker of a data loader; it ends with the process that has started it
            return
        if self.received is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.received = number
        if not self.held:
            self.end()

    def end(self) -> None:
        number, self.held = self.received, False
        if number in self.requeue:
            try:
                self.requeue[number](number, None)  # in the main process of the job it requeues and exits
            except Exception:  # it may not be requeued any more
                self.received = None
                raise
            self.received = None
        elif number is not None:
            raise Interruption(number)


_WATCH = _Watch()  # of this process, once its ``process`` says so


def watch() -> None:
    """Let the signals raise :class:`Interruption` in this process, also where a shell had it ignore them.

    The warning that a scheduler sends before it stops a job, which submitit answers by requeueing it, waits for the end
    of a training step as the others do. Called again, it changes nothing but handlers that others have set since.
    """
    global _WATCH
    if threading.current_thread() is not threading.main_thread():
        return
    if _WATCH.process != os.getpid():
        _WATCH = _Watch(os.getpid())
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _WATCH.handle)
    if SUBMITIT in os.environ:
        warning = getattr(signal, "SIG" + os.environ.get("SUBMITIT_PREEMPT_SIGNAL", "USR2"))
        theirs = signal.getsignal(warning)
        if callable(theirs) and theirs != _WATCH.handle:
            _WATCH.requeue[warning] = theirs
            signal.signal(warning, _WATCH.handle)


def run(main: Callable[[], object]) -> None:
    """Run the main function of a process; where it ends early, do what it has left to do.

    Raises:
        Interruption: a signal has ended it, or should have. What goes on is printed.
    """
    watch()
    try:
        main()
        if (number := received()) is not None:  # something has swallowed the exception
            raise Interruption(number)
    except BaseException as error:
        for close in _WATCH.closing:
            close()
        if isinstance(error, Interruption) and run_identity.is_main_process():
            command = _WATCH.command() if _WATCH.command else os.environ.get(run_identity.COMMAND)
            does = "goes on" if " resume=" in f" {command}".replace("'resume=", "resume=") else "starts it again"
            print(f"\nended by {error.name}; this {does}:\n    {command}", file=sys.stderr)
        raise


def goes_on_with(command: Callable[[], str]) -> None:
    """Say how the command is found that goes on with what this process does; without that it is its own."""
    _WATCH.command = command


def at_early_end(close: Callable[[], object]) -> None:
    """Have something done where the main function does not end as it should."""
    _WATCH.closing.append(close)


def received() -> int | None:
    """The signal that has come, whether or not something has swallowed its exception."""
    return _WATCH.received if _WATCH.process == os.getpid() else None


def hold() -> None:
    """Let a signal wait until :func:`release`: what is done now is to be done whole."""
    _WATCH.held = True


def release() -> None:
    """Act upon a signal that has come meanwhile.

    Raises:
        Interruption: one that ends the process has.
    """
    _WATCH.held = False
    if received() is not None:
        _WATCH.end()


def drop_hold() -> None:
    """Let signals act at once again, without acting upon one that has come: an exception is on its way."""
    _WATCH.held = False


def leave_to_us(trainer: Any) -> None:
    """Keep Lightning from setting handlers of its own while a trainer runs."""
    trainer._signal_connector.register_signal_handlers = lambda: None
