"""Labels, names and texts that hold escape sequences, Markdown or HTML are shown as what they are, in every medium."""

from __future__ import annotations

import io
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from transferlab.callbacks.sweep_results import integrate, print_settings, write_job
from transferlab.documents import Annotations, Document, Entity
from transferlab.models.saving import model_card
from transferlab.reporting.coreference_html import write_coreference_html
from transferlab.reporting.counts import label_count_report
from transferlab.reporting.curves import plot_curves
from transferlab.reporting.layer_scores import f1_report
from transferlab.reporting.score_table import score_markdown, score_table
from transferlab.reporting.sweep_plot import plot_sweep
from transferlab.reporting.sweep_report import report_sweeps
from transferlab.reporting.text_table import TextTable
from transferlab.utils.errors import UserError, run_entrypoint
from transferlab.utils.escaping import code, code_block, markdown, markdown_row, plain, visible
from transferlab.utils.logging import print_config
from transferlab.utils.run_record import write_json
from transferlab.utils.terminal import VisibleConsole, escape_log_records

COLOUR, TITLE, C1, BIDI = "\x1b[31m", "\x1b]0;owned\x07", "\x9b31m", "\u202e"
TERMINAL = [COLOUR, TITLE, C1, BIDI, "\x08\x08", "\r", "\u2028", "\U000e0041"]
MARKUP = ["[red]", "[/]", "[/b]", "[link=http://example.org]x[/link]", ":smile:"]
HTML = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](http://example.org/x)", "[x](javascript:1)"]
HOSTILE = [*TERMINAL, *MARKUP, *HTML, "a|b", "a`b", "``", "one\ntwo", "$x_$ and $\\frac{$", "\\", "trailing\\"]


def unseen(text: str) -> list[str]:
    """The characters of a text that a terminal would obey, or not show."""
    orders = {chr(code) for code in (*range(32), *range(127, 160))} - {"\n", "\t"} | set("\u202e\u2028\U000e0041")
    return [character for character in text if character in orders]


@pytest.fixture
def log_records() -> Any:
    factory = logging.getLogRecordFactory()
    escape_log_records()
    yield
    logging.setLogRecordFactory(factory)


def shown_of_markdown(text: str) -> str:
    """What a reader of Markdown sees of a line: escapes of punctuation taken off."""
    return re.sub(r"\\([\\`|\]])", r"\1", text).replace("&lt;", "<")


@pytest.mark.parametrize("text", HOSTILE)
def test_each_medium_shows_the_text_and_obeys_nothing(text):
    assert unseen(visible(text)) == []
    line = markdown(text)
    assert "\n" not in line and "<" not in line and "](" not in line.replace("\\](", "")
    assert not re.search(r"(?<!\\)(?:\\\\)*[`|]", line), "each is behind an odd number of backslashes"
    assert shown_of_markdown(line) == visible(re.sub(r"[\r\n]+", " ", text))
    row = markdown_row([text, "x"])
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 3
    span = code(text)
    fence = re.match("`+", span)
    assert fence and span.endswith(fence[0]) and fence[0] not in span[len(fence[0]) : -len(fence[0])]
    assert "\n" not in span
    assert plain(text).replace(r"\$", "").count("$") == 0


def test_ordinary_texts_stay_as_they_are():
    for text in ("test/conll_f1", "sources=[ner,re_4]", "größe 中文 😀 عربى", "x > 1 & y", "per:city_of_birth"):
        assert visible(text) == text and markdown(text) == text and code(text) == f"`{text}`"
    assert visible("a\u200db \tc\nd") == "a\u200db \tc\nd", "joiners, tabs and line ends are part of texts"


def test_a_code_block_is_not_left():
    lines = code_block(f"a\n```\n<script>{COLOUR}\n````")
    assert lines[0] == lines[-1] == "`````" and unseen("\n".join(lines)) == []


def printed(*objects: Any) -> str:
    stream = io.StringIO()
    console = VisibleConsole(file=stream, width=400, force_terminal=False)
    for shown in objects:
        console.print(shown)
    return stream.getvalue()


@pytest.mark.parametrize("text", [*TERMINAL, *MARKUP])
def test_the_console_prints_every_text_as_it_is(text):
    table = TextTable([text, "x"], [[text, "1"]], title=text)
    scores = {"precision": 1, "recall": 1, "f1": 1}
    everything = printed(text, table.rich(), score_table({text: {text: scores, "a": 1}}))
    assert unseen(everything) == []
    if text in MARKUP:
        assert everything.count(text) >= 5, "but for a narrow column, in which it is folded"


def test_a_coloured_terminal_gets_the_colours_of_ours_alone():
    from rich.text import Text

    stream = io.StringIO()
    VisibleConsole(file=stream, force_terminal=True, color_system="standard").print(Text(f"a{COLOUR}b", style="bold"))
    assert "\x1b[1m" in stream.getvalue() and COLOUR not in stream.getvalue() and r"\x1b[31m" in stream.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_log_records_are_visible_and_one(log_records, text, caplog):
    with caplog.at_level(logging.INFO):
        logging.getLogger("x").info("label %s of %d", text, 1)
        try:
            raise ValueError(f"{text}\n[2026-01-01][INFO] - forged")
        except ValueError:
            logging.getLogger("x").exception("failed: %s", "a\n[2026-01-01][INFO] - forged")
    written = "\n".join(logging.Formatter("%(message)s").format(record) for record in caplog.records)
    assert unseen(written) == []
    assert not any(record.getMessage().startswith("[2026") for record in caplog.records)
    assert "\n    [2026-01-01][INFO] - forged" in caplog.records[1].getMessage()


def test_a_record_with_wrong_arguments_fails_nothing(log_records, caplog):
    logging.getLogger("x").debug("%d", "a")
    assert logging.getLogger("x").makeRecord("x", 20, "f", 1, "%d", ("a",), None).args == ("a",)


def test_errors_are_shown_visibly(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "")  # so that what run_entrypoint sets is taken back
    monkeypatch.delenv("HYDRA_FULL_ERROR")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    factory = logging.getLogRecordFactory()

    def main() -> None:
        raise UserError(f"label {COLOUR}{BIDI}")

    with pytest.raises(SystemExit):
        run_entrypoint(main)
    try:
        raise ValueError(TITLE)
    except ValueError:
        sys.excepthook(*sys.exc_info())
    logging.setLogRecordFactory(factory)
    shown = capsys.readouterr().err
    assert unseen(shown) == [] and r"\x1b[31m\u202e" in shown


def test_the_config_is_printed_visibly(capsys):
    print_config(OmegaConf.create({"dataset": {"data_dir": f"{BIDI}[red]{COLOUR}"}, "task_name": f"[/]{C1}"}))
    shown = capsys.readouterr().out
    assert unseen(shown) == [] and "[red]" in shown and "[/]" in shown


def sweep(place: Path) -> Path:
    """A sweep whose jobs have hostile overrides, metrics and errors."""
    for number, text in enumerate([*HOSTILE, "last"]):
        job = place / str(number)
        (job / ".hydra").mkdir(parents=True)
        (job / ".hydra" / "overrides.yaml").write_text("[]")
        (job / "config_resolved.yaml").write_text("monitor: val/f1\n")
        metrics = {"test/f1": 0.5, f"test/{text}": 0.25}
        write_job(job, {"overrides": [f"task_name={text}"], "seed": 1, "metrics": metrics})
    broken = place / "broken"
    (broken / ".hydra").mkdir(parents=True)
    error = {"status": "failed", "overrides": ["seed=1"], "seed": 1, "metrics": {}, "error": f"{COLOUR}<b>\n| x |"}
    write_json(broken / "job_return.json", error)
    return place


def assert_harmless(text: str) -> None:
    assert unseen(text) == []
    without_code = re.sub(r"(`+).*?\1", "", text)
    assert "<script" not in without_code and "<img" not in without_code and "<b>" not in without_code
    assert not re.search(r"(?<!\\)\]\((?!\w+\.png\))", without_code)


def test_reports_of_a_hostile_sweep(tmp_path, capsys):
    place = sweep(tmp_path)
    print_settings(integrate(place), "val/f1")
    report = report_sweeps([place])
    texts = [(place / "multirun_result.md").read_text(), (place / "0" / "job_return.md").read_text(), report.markdown()]
    for text in texts:
        assert_harmless(text)
    for table in texts:
        for block in re.findall(r"(?:^\|.*\n)+", table, flags=re.MULTILINE):
            columns = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in block.splitlines()}
            assert len(columns) == 1, "no cell begins another"
    assert unseen(printed(report.table()) + capsys.readouterr().out) == []
    assert plot_sweep(report, tmp_path / "report")[0].is_file()


