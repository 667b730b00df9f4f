"""Scores of answers against values computed by hand, a plain threshold search, and another implementation."""

import json
import os
import random
from itertools import permutations
from pathlib import Path

import pytest
import torch
from torchmetrics.functional.text import squad

from transferlab.metrics.question_answering import SquadScore, normalise_answer, squad_scores
from transferlab.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def one(gold, prediction, version=2):
    """Exact match and F1 of one question."""
    scores = squad_scores({"q": gold}, {"q": prediction}, version=version)
    return scores["exact"], scores["f1"]


# --- Normalisation ---


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("The  Normans!", "normans"),
        ("an apple, a pear and the tea", "apple pear and tea"),
        ("theatre of Athens", "theatre of athens"),  # articles are whole words
        ("U.S.A.", "usa"),
        ("T.h.e end", "end"),  # punctuation goes before the articles
        ("the-end", "theend"),
        ("A", ""),
        ("...", ""),
        ("“the” 5\u00a0km", "“ ” 5 km"),  # punctuation beyond ASCII stays; every white space counts
        ("½ ﬁne STRASSE Straße", "½ ﬁne strasse straße"),  # no NFKC, lower case and not case folding
    ],
)
def test_normalise_answer(text, normalised):
    assert normalise_answer(text) == normalised


# --- Exact match and F1 of one question ---


@pytest.mark.parametrize("version", [1, 2])
def test_the_nearest_gold_answer_counts(version):
    assert one(["Denver Broncos", "The Broncos"], "broncos", version) == (1, 1)
    assert one(["Denver Broncos", "Carolina"], "broncos", version) == (0, pytest.approx(2 / 3))
    assert one(["x y z", "x"], "x y", version) == (0, pytest.approx(0.8))  # 2 * 2 / 5 beats 2 * 1 / 3
    assert one(["x"], "y", version) == (0, 0)


@pytest.mark.parametrize("version", [1, 2])
def test_f1_counts_repeated_words_as_often_as_both_have_them(version):
    assert one(["x x y"], "x x x", version) == (0, pytest.approx(2 * 2 / 6))


def test_both_sides_empty():
    assert one(["The"], "a", version=1) == (1, 0)
    assert one([""], "", version=1) == (1, 0)
    assert one(["The"], "a", version=2) == (1, 1)
    assert one([], "", version=2) == (1, 1)


@pytest.mark.parametrize("prediction", ["the", "...", " "])
def test_what_normalises_to_nothing_is_no_answer(prediction):
    assert one([], prediction) == (1, 1)
    assert one(["Rome"], prediction) == one(["Rome"], prediction, version=1) == (0, 0)


def test_version_2_discards_golds_that_normalise_to_nothing():
    assert one(["The", "Rome"], "") == (0, 0)
    assert one(["The", "Rome"], "", version=1) == (1, 0)


def test_a_question_with_discarded_golds_only_still_has_an_answer():
    scores = squad_scores({"q": ["The"]}, {"q": ""})
    assert (scores["HasAns_total"], scores["HasAns_exact"], scores["HasAns_f1"]) == (1, 1, 1)
    assert scores["NoAns_total"] == 0


# --- Averages ---

GOLDS = {"a": ["Denver Broncos"], "b": ["Rome", "the city of Rome"], "c": [], "d": []}
PREDICTIONS = {"a": "Broncos", "b": "Rome", "c": "", "d": "Paris"}


def test_averages_over_all_and_over_each_kind():
    assert squad_scores(GOLDS, PREDICTIONS) == pytest.approx(
        {
            "exact": 2 / 4,
            "f1": (2 / 3 + 1 + 1) / 4,
            "total": 4,
            "HasAns_exact": 1 / 2,
            "HasAns_f1": (2 / 3 + 1) / 2,
            "HasAns_total": 2,
            "NoAns_exact": 1 / 2,
            "NoAns_f1": 1 / 2,
            "NoAns_total": 2,
            "missing": 0,
        }
    )


def test_missing_predictions_are_wrong_in_version_1():
    golds = {name: GOLDS[name] for name in "ab"}
    scores = squad_scores(golds, {"b": "Rome", "z": "ignored"}, version=1)
    assert scores == {"exact": 0.5, "f1": 0.5, "total": 2, "missing": 1}


def test_missing_predictions_are_left_out_in_version_2():
    scores = squad_scores(GOLDS, {"b": "Rome", "d": "Paris", "z": "ignored"}, {"d": 0.9, "z": 0.0, "b": 0.1})
    assert (scores["missing"], scores["total"]) == (2, 2)
    assert (scores["exact"], scores["HasAns_exact"], scores["NoAns_exact"]) == (0.5, 1, 0)
    assert (scores["HasAns_total"], scores["NoAns_total"]) == (1, 1)
    assert (scores["best_exact"], scores["best_exact_thresh"]) == (1, 0.1)  # a share of those that are there


