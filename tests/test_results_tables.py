"""Every table of ``results/`` is what its record in ``results/data`` says, or stands under a note that it has none."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from transferlab.statistics.item_files import item_file, write_items
from transferlab.statistics.items import ItemCounts
from transferlab.statistics.scores import coreference_score
from transferlab.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "results" / "data"
PAGES = sorted((ROOT / "results").glob("*.md"))


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        import make_results_tables

        yield make_results_tables


def tables_without_a_reason(script: ModuleType, page: str) -> list[str]:
    """The first lines of tables that are neither made from records nor under a note that there are none."""
    by_hand = script.BLOCK.sub(
        lambda block: block["content"] if script.NO_RECORDS.match(block["content"]) else "", page
    )
    before, found = "", []
    for paragraph in re.split(r"\n{2,}", by_hand):
        lines = paragraph.splitlines()
        first = next((number for number, line in enumerate(lines) if line.startswith("|")), None)
        if first is not None:
            above = "\n".join([before, *lines[:first]]) + "\n"
            found += [] if script.NO_RECORDS.search(above) else [lines[first]]
            before = ""
        else:
            before = "\n".join([before, paragraph])
    return found


def says_so(script: ModuleType, page: str) -> bool:
    """Whether a page with tables without records tells its readers."""
    return (
        not script.NO_RECORDS.search(page)
        or re.search(r"\*\*The records of (this|these) .* not kept", page) is not None
    )


def test_every_table_is_what_its_record_says(script, capsys):
    before = {page: page.read_bytes() for page in script.pages(ROOT)}
    assert script.main(["--check"]) == 0, capsys.readouterr().out
    assert {page: page.read_bytes() for page in script.pages(ROOT)} == before


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_table_is_made_from_records_or_the_page_says_that_there_are_none(script, page):
    text = page.read_text(encoding="utf-8")
    assert tables_without_a_reason(script, text) == []
    assert says_so(script, text)


def test_every_table_that_can_be_made_is_shown_once(script):
    shown = [block["name"] for page in script.pages(ROOT) for block in script.BLOCK.finditer(page.read_text("utf-8"))]
    assert sorted(shown) == sorted(script.TABLES)


def test_a_table_by_hand_is_found(script):
    made = "<!-- table: sources -->\n| a |\n|---|\n<!-- end of table -->\n"
    noted = "<!-- no records: lost -->\n| b |\n|---|\n"
    assert tables_without_a_reason(script, f"{made}\n{noted}") == []
    assert tables_without_a_reason(script, f"{made}\n| c |\n|---|\n\n{noted}") == ["| c |"]
    assert tables_without_a_reason(script, f"{noted}\ntext\n\n| d |\n|---|\n") == ["| d |"]
    unrecorded = made.replace(
        "| a |", "<!-- no records: lost -->\n**The records of this table were not kept.**\n\n| a |"
    )
    assert tables_without_a_reason(script, unrecorded) == [] and says_so(script, unrecorded)
    assert not says_so(script, noted)


CHANGES = [  # (table, record, which rows, column, new value)
    ("sources", "sources.csv", "source == 'paws' and model == 'trained again' and split == 'test'", "value", 0.61),
    ("sources", "sources.csv", "source == 'poem_sentiment' and model == 'commonest class'", "value", 0.7),
    ("sources", "sources.csv", "source == 're' and model == 'first training, rounded'", "value", 0.5),
    ("litbank_transfer", "transferability_measured.csv", "source == 'ner' and seed == 2", "score", 0.6),
    ("litbank_methods", "transferability_ranks.csv", "source == 'squad' and method == 'hscore'", "rank", 7.5),
    ("litbank_reliability", "transferability_measured.csv", "source == 'squad' and seed == 1", "score", 0.4),
    ("wnut17_transfer", "transferability_ranks.csv", "source == 'pos' and method == 'leep'", "rank", 3),
    ("semeval2010_transfer", "transferability_measured.csv", "source == 'minilm'", "score", 0.7),
    ("other_targets_methods", "transferability_ranks_again.csv", "source == 'paws' and method == 'knn'", "rank", 0),
    ("other_targets_methods", "transferability_measured.csv", "source == 'squad' and target == 'wnut17'", "score", 0.3),
    ("three_targets", "transferability_ranks_again.csv", "source == 'paws' and method == 'nleep'", "rank", 0),
    ("three_targets_independent", "transferability_measured.csv", "source == 're' and seed == 1", "score", 0.1),
    ("three_targets_static", "transferability_measured.csv", "source == 'minilm' and target == 'wnut17'", "score", 0.1),
    ("kill_points", "kill_points.csv", "killed_while == 'writing results'", "result", "another result"),
]


@pytest.mark.parametrize(("table", "record", "rows", "column", "value"), CHANGES)
def test_another_number_in_the_record_is_another_table(script, tmp_path, table, record, rows, column, value):
    records = shutil.copytree(RECORDS, tmp_path / "data")
    frame = pd.read_csv(RECORDS / record)
    frame.loc[frame.query(rows).index, column] = value
    frame.to_csv(records / record, index=False)
    shown = {
        block["name"]: block["content"]
        for page in script.pages(ROOT)
        for block in script.BLOCK.finditer(page.read_text(encoding="utf-8"))
    }
    assert script.TABLES[table](records).markdown() != shown[table]


def test_the_check_names_what_differs_and_writing_mends_it(script, tmp_path, capsys):
    (tmp_path / "results").mkdir()
    shutil.copytree(RECORDS, tmp_path / "results" / "data")
    for page in ("results/sources.md", "docs/reliability.md"):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / page, tmp_path / page)
    page = tmp_path / "results" / "sources.md"
    right = page.read_text(encoding="utf-8")
    page.write_text(right.replace("| re | macro F1 | 83.33 |", "| re | macro F1 | 83.34 |"), encoding="utf-8")
    wrong = page.read_bytes()
    assert script.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out == "results/sources.md: sources\n" and page.read_bytes() == wrong
    assert script.main([], tmp_path) == 0
    assert page.read_text(encoding="utf-8") == right
    assert script.main(["--check"], tmp_path) == 0
    assert sorted(file.name for file in page.parent.iterdir()) == ["data", "sources.md"]  # nothing half written is left


@pytest.mark.parametrize(
    ("page", "named"),
    [
        ("<!-- table: source -->\n<!-- end of table -->", "sources"),
        ("<!-- table: sources -->\n| a |\n", "sources"),
        ("<!-- table: sources -->\n<!-- table: views -->\n<!-- end of table -->", "sources"),
    ],
    ids=["unknown", "without an end", "within another"],
)
def test_a_mistake_on_a_page_is_refused(script, page, named):
    with pytest.raises(UserError, match=named):
        script.with_tables(page, RECORDS)


def test_a_table_without_its_record_is_refused(script, tmp_path):
    with pytest.raises(UserError, match=r"layer_study\.csv"):
        script.with_tables("<!-- table: views -->\n| a |\n<!-- end of table -->", tmp_path)


# -- the tables whose records are made by a later study, from a tiny one

SEEDS, DEPTHS = (1, 2, 3), (1, 2)
SCORE = coreference_score("conll_f1")
LEVELS = {("minilm", 1): 60, ("minilm", 2): 50, ("re", 1): 61, ("re", 2): 80, ("ner", 1): 59, ("ner", 2): 30}  # of 100


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Records of three sources at two depths, with ten documents of 100 mentions each."""
    random = np.random.default_rng(0)
    documents, scores = [], []
    for (source, depth), level in LEVELS.items():
        for seed in SEEDS:
            found = level + random.integers(-2, 3, size=10)
            counts = np.tile(np.stack([found, np.full(10, 100)] * 2, axis=1), 3)  # precision = recall, in each metric
            cell = {"source": source, "depth": depth, "seed": seed}
            for number, row in enumerate(counts):
                documents.append(cell | {"document": f"d{number}"} | dict(zip(SCORE.columns, row, strict=True)))
            scores.append(cell | {"metric": "test/conll_f1", "value": found.sum() / 1000})
            scores.append(cell | {"metric": "val/conll_f1", "value": (level + seed - 2) / 100})
    pd.DataFrame(scores).to_csv(tmp_path / "layer_study.csv", index=False)
    pd.DataFrame(documents).to_csv(tmp_path / "layer_study_documents.csv", index=False)
    views = [f"{source}_{depth}" for source, depth in LEVELS]
    right = dict(zip(views, LEVELS.values(), strict=True))
    scores_of_views = {
        "source": views,
        "logme": [right[view] for view in views],
        "knn": [-right[view] for view in views],
    }
    pd.DataFrame(scores_of_views).assign(target="litbank_coref").to_csv(tmp_path / "views_scores.csv", index=False)
    shutil.copy(RECORDS / "transferability_measured.csv", tmp_path)
    return tmp_path