def test_curves_of_hostile_runs(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,step,val/f1\n0,1,0.5\n1,2,0.6\n")
    labels = dict.fromkeys(("$x_$", r"$\frac{$", COLOUR), tmp_path / "metrics.csv")
    assert plot_curves(labels, tmp_path / "curve.png", metric="val/f1")[0].is_file()


def test_reports_of_hostile_labels(tmp_path):
    entities = [Entity(0, 0, text) for text in HOSTILE]
    gold = Annotations(entities=entities, clusters=[[(0, 0)]])
    predicted = Annotations(entities=entities, clusters=[[(0, 0), (1, 1)]])
    document = Document("<b>" + COLOUR, ["a", "<i>"], [(0, 1)], gold=gold, predicted=predicted)
    for report in (f1_report([document], layer="entities"), label_count_report([document], layer="entities")):
        assert_harmless(report.markdown())
        assert unseen(printed(*report.tables)) == []
        report.write_figures(tmp_path)
    assert_harmless(score_markdown({text: {text: 0.5} for text in HOSTILE}))
    html = write_coreference_html([document], tmp_path / "x.html").read_text()
    assert "<b>" + COLOUR not in html and "<i>" not in html and "&lt;i&gt;" in html


def test_a_model_card_keeps_its_front_matter():
    import yaml

    for text in HOSTILE:
        card = model_card(
            {
                "taskmodule": {"name": f"mine:{text}\n---\nlicence: evil"},
                "model": {"options": {"pretrained_models": {text: text}}},
                "encoders": {text: {"folder": text}},
                "command": text,
                "data": {"name": text, "options": {text: text}},
                "scores": {text: 0.5},
            }
        )
        _, front, body = card.split("---\n", 2)
        assert set(yaml.safe_load(front)) == {"library_name", "tags"}
        assert_harmless(body.partition("```python")[0])
