"""What a process does about signals."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from transferlab.utils import interruption
from transferlab.utils.interruption import Interruption


@pytest.fixture(autouse=True)
def _handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that watches; afterwards signals do what they did before."""
    before = {number: signal.getsignal(number) for number in (*interruption.SIGNALS, signal.SIGUSR2)}
    monkeypatch.setattr(interruption, "_WATCH", interruption._Watch())
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def status_of(act: Callable[[], object]) -> int:
    """How a child process ends: its exit code, or minus the number of the signal that has ended it."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            act()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_process_by_its_own_exception(number: int, code: int) -> None:
    interruption.watch()
    with pytest.raises(Interruption) as raised:
        send(number)
    assert (raised.value.number, raised.value.code, raised.value.name) == (number, code, signal.Signals(number).name)
    again = pickle.loads(pickle.dumps(raised.value))  # from a worker of joblib
    assert (type(again), again.number, again.code) == (Interruption, number, code)


def test_under_nohup_a_closed_terminal_ends_nothing() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell has it for what runs in the background
    interruption.watch()
    send(signal.SIGHUP)
    assert interruption.received() is None
    with pytest.raises(Interruption):
        send(signal.SIGINT)


def test_a_signal_waits_for_what_is_to_be_whole() -> None:
    interruption.watch()
    interruption.hold()
    send(signal.SIGTERM)
    assert interruption.received() == signal.SIGTERM
    with pytest.raises(Interruption):
        interruption.release()


def test_the_second_signal_ends_the_process_at_once() -> None:
    def twice() -> None:
        interruption.watch()
        interruption.hold()
        send(signal.SIGTERM)
        send(signal.SIGINT)

    assert status_of(twice) == -signal.SIGINT


def test_a_swallowed_signal_is_not_forgotten() -> None:
    def main() -> None:
        with contextlib.suppress(SystemExit):
            send(signal.SIGTERM)

    assert status_of(lambda: interruption.run(main)) == 143


def test_the_command_that_goes_on_and_what_is_left_to_do_come_with_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        interruption.at_early_end(lambda: print("collected", file=sys.stderr))
        interruption.goes_on_with(lambda: "python src/train.py 'resume=a b'")
        send(signal.SIGINT)

    with pytest.raises(Interruption):
        interruption.run(main)
    lines = capsys.readouterr().err.split("\n")
    assert lines.index("collected") < lines.index("    python src/train.py 'resume=a b'")


def test_processes_that_are_forked_leave_signals_to_the_one_that_forked_them() -> None:
    interruption.watch()
    assert status_of(lambda: send(signal.SIGINT)) == 0


def test_a_warning_of_the_scheduler_waits_for_the_end_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def requeue(number: int, frame: object) -> None:
        raise SystemExit(255)

    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    signal.signal(signal.SIGUSR2, requeue)
    interruption.watch()
    interruption.watch()  # of every job of a process
    interruption.hold()
    send(signal.SIGUSR2)
    with pytest.raises(SystemExit) as raised:
        interruption.release()
    assert raised.value.code == 255 and not isinstance(raised.value, Interruption)