def cells(table) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in table.rows}


def test_the_layer_study_has_means_and_the_depth_of_the_best_validation(script, study):
    table = script.TABLES["layer_study"](study)
    assert table.columns == ["source", "1 layer", "2 layers", "depth that validation chooses"]
    rows = cells(table)
    assert [rows[source][-1] for source in ("minilm", "re", "ner")] == [
        "1 (validation 60.00)",
        "2 (validation 80.00)",
        "1 (validation 59.00)",
    ]
    record = pd.read_csv(study / "layer_study.csv").query("source == 're' and depth == 2 and metric == 'test/conll_f1'")
    values = 100 * record["value"]
    assert rows["re"][1] == f"{values.mean():.2f} ± {values.std():.2f}"


def test_verdicts_are_over_documents_and_seeds(script, study):
    chosen = cells(script.TABLES["layer_study_chosen_depth"](study))
    assert list(chosen) == ["minilm", "re", "ner"]
    depths, seeds, differences, verdicts = ({source: row[n] for source, row in chosen.items()} for n in (0, 3, 4, 6))
    assert depths == {"minilm": "1", "re": "2", "ner": "1"} and set(seeds.values()) == {"3"}
    assert verdicts["minilm"] == "reference" and verdicts["re"] == "better"
    record = pd.read_csv(study / "layer_study.csv").query("metric == 'test/conll_f1'")
    means = record.groupby(["source", "depth"])["value"].mean()
    assert differences["re"] == f"{100 * (means['re', 2] - means['minilm', 1]):+.2f}"
    whole = cells(script.TABLES["layer_study_whole"](study))
    assert {source: row[0] for source, row in whole.items()} == {"minilm": "2", "re": "2", "ner": "2"}
    assert whole["ner"][6] == "worse"


