"""A forked command line is what ``python <script>`` would be: to itself, and to who has started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.commands import Commands

SEEN = """
import json, os, signal, sys
seen = {"argv": sys.argv, "orig_argv": sys.orig_argv, "place": os.getcwd(), "environment": dict(os.environ),
        "first path": sys.path[0], "session": os.getsid(0) == os.getpid(), "name": __name__,
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "project": [name for name in sys.modules if name.split(".")[0] == "transferlab"]}
print(json.dumps(seen))
sys.exit("no more" if len(sys.argv) > 1 else 0)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "seen.py").write_text(SEEN)
    return tmp_path / "seen.py"


@pytest.mark.parametrize("arguments", [[], ["a=b c", "d"]])
def test_it_sees_what_an_interpreter_would(commands: Commands, script: Path, arguments: list[str]) -> None:
    env = {"PATH": os.environ["PATH"], "ONLY": "this"}
    forked = commands.run(str(script), *arguments, cwd=script.parent, env=env)
    command = [sys.executable, str(script), *arguments]
    started = subprocess.run(
        command, cwd=script.parent, env=env, capture_output=True, text=True, start_new_session=True, check=False
    )
    assert (forked.returncode, forked.stderr) == (started.returncode, started.stderr)
    seen: list[dict[str, Any]] = [json.loads(done.stdout) for done in (forked, started)]
    for each in seen:
        each["environment"].pop("LC_CTYPE", None)  # which an interpreter sets for itself
    assert seen[0] == seen[1]


def test_its_end_is_told(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "wait.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(60)\n")
    process = commands.start(str(tmp_path / "wait.py"), cwd=tmp_path)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait() == process.poll() == -signal.SIGTERM
    (tmp_path / "fail.py").write_text("raise RuntimeError('of its own')\n")
    done = commands.run(str(tmp_path / "fail.py"), cwd=tmp_path)
    assert done.returncode == 1 and "RuntimeError: of its own" in done.stderr
    with pytest.raises(subprocess.TimeoutExpired):
        commands.run(str(tmp_path / "wait.py"), cwd=tmp_path, timeout=0.2)