def test_nothing_to_score_gives_0():
    for version in (1, 2):
        assert set(squad_scores({}, {}, {}, version=version).values()) == {0}
    nothing = squad_scores(GOLDS, {}, {})
    assert nothing.pop("missing") == 4
    assert set(nothing.values()) == {0}


def test_refusals():
    with pytest.raises(UserError, match=r"version 3: choose 1 .* or 2"):
        squad_scores({}, {}, version=3)
    with pytest.raises(UserError, match=r"question 'c' has no gold answer.*use version 2"):
        squad_scores(GOLDS, PREDICTIONS, version=1)
    with pytest.raises(UserError, match="question 'd' has a prediction but no no-answer probability"):
        squad_scores(GOLDS, PREDICTIONS, {"a": 0.0, "b": 0.0, "c": 0.0})


# --- The no-answer threshold ---


def best_by_trying_all(golds, predictions, probabilities, score):
    """The best (share, threshold), with every probability, and "answer nothing", as the threshold."""
    best = (-1.0, 0.0)
    for threshold in [-1.0, *sorted(probabilities.values())]:
        final = {name: text if probabilities[name] <= threshold else "" for name, text in predictions.items()}
        value = squad_scores(golds, final)[score]
        if value > best[0] + 1e-12:
            best = (value, max(threshold, 0.0))
    return best


def test_best_threshold():
    probabilities = {"a": 0.3, "b": 0.6, "c": 0.9, "d": 0.5}
    scores = squad_scores(GOLDS, PREDICTIONS, probabilities)
    # by rising probability a (F1 2/3, no exact match), d (wrong), b (right), c; two right without any answer
    assert (scores["best_exact"], scores["best_exact_thresh"]) == (2 / 4, 0.0)
    assert (scores["best_f1"], scores["best_f1_thresh"]) == (pytest.approx((2 + 2 / 3) / 4), 0.3)
    assert scores["exact"] == 2 / 4  # the plain scores do not use it


@pytest.mark.parametrize("seed", range(20))
def test_best_threshold_equals_trying_all(seed):
    rng = random.Random(seed)
    words = ["x", "y", "z"]
    golds = {str(n): [" ".join(rng.choices(words, k=2))] * rng.randint(0, 1) for n in range(30)}
    predictions = {name: " ".join(rng.choices(words, k=rng.randint(0, 2))) for name in golds}
    probabilities = {name: rng.random() for name in golds}
    scores = squad_scores(golds, predictions, probabilities)
    for score in ("exact", "f1"):
        expected = best_by_trying_all(golds, predictions, probabilities, score)
        assert (scores[f"best_{score}"], scores[f"best_{score}_thresh"]) == pytest.approx(expected)


def test_the_search_may_stop_between_equal_probabilities():
    golds, predictions = {"a": ["Rome"], "b": []}, {"a": "Rome", "b": "Paris"}
    assert squad_scores(golds, predictions, {"a": 0.5, "b": 0.5})["best_exact"] == 1
    assert squad_scores(golds, predictions, {"b": 0.5, "a": 0.5})["best_exact"] == 0.5


def test_the_metric_answers_the_equally_probable_together():
    rows = [(["Rome"], "Rome", 0.5), ([], "Paris", 0.5), (["Oslo"], "Oslo", 0.7), ([], "Bonn", 0.9)]
    for order in permutations(rows):
        metric = SquadScore()
        metric.update(*map(list, zip(*order, strict=True)))
        scores = metric.compute()
        assert (scores["best_exact"], scores["best_exact_thresh"]) == (0.75, 0.7)  # both of 0.5, then Oslo


def test_nothing_said_is_wrong():
    for version in (1, 2):
        metric = SquadScore(version)
        metric.update([["the"], ["Rome"]], [None, "Rome"])  # of "the" nothing is left, so that "" would be right
        assert metric.compute()["exact"] == metric.compute()["f1"] == 0.5
    assert squad_scores({"a": ["the"]}, {}, version=1) == {"exact": 0, "f1": 0, "total": 1, "missing": 1}


def test_an_answer_of_punctuation_still_costs_in_the_search():
    scores = squad_scores({"a": [], "b": ["Rome"]}, {"a": "...", "b": "Rome"}, {"a": 0.1, "b": 0.2})
    assert scores["exact"] == 1
    assert (scores["best_exact"], scores["best_exact_thresh"]) == (0.5, 0.0)  # 1, then 1 - 1 + 1


