"""Coreference over subtokens from the command line: one score, in words, wherever it is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from transferlab.documents import read_jsonl
from transferlab.inference import load
from transferlab.metrics.coreference import corpus_scores
from transferlab.taskmodules.coreference import CoreferenceTaskModule

from .item_records import items_with_the_scores_of

pytestmark = pytest.mark.usefixtures("without_pictures")
QUIET = ["extras.print_config=false", "extras.ignore_warnings=true"]


def test_one_score_in_words(train, compose_config, corpus, tmp_path):
    from evaluate import evaluate
    from evaluate_documents import evaluate_documents
    from predict import predict

    trained = ["model.freeze_models=null", "model.bert_learning_rate=1e-3", "model.task_learning_rate=3e-2"]
    sizes = ["trainer.max_epochs=10", "model.ffnn_size=16", "taskmodule.max_segment_len=12"]
    metrics = train("taskmodule.unit=subtoken", *trained, *sizes)
    place = tmp_path / "run"
    predictor = load(place, device="cpu")
    assert isinstance(predictor.taskmodule, CoreferenceTaskModule) and predictor.taskmodule.unit == "subtoken"

    run = f"model_name_or_path={place}"
    again = evaluate(compose_config("evaluate", run, *QUIET, f"paths.output_dir={tmp_path / 'again'}", "trainer=cpu"))
    given = ["dataset=jsonl", f"dataset.data_dir={corpus}", *QUIET, f"paths.output_dir={tmp_path / 'out'}"]
    written = predict(compose_config("predict", run, *given, "pipeline.device=cpu"))["jsonl"]
    documents = list(read_jsonl(written))
    assert all(document.validate().predicted.clusters for document in documents), "spans lie inside the words"
    expected = corpus_scores([d.gold.clusters for d in documents], [d.predicted.clusters for d in documents])
    assert 0 < expected["conll_f1"] < 1, "a mistake would show"
    of_file = ["metric=coref", f"+dataset.data_dir={written}", f"paths.output_dir={tmp_path / 'd'}", QUIET[0]]
    of_documents = evaluate_documents(compose_config("evaluate_documents", *of_file))["predicted"]["conll_f1"]
    for score in (metrics["test/conll_f1"], again["test/conll_f1"], of_documents):
        assert score == pytest.approx(expected["conll_f1"], abs=1e-6)
    assert again["test/loss"] == pytest.approx(metrics["test/loss"], rel=1e-4)
    items = [items_with_the_scores_of(tmp_path / name, "test") for name in ("run", "again")]
    assert np.array_equal(items[0].counts, items[1].counts)

    (clusters,) = predictor.predict("Ann met Bob . She saw him .")
    assert all(mention.text for cluster in clusters for mention in cluster)