def test_documents_have_to_give_the_score_that_was_logged(script, study):
    frame = pd.read_csv(study / "layer_study_documents.csv")
    chosen = (frame["source"] == "re") & (frame["depth"] == 1)  # a depth that this table does not show
    frame.loc[chosen & (frame["seed"] == 2), SCORE.columns[0]] -= 5
    frame.to_csv(study / "layer_study_documents.csv", index=False)
    with pytest.raises(UserError, match=r"'re', 1, 2"):
        script.TABLES["layer_study_chosen_depth"](study)


def test_views_are_judged_without_the_reference(script, study):
    rows = cells(script.TABLES["views"](study))
    assert script.TABLES["views"](study).columns[1] == "rank of the best of 5"
    assert rows["LogME"][0] == "1" and rows["nearest neighbours"][0] == "5"
    assert float(rows["LogME"][3]) > 0.8 and float(rows["nearest neighbours"][3]) == -float(rows["LogME"][3])
    assert rows["random"][3] == "0.00"
    assert rows["LogME"][4] == rows["LogME"][3]  # no source has collapsed here


def test_probes_stand_beside_fine_tuning(script, study):
    rows = cells(script.TABLES["litbank_probes"](study))
    assert list(rows) == ["minilm", "re", "ner"]  # by the F1 after fine-tuning from them
    assert rows["re"][0].startswith("55.0") and rows["re"][2].endswith("(2)")


def test_a_table_is_made_as_soon_as_its_record_is_there(script, study):
    page = (ROOT / "results" / "layer_study.md").read_text(encoding="utf-8")
    assert script.with_tables(page, RECORDS) == page
    made = script.with_tables(page, study)
    blocks = {block["name"]: block["content"] for block in script.BLOCK.finditer(made)}
    assert set(blocks) == {"layer_study", "layer_study_chosen_depth", "layer_study_whole"}
    assert all(script.NO_RECORDS.search(content) is None for content in blocks.values())
    assert script.with_tables(made, study) == made


# -- the records of a layer study, from its sweeps


@pytest.fixture
def recorder(script: ModuleType) -> ModuleType:
    import record_study

    return record_study


