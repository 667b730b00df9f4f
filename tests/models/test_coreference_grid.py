"""Options of the coreference heads in combination: two steps of training, and an evaluation."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from transferlab.documents import Annotations, Document
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.coreference.higher_order import METHODS, REFINEMENTS
from transferlab.models.coreference_model import CoreferenceModel
from transferlab.taskmodules.coreference import CoreferenceTaskModule
from transferlab.taskmodules.coreference_units import UNITS

from .conftest import document

SWITCH = (True, False)
LOSSES = {
    "loss_type": ("marginalized", "hinge"),
    "mention": ({}, {"mention_loss_coef": 1.0}, {"mention_loss_coef": 0.5, "mention_loss": "all"}),
    "keep_singletons": SWITCH,
}
FEATURES = {
    "use_features": SWITCH,
    "use_metadata": SWITCH,
    "use_segment_distance": SWITCH,
    "use_distance_prior": SWITCH,
    "use_width_prior": SWITCH,
}
UNIT = {"unit": tuple(UNITS)}
SPACES: dict[str, dict[str, tuple[Any, ...]]] = {
    "mention_ranking": {
        "higher_order": (None, *METHODS),
        "coref_depth": (1, 2),
        **LOSSES,
        **FEATURES,
        "fine_grained": SWITCH,
        "model_heads": SWITCH,
        "gradient_checkpointing": SWITCH,
        "cluster_reduce": ("mean", "max"),
        "easy_cluster_first": SWITCH,
        "cluster_dloss": SWITCH,
        "ffnn_depth": (1, 2),
        **UNIT,
    },
    "bilinear": {**LOSSES, **FEATURES, **UNIT},
}


def covering(space: dict[str, tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Few combinations in which every two values of every two options meet."""
    draw = random.Random(0)
    pairs = {
        ((one, i), (other, j))
        for one, other in combinations(space, 2)
        for i, j in product(range(len(space[one])), range(len(space[other])))
    }
    while pairs:
        start = min(pairs)  # one that is missing, the others are drawn
        rows = [{name: draw.randrange(len(values)) for name, values in space.items()} | dict(start) for _ in range(30)]
        covered = [{pair for pair in pairs if all(row[name] == i for name, i in pair)} for row in rows]
        best = max(range(len(rows)), key=lambda number: len(covered[number]))
        pairs -= covered[best]
        yield {name: space[name][i] for name, i in rows[best].items()}


def allowed(options: dict[str, Any]) -> dict[str, Any]:
    """The options without those that others refuse."""
    options = options | options["mention"]
    del options["mention"]
    if options["keep_singletons"]:
        options = {"mention_loss_coef": 1.0} | options
    if options.get("higher_order") is None:
        options.pop("coref_depth", None)
    return options


GRID = [(head, allowed(options)) for head, space in SPACES.items() for options in covering(space)]


@pytest.fixture(scope="module")
def loaded(tiny_encoder: str) -> tuple[dict[str, CoreferenceTaskModule], list[Document]]:
    tokenizers, _ = load_tokenizers({"target": tiny_encoder})
    return {unit: CoreferenceTaskModule(tokenizers, max_segment_len=10, unit=unit) for unit in UNITS}, [
        document("one", ["ann met bob .", "she saw him .", "bob saw ann ."], [[(0, 0), (4, 4), (10, 10)], [(2, 2)]]),
        Document("empty", [], [], gold=Annotations(clusters=[])),
        document("two", ["the mayor saw ann and bob .", "he met her ."], [[(0, 1), (7, 7)], [(3, 3), (9, 9)]]),
        document("word", ["bob"], []),
    ]


@pytest.mark.parametrize(("head", "options"), GRID, ids=[f"{head}-{i}" for i, (head, _) in enumerate(GRID)])
def test_two_steps_and_an_evaluation(loaded, tiny_encoder: str, head: str, options: dict[str, Any]) -> None:
    taskmodules, documents = loaded
    options = dict(options)
    unit = options.pop("unit")
    taskmodule = taskmodules[unit]
    torch.manual_seed(0)
    small = {"ffnn_size": 8, "cluster_ffnn_size": 6, "max_span_width": 3, "feature_emb_size": 4, "num_genres": 1}
    model = CoreferenceModel(
        head, pretrained_models={"target": tiny_encoder}, freeze_models="all", top_span_ratio=1.0, **small, **options
    ).train()
    optimizer = torch.optim.SGD(model.head.parameters(), lr=0.05)
    examples = [example for one in documents for example in taskmodule.encode(one, annotated=True)]
    before = {name: value.clone() for name, value in model.head.state_dict().items()}
    for batch in DataLoader(examples, 2, collate_fn=lambda some: taskmodule.collate(some, training=True)):
        optimizer.zero_grad()
        loss = model.loss(batch)
        loss.backward()
        assert loss.isfinite() and all(p.grad.isfinite().all() for p in model.head.parameters() if p.grad is not None)
        optimizer.step()
    after = model.head.state_dict()
    unchanged = {name for name in before if torch.equal(before[name], after[name])}
    assert not {name for name in unchanged if name.startswith("higher_order.gate")}, unchanged
    expected = options.get("higher_order") in REFINEMENTS and options.get("coref_depth") == 2
    assert any(name.startswith("higher_order.gate") for name in after) == expected

    model.eval()
    with torch.no_grad():
        loss, predictions = model.loss_and_predictions(taskmodule.collate(examples, training=False))
    assert loss.isfinite() and len(predictions) == len(documents) and predictions[1] == []
    for one, clusters in zip(documents, predictions, strict=True):
        mentions = [mention for cluster in clusters for mention in cluster]
        assert all(0 <= a <= b < len(one.words) for a, b in mentions)
        assert unit == "subtoken" or len(mentions) == len(set(mentions))
        assert options["keep_singletons"] or all(len(cluster) > 1 for cluster in clusters)


def test_the_grid_covers_every_pair_of_values() -> None:
    space = {"a": (0, 1, 2), "b": (0, 1), "c": (0, 1)}
    rows = list(covering(space))
    for one, other in combinations(space, 2):
        assert {(row[one], row[other]) for row in rows} == set(product(space[one], space[other]))
    assert len(rows) < 12
