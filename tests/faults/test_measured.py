"""Damaged measurements: ``measured=`` of rank.py and ``sweeps=`` of report.py name file, line or job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Composed
from .faults import Fault, Refusal, rows

HEAD = "target,source,seed,score\n"
TABLES = rows(
    ("", "line 1", "target"),
    ("target,source,seed\nner,re,1\n", "line 1", "score"),
    (HEAD, "no row"),
    (HEAD + "ner,re,one,0.5\n", "line 2", "one"),
    (HEAD + "ner,re,1,half\n", "line 2", "half"),
    (HEAD + "ner,,1,0.5\n", "line 2", "source"),
    (HEAD + "ner,re,1\n", "line 2", "score"),
    (HEAD + "ner,re,1,0.5\nner,re,1,0.6\n", "line 3", "0.6"),
    (HEAD + "ner,re,1,50\nner,ner,1,60\n", "ner", "60"),
    (HEAD + "pos,re,1,0.5\n", "pos"),
    (b"target,source,seed,score\n\xff,re,1,0.5\n", "measured.csv", "UTF-8"),
)  # fmt: skip
JOB: dict[str, Any] = {
    "job": "0", "status": "completed", "seed": 1, "overrides": ["experiment=ner", "sources=[re]"],
    "metrics": {"test/f1": 0.5},
}  # fmt: skip
SWEEPS = rows(
    (None, "multirun_result.json"),
    ("{", "multirun_result.json"),
    ([], "multirun_result.json"),
    ({"jobs": {}}, "multirun_result.json", "jobs"),
    ({"jobs": []}, "completed"),
    ({"jobs": [3]}, "multirun_result.json", "job 0"),
    ({"jobs": [JOB, {}]}, "multirun_result.json", "job 1"),
    ({"jobs": [JOB | {"status": None}]}, "multirun_result.json", "status"),
    ({"jobs": [JOB | {"overrides": "x"}]}, "multirun_result.json", "overrides"),
    ({"jobs": [JOB | {"metrics": [1]}]}, "multirun_result.json", "metrics"),
    ({"jobs": [JOB | {"metrics": {"test/f1": {"a": 1}}}]}, "multirun_result.json", "test/f1"),
    ({"jobs": [JOB | {"metrics": {"test/f1": "high"}}]}, "high"),
    ({"jobs": [JOB | {"job": "../x"}]}, "../x"),
    ({"jobs": [JOB | {"status": "failed"}]}, "completed"),
)  # fmt: skip


@pytest.mark.parametrize("fault", TABLES)
def test_tables(fault: Fault, composed: Composed, refusal: Refusal, tmp_path: Path) -> None:
    from rank import rank

    content = fault.change
    (tmp_path / "measured.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    cfg = composed("rank", f"measured='{tmp_path / 'measured.csv'}'")
    refusal.of(lambda: rank(cfg), *fault.named)


@pytest.mark.parametrize("fault", SWEEPS)
@pytest.mark.parametrize("reads", ["rank", "report"])
def test_sweeps(reads: str, fault: Fault, composed: Composed, refusal: Refusal, tmp_path: Path) -> None:
    from rank import rank
    from report import report

    sweep = tmp_path / "sweep"
    (sweep / "0").mkdir(parents=True)
    (sweep / "0" / "config_resolved.yaml").write_text("monitor: val/f1\ntask_name: ner\n")
    content = fault.change
    if content is not None:
        (sweep / "multirun_result.json").write_text(content if isinstance(content, str) else json.dumps(content))
    if reads == "rank":
        cfg = composed("rank", f"measured='{sweep}'", "score=test/f1")
        refusal.of(lambda: rank(cfg), *(fault.named if fault.named != ("completed",) else ("job",)))
    else:
        cfg = composed("report", f"sweeps='{sweep}'", "score=test/f1")
        refusal.of(lambda: report(cfg), *fault.named)


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"test": []}', '{"test": {"most": 3}}', '{"test": {"most": {"f1": "x"}}}']
)
def test_baselines(content: str, composed: Composed, refusal: Refusal, tmp_path: Path) -> None:
    from report import report

    sweep = tmp_path / "sweep"
    (sweep / "0").mkdir(parents=True)
    (sweep / "0" / "baselines.json").write_text(content)
    (sweep / "multirun_result.json").write_text(json.dumps({"jobs": [JOB]}))
    cfg = composed("report", f"sweeps='{sweep}'", "score=test/f1")
    refusal.of(lambda: report(cfg), "baselines.json")
