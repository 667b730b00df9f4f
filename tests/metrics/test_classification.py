"""Scores by the names of configs: every one is made, fits its problem and is refused elsewhere."""

import pytest

from transferlab.metrics.classification import GENERAL_SCORES, SCORES, check_score, make_score, problem_of
from transferlab.metrics.glue import TASKS
from transferlab.utils.errors import UserError

GOLD = {
    "multi_class": ["1", "0", "1", "0"],
    "multi_label": [["1"], [], ["0", "1"], ["0"]],
    "regression": [1, 2.5, 3, 0],
}


@pytest.mark.parametrize("metric", SCORES)
def test_every_score_reads_labels_of_its_problem(metric):
    problem = problem_of(metric)
    score = make_score(metric, problem, ["0", "1"] if problem != "regression" else [])
    score.update(GOLD[problem][:3], GOLD[problem][:3])
    score.update(GOLD[problem][3:], GOLD[problem][3:])
    perfect = score.compute()
    assert perfect and all(isinstance(value, float) for value in perfect.values())
    first = TASKS.get(metric, next(iter(perfect)))
    assert perfect[first] == pytest.approx(1)


def test_every_glue_task_is_a_score():
    assert set(TASKS) <= set(SCORES)
    assert {problem_of(metric) for metric in SCORES} == set(GENERAL_SCORES)
    assert all(problem_of(metric) == problem for problem, metric in GENERAL_SCORES.items())


def test_options_reach_the_score():
    score = make_score("paws", "multi_class", ["no", "yes"], {"positive": "yes"})
    score.update(["yes", "no", "no"], ["yes", "yes", "no"])
    assert score.compute()["f1"] == pytest.approx(2 / 3)
    score = make_score("tacred", "multi_class", ["a", "none"], {"no_relation": "none"})
    score.update(["a", "none"], ["a", "a"])
    assert score.compute()["precision"] == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("metric", "problem", "options", "message"),
    [
        ("mprc", "multi_class", {}, r"model.metric='mprc' does not exist; did you mean mrpc"),
        ("stsb", "multi_class", {}, r"model.metric=stsb scores a regression problem.*choose one of cola, sst2"),
        ("mrpc", "regression", {}, r"choose one of stsb, regression"),
        ("mrpc", "ranking", {}, r"taskmodule.problem='ranking': choose one of multi_class, multi_label, regression"),
        ("mrpc", "multi_class", {"negative": "0"}, r"model.metric_options.negative: mrpc.*known: positive"),
        ("semeval", "multi_class", {"positive": "0"}, r"model.metric_options.positive: semeval.*known: none"),
    ],
)
def test_what_does_not_fit_is_refused(metric, problem, options, message):
    with pytest.raises(UserError, match=message):
        check_score(metric, problem, options)


def test_a_positive_class_that_is_no_label_names_the_key():
    with pytest.raises(UserError, match=r"model\.metric_options"):
        make_score("mrpc", "multi_class", ["no", "yes"])