def test_a_probability_above_1_withholds_the_answer_from_the_plain_scores():
    scores = squad_scores(GOLDS, PREDICTIONS, {"a": 1.0, "b": 1.5, "c": 2.0, "d": 1.5})
    assert (scores["exact"], scores["f1"]) == (2 / 4, pytest.approx((2 / 3 + 0 + 1 + 1) / 4))
    discarded = squad_scores({"q": ["The"]}, {"q": ""}, {"q": 1.5})
    assert discarded["exact"] == 0  # it has an answer, whatever that is


def test_version_1_knows_no_threshold():
    golds = {name: GOLDS[name] for name in "ab"}
    probabilities = dict.fromkeys(golds, 2.0)
    assert squad_scores(golds, PREDICTIONS, probabilities, version=1) == squad_scores(golds, PREDICTIONS, version=1)


# --- Another implementation: that of torchmetrics, version 1 but for two empty sides ---


@pytest.mark.parametrize("seed", range(5))
def test_version_1_equals_torchmetrics(seed):
    rng = random.Random(seed)
    words = ["The", "x", "y,", "Z", "of"]
    golds = {
        str(n): [" ".join([*rng.choices(words, k=rng.randint(0, 3)), "x"]) for _ in range(rng.randint(1, 3))]
        for n in range(50)
    }
    predictions = {name: " ".join(rng.choices(words, k=rng.randint(0, 3))) for name in golds if name != "7"}
    theirs = squad(
        [{"id": name, "prediction_text": text} for name, text in predictions.items()],
        [{"id": name, "answers": {"text": texts, "answer_start": []}} for name, texts in golds.items()],
    )
    ours = squad_scores(golds, predictions, version=1)
    assert 100 * ours["exact"] == pytest.approx(theirs["exact_match"].item(), abs=1e-4)
    assert 100 * ours["f1"] == pytest.approx(theirs["f1"].item(), abs=1e-4)
    assert ours["missing"] == 1


# --- A real corpus ---


@pytest.fixture
def squad_golds():
    """The development questions of SQuAD 2.0."""
    folder = Path(os.environ.get("SQUAD2_DIR", ROOT.parent / "shared" / "data" / "qa" / "squad_v2.0_subset"))
    if not folder.is_dir():
        pytest.skip(f"SQuAD 2.0 is not at {folder}; set SQUAD2_DIR")
    articles = json.loads((folder / "dev-v2.0.json").read_text(encoding="utf-8"))["data"]
    questions = [q for article in articles for paragraph in article["paragraphs"] for q in paragraph["qas"]]
    return {question["id"]: [answer["text"] for answer in question["answers"]] for question in questions}


@pytest.mark.corpus
def test_gold_answers_of_squad_are_right(squad_golds):
    predictions = {name: texts[0] if texts else "" for name, texts in squad_golds.items()}
    certain = {name: float(not texts) for name, texts in squad_golds.items()}
    scores = squad_scores(squad_golds, predictions, certain)
    assert (scores["exact"], scores["f1"], scores["missing"]) == (1, 1, 0)
    assert (scores["best_exact"], scores["best_f1"]) == (1, 1)
    assert scores["best_exact_thresh"] == 0.0
    assert scores["HasAns_total"] + scores["NoAns_total"] == scores["total"] == len(squad_golds)
    assert scores["NoAns_total"] == sum(not texts for texts in squad_golds.values()) > 0


@pytest.mark.corpus
def test_silence_on_squad_scores_the_share_of_unanswerable_questions(squad_golds):
    scores = squad_scores(squad_golds, dict.fromkeys(squad_golds, ""), dict.fromkeys(squad_golds, 1.0))
    share = scores["NoAns_total"] / scores["total"]
    assert scores["exact"] == scores["f1"] == scores["best_exact"] == scores["best_f1"] == share
    assert (scores["HasAns_f1"], scores["NoAns_f1"]) == (0, 1)


@pytest.mark.corpus
def test_answerable_questions_of_squad_in_version_1(squad_golds):
    golds = {name: texts for name, texts in squad_golds.items() if texts}
    scores = squad_scores(golds, {name: texts[-1] for name, texts in golds.items()}, version=1)
    assert (scores["exact"], scores["missing"]) == (1, 0)
    # an answer like "A" has no words left: an exact match of F1 0
    wordless = sum(not normalise_answer(texts[-1]) for texts in golds.values())
    assert scores["f1"] == pytest.approx(1 - wordless / len(golds))


# --- The metric object ---

