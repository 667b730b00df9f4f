"""report.py as a user types it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from transferlab.utils.run_contents import files_below, own_files

if TYPE_CHECKING:
    from tests.commands import Commands


def test_a_sweep_becomes_a_table_and_a_picture(commands: Commands, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    jobs = []
    for number, (source, score) in enumerate((("ner", 0.5), ("re", 0.75))):
        (sweep / str(number)).mkdir(parents=True)
        (sweep / str(number) / "config_resolved.yaml").write_text("monitor: val/f1\n")
        metrics = {"val/f1": 0.25, "test/f1": score}
        overrides = [f"sources=[{source}]", "seed=1"]
        jobs.append({"job": str(number), "status": "completed", "overrides": overrides, "metrics": metrics})
    (sweep / "multirun_result.json").write_text(json.dumps({"jobs": jobs, "settings": []}))
    environment = {key: value for key, value in os.environ.items() if key not in ("PROJECT_ROOT", "TRANSFERLAB_RUN_ID")}
    command = ["src/report.py", f"sweeps={sweep}", f"paths.log_dir={tmp_path / 'logs'}", "extras.print_config=false"]
    for arguments, shown in (([], "75.00"), (["score=val/f1"], "25.00")):
        done = commands.run(*command, *arguments, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        assert shown in done.stdout
    for place in (tmp_path / "logs" / "report" / "runs").iterdir():
        assert set(files_below(place)) == set(own_files(place))  # what is not known to be ours is never deleted
    assert len(list((tmp_path / "logs").rglob("report.md"))) == len(list((tmp_path / "logs").rglob("report.png"))) == 2