def sweep_of(place: Path, study: Path, recorder: ModuleType, depths: tuple[int, ...] = DEPTHS) -> Path:
    """A sweep, as training leaves it, of the probes whose records ``study`` holds."""
    scores, documents = (pd.read_csv(study / name) for name in ("layer_study.csv", "layer_study_documents.csv"))
    jobs = []
    for (source, depth, seed), rows in documents.groupby(["source", "depth", "seed"], sort=False):
        if depth not in depths:
            continue
        of_cell = scores.query("source == @source and depth == @depth and seed == @seed")
        metrics = dict.fromkeys(recorder.METRICS, 0.5) | dict(zip(of_cell["metric"], of_cell["value"], strict=True))
        counts = rows[[*SCORE.columns]].to_numpy(dtype=np.float64)
        items = ItemCounts("test", tuple(rows["document"]), SCORE.columns, counts)
        job = f"{len(jobs)}/probes/{source}_{depth}"
        write_items(item_file(place / job, "test"), items, {"kind": "coreference"})
        overrides = ["experiment=layer_study", f"sources=[{source}_{depth}]"]
        found = {"job": job, "status": "completed", "overrides": overrides, "seed": seed, "metrics": metrics}
        jobs.append(found)
    (place / "multirun_result.json").write_text(json.dumps({"jobs": jobs}), encoding="utf-8")
    return place


def test_recording_sweeps_gives_the_tables(script, recorder, study, tmp_path):
    sweeps = [sweep_of(tmp_path / f"sweep{depth}", study, recorder, (depth,)) for depth in DEPTHS]
    records = tmp_path / "records"
    recorder.main(["layer_study", *map(str, sweeps)], records)
    for name in ("layer_study_chosen_depth", "layer_study_whole"):
        assert cells(script.TABLES[name](records)).items() >= cells(script.TABLES[name](study)).items()
    assert set(pd.read_csv(records / "layer_study.csv")["metric"]) == set(recorder.METRICS)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"status": "failed"}, "failed"),
        ({"overrides": ["sources=[ner]"]}, r"sources=\[ner\]"),
        ({"metrics": {"test/conll_f1": 0.5}}, "val/conll_f1"),
        ({"overrides": ["sources=[minilm_2]"]}, "minilm_2"),
        ({"job": "elsewhere"}, "test.npz"),
    ],
    ids=["not completed", "no view", "no score", "twice", "no counts"],
)
def test_a_job_that_cannot_be_recorded_is_named(recorder, study, tmp_path, change, named):
    place = sweep_of(tmp_path / "sweep", study, recorder)
    file = place / "multirun_result.json"
    result = json.loads(file.read_text(encoding="utf-8"))
    result["jobs"][0] |= change
    file.write_text(json.dumps(result), encoding="utf-8")
    with pytest.raises(SystemExit, match=named):
        recorder.main(["layer_study", str(place)], tmp_path / "records")
    assert not (tmp_path / "records").exists()


def test_heads_are_held_against_the_default(script, recorder, tmp_path):
    place, jobs = tmp_path / "sweep", []
    levels = {"higher_order=null": 50, "higher_order=max_antecedent": 70, "loss_type=hinge": 50}  # of 100
    for option, level in levels.items():
        for seed in SEEDS:
            found = level + np.random.default_rng(len(jobs)).integers(-9, 10, size=10)
            counts = np.tile(np.stack([found, np.full(10, 100)] * 2, axis=1), 3).astype(np.float64)
            items = ItemCounts("test", tuple(f"d{number}" for number in range(10)), SCORE.columns, counts)
            write_items(item_file(place / str(len(jobs)), "test"), items, {"kind": "coreference"})
            metrics = dict.fromkeys(recorder.METRICS, 0.5) | {"test/conll_f1": found.sum() / 1000}
            job = {"job": str(len(jobs)), "status": "completed", "overrides": [f"model.{option}"], "seed": seed}
            jobs.append(job | {"metrics": metrics})
    (place / "multirun_result.json").write_text(json.dumps({"jobs": jobs}), encoding="utf-8")
    recorder.main(["litbank_heads", str(place)], tmp_path)
    from results_tables.litbank import heads

    table = heads(tmp_path)
    verdicts = {head: row[table.columns.index("verdict") - 1] for head, row in cells(table).items()}
    assert verdicts == {"default": "reference", "max_antecedent": "better", "hinge": verdicts["hinge"]}
    assert verdicts["hinge"] != "better" and all(row[0] == "50.00 ± 0.00" for row in cells(table).values())