PROBABILITIES = {"a": 0.3, "b": 0.6, "c": 0.9, "d": 0.5}


def in_batches(metric, *batches):
    for names in batches:
        metric.update(
            [GOLDS[name] for name in names],
            [PREDICTIONS[name] for name in names],
            [PROBABILITIES[name] for name in names],
        )
    return metric


def test_metric_equals_the_function_whatever_the_batches():
    expected = squad_scores(GOLDS, PREDICTIONS, PROBABILITIES)
    expected.pop("missing")
    for batches in (["abcd"], ["abc", "d"], ["d", "a", "bc"]):
        result = in_batches(SquadScore(), *batches).compute()
        assert result == pytest.approx(expected)
        assert all(type(value) is float for value in result.values())


def test_defect_7_the_score_of_a_split_is_not_a_running_mean_over_batches():
    metric, batch_means = SquadScore(), []
    for names in ("abc", "d"):
        batch_means.append(in_batches(SquadScore(), names).compute()["f1"])
        in_batches(metric, names)
    assert metric.compute()["f1"] == in_batches(SquadScore(), "abcd").compute()["f1"]
    assert metric.compute()["f1"] == pytest.approx((2 / 3 + 1 + 1 + 0) / 4)
    assert sum(batch_means) / 2 == pytest.approx((2 / 3 + 1 + 1) / 3 / 2)  # what was reported instead


def test_defect_7_an_answer_is_scored_whole_and_not_by_its_two_ends():
    metric = SquadScore(version=1)
    metric.update([["in the late 1990s"]], ["in 2010 or in the late 1990s"])  # right end, wrong start
    assert metric.compute() == {"exact": 0, "f1": pytest.approx(2 * 3 / (3 + 6)), "total": 1}
    metric.reset()
    metric.update([["1990s"]], ["19"])  # right start, within the same word
    assert metric.compute()["f1"] == 0


def test_defect_7_metrics_share_no_state():
    val, test = SquadScore(), SquadScore()
    in_batches(val, "abcd")
    assert test.compute()["total"] == 0
    test.update([["x"]], ["x"])
    assert (val.compute()["total"], test.compute()["total"]) == (4, 1)


def test_best_scores_are_those_of_the_best_answers():
    metric = SquadScore()
    # the system keeps silent on both, though its best answers are right and useless
    metric.update([["Rome"], []], ["", ""], [0.6, 0.9], best_answers=["Rome", "Paris"])
    scores = metric.compute()
    assert (scores["exact"], scores["HasAns_exact"], scores["NoAns_exact"]) == (0.5, 0, 1)
    assert (scores["best_exact"], scores["best_exact_thresh"]) == (1, 0.6)
    assert (scores["best_f1"], scores["best_f1_thresh"]) == (1, 0.6)


def test_a_system_that_speaks_in_the_end_is_taken_at_its_word():
    metric = SquadScore()
    metric.update([["Rome"]], ["Rome"], [3.5])  # a score of its own, not a probability
    assert metric.compute()["exact"] == 1


def test_no_best_scores_without_all_probabilities():
    metric = in_batches(SquadScore(), "abc")
    assert "best_f1" in metric.compute()
    metric.update([["x"]], ["x"])
    assert "best_f1" not in metric.compute()
    assert set(in_batches(SquadScore(version=1), "ab").compute()) == {"exact", "f1", "total"}


@pytest.mark.parametrize("version", [1, 2])
def test_metric_without_questions_gives_0(version):
    scores = SquadScore(version).compute()
    assert set(scores.values()) == {0}
    assert set(scores) == set(in_batches(SquadScore(version), "ab").compute())


def test_metric_refuses_without_adding():
    with pytest.raises(UserError, match="version 2021"):
        SquadScore(version=2021)
    metric = SquadScore(version=1)
    with pytest.raises(ValueError, match="2 questions with 1 predictions, 2 no-answer"):
        metric.update([["x"], ["y"]], ["x"])
    with pytest.raises(ValueError, match="1 questions with 1 predictions, 2 no-answer"):
        metric.update([["x"]], ["x"], [0.1, 0.2])
    with pytest.raises(UserError, match="question 1 has no gold answer"):
        metric.update([["x"], []], ["x", ""])
    assert metric.compute()["total"] == 0


def test_concatenated_states_give_the_score_of_the_whole():
    parts = [in_batches(SquadScore(), names) for names in ("ad", "cb")]
    whole = SquadScore()
    whole.rows = [torch.cat([torch.cat(part.rows) for part in parts])]
    whole.update([], [])
    assert whole.compute() == pytest.approx(in_batches(SquadScore(), "abcd").compute())
