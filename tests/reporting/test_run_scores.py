"""Logged names as nested scores, and their table."""

from transferlab.reporting.run_scores import nested_scores, print_scores

FLAT = {"conll_f1": 0.5, "muc_precision": 0.1, "muc_recall": 0.2, "muc_f1": 0.3, "loss": 7.0}


def test_nested_scores_group_precision_recall_and_f1():
    assert nested_scores(FLAT) == {
        "conll_f1": 0.5,
        "muc": {"precision": 0.1, "recall": 0.2, "f1": 0.3},
        "loss": 7.0,
    }


def test_the_table_shows_the_stage_asked_for_beside_the_baseline(capsys):
    metrics = {f"test/{name}": value for name, value in FLAT.items()} | {"val/conll_f1": 0.9}
    print_scores(metrics, "test", {"baseline": {**FLAT, "conll_f1": 0.25}}, "test")
    shown = capsys.readouterr().out
    assert "50.00" in shown and "25.00" in shown and "90.00" not in shown and "baseline" in shown


def test_scores_without_a_name_are_those_of_all():
    flat = {"precision": 0.1, "recall": 0.2, "f1": 0.3, "macro_f1": 0.4}
    assert nested_scores(flat) == {"all": {"precision": 0.1, "recall": 0.2, "f1": 0.3}, "macro_f1": 0.4}
    assert nested_scores({"accuracy": 0.5, "f1": 0.3}) == {"accuracy": 0.5, "f1": 0.3}
