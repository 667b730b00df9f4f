"""Methods of higher order equal the plain ones: scores, loss and every gradient; and what each of them means."""

import math

import pytest
import torch

from transferlab.models.coreference.antecedents import Antecedents
from transferlab.models.coreference.clusters import best_antecedents, decode_clusters
from transferlab.models.coreference.head import CoreferenceHead
from transferlab.models.coreference.higher_order import METHODS, REFINEMENTS, cluster_merging
from transferlab.models.coreference.higher_order.base import antecedent_weights
from transferlab.models.coreference.higher_order.growing_clusters import GrowingClusters
from transferlab.utils.errors import UserError

from .test_head import BASE, compare, make_document

MERGING = {"higher_order": "cluster_merging", "cluster_ffnn_size": 6}
MERGINGS = {
    "mean": {},
    "max": {"cluster_reduce": "max"},
    "easy first": {"easy_cluster_first": True},
    "max, easy first": {"cluster_reduce": "max", "easy_cluster_first": True},
    "pairs trained, too": {"cluster_dloss": True},
    "two hidden layers": {"ffnn_depth": 2},
    "hinge": {"loss_type": "hinge", "cluster_dloss": True},
    "checkpointed": {"gradient_checkpointing": True},
    "nearest antecedents": {"fine_grained": False},
    "no features": {"use_features": False, "use_metadata": False, "use_segment_distance": False},
}


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("method", REFINEMENTS)
def test_refinements_equal_the_plain_ones(method, depth):
    """Weights are larger than at the start of training, so that spans are linked."""
    options = {"higher_order": method, "coref_depth": depth}
    _, head = compare(options, 19, seed=depth, weights=2.0)
    assert linked(head, 19, depth) > 1
    others = {"loss_type": "hinge", "fine_grained": depth == 3, "use_features": False, "gradient_checkpointing": True}
    compare({**options, **others}, 16, seed=0, weights=2.0)


@pytest.mark.parametrize("options", MERGINGS.values(), ids=MERGINGS)
def test_merging_equals_the_plain_one(options, monkeypatch):
    monkeypatch.setattr(cluster_merging, "PAIRS_PER_BLOCK", 7)
    mergers = 0
    for seed in (1, 2):
        plain, head = compare({**MERGING, **options}, n=22, seed=seed, weights=2.5)
        assert linked(head, 22, seed) > 3
        mergers += plain.merging.mergers
    assert (mergers > 0) == options.get("easy_cluster_first", False), "in text order a span is alone when it is linked"


def linked(head: CoreferenceHead, n: int, seed: int) -> int:
    """How many spans of a random document have an antecedent."""
    torch.manual_seed(seed)
    document, words = make_document(n, seed), torch.randn(n, 5, dtype=torch.float64)
    return sum(position >= 0 for position in best_antecedents(head(words, document)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 4])
def test_equals_the_plain_one_on_tiny_documents(method, n):
    """Of one word, and of one and two spans."""
    compare({"higher_order": method}, n=n)


@pytest.mark.parametrize("method", METHODS)
def test_a_document_without_words_costs_nothing(method):
    head, document = CoreferenceHead(5, **BASE, higher_order=method), make_document(0, seed=0)
    output = head(torch.zeros(0, 5), document)
    assert head.loss(output, document) == 0 and decode_clusters(output, keep_singletons=True) == []


@pytest.mark.parametrize("options", [{}, *({"higher_order": method, "coref_depth": 1} for method in REFINEMENTS)])
def test_one_pass_is_the_head_without_a_method(options):
    torch.manual_seed(0)
    head = CoreferenceHead(5, **BASE, **options)
    torch.manual_seed(0)
    plain = CoreferenceHead(5, **BASE)
    assert head.state_dict().keys() == plain.state_dict().keys()
    document, words = make_document(29, 0), torch.randn(29, 5)
    assert torch.equal(head(words, document).antecedent_scores, plain(words, document).antecedent_scores)


@pytest.mark.parametrize("method", METHODS)
def test_the_other_weights_start_as_without_a_method(method):
    torch.manual_seed(0)
    plain = CoreferenceHead(5, **BASE).state_dict()
    torch.manual_seed(0)
    head = CoreferenceHead(5, **BASE, higher_order=method).state_dict()
    assert len(head) > len(plain) and all(torch.equal(head[name], plain[name]) for name in plain)


def test_depth_needs_a_method_that_refines_spans():
    with pytest.raises(UserError, match=r"model\.coref_depth=2 .*model\.higher_order=null .*attended_antecedent"):
        CoreferenceHead(5, **BASE, coref_depth=2)


def test_the_mention_loss_needs_a_weight():
    with pytest.raises(UserError, match=r"model\.mention_loss=all .*model\.mention_loss_coef=0"):
        CoreferenceHead(5, **{**BASE, "mention_loss_coef": 0.0}, mention_loss="all")


# span 1 links to 0 with probability 3/4, span 2 to 1 with 1/2 and to 0 with 1/4
NONE = float("-inf")
LINKS = Antecedents(
    indices=torch.tensor([[0, 1], [0, 2], [1, 0]]),
    exists=torch.tensor([[False, False], [True, False], [True, True]]),
    coarse_scores=torch.zeros(3, 2),
)
SCORES = torch.tensor([[0, NONE, NONE], [0, math.log(3), NONE], [0, math.log(2), 0]])


def weights(method: str) -> torch.Tensor:
    torch.manual_seed(0)
    return REFINEMENTS[method](2, 1).weights(torch.eye(3)[:, :2], LINKS, SCORES)


def test_weights_by_hand():
    attended = [[1, 0, 0], [0.75, 0.25, 0], [0.25, 0.5, 0.25]]
    torch.testing.assert_close(antecedent_weights(LINKS, SCORES), torch.tensor(attended))
    torch.testing.assert_close(weights("attended_antecedent"), torch.tensor(attended))
    assert weights("max_antecedent").tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 0]]
    # span 2 belongs to the entity of span 0 with 1/4 + 1/2 * 3/4, to that of span 1 with 1/2 * 1/4
    entities = torch.tensor([[1, 0, 0], [0.75, 0.25, 0], [0.625, 0.125, 0.25]])
    torch.testing.assert_close(weights("entity_equalization"), (entities @ entities.T).tril())
    clustering = weights("span_clustering")
    assert torch.equal(clustering, clustering[:1].expand(3, 3)), "all spans are in one cluster"
    torch.testing.assert_close(clustering[0].sum().item(), 1.0)


def test_clusters_keep_what_they_were_under_their_numbers():
    spans = torch.tensor([[0.0, 8.0], [2.0, 0.0], [4.0, 4.0], [6.0, 0.0]])
    clusters = GrowingClusters(spans, "mean")
    clusters.merge(1, 0)
    clusters.merge(3, 2)
    clusters.merge(0, 1)  # they are in one cluster already
    clusters.merge(3, 1)
    assert clusters.of_span == [6, 6, 6, 6]
    assert clusters.vectors([4, 5, 6]).tolist() == [[1, 4], [5, 2], [3, 3]]
    assert clusters.sizes([0, 4, 5, 6]).tolist() == [1, 2, 2, 4]


@pytest.mark.parametrize("method", METHODS)
def test_bf16_trains_all_weights_and_stays_close(method):
    torch.manual_seed(0)
    head = CoreferenceHead(8, **BASE, higher_order=method, cluster_dloss=True)
    document, words = make_document(40, 2), torch.randn(40, 8)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter *= 1.5
    exact = head.loss(head(words, document), document)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = head(words, document)
        loss = head.loss(output, document)
    assert output.antecedent_scores.dtype == torch.float32
    torch.testing.assert_close(loss, exact, rtol=0.05, atol=0.1)
    loss.backward()
    assert head.higher_order is not None
    for parameter in head.higher_order.parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0


@pytest.mark.parametrize("method", METHODS)
def test_dropout_changes_training_and_not_evaluation(method):
    torch.manual_seed(0)
    head = CoreferenceHead(5, **{**BASE, "dropout": 0.5}, higher_order=method)
    document, words = make_document(29, 0), torch.randn(29, 5)
    assert len({head.loss(head(words, document), document).item() for _ in range(4)}) == 4
    head.eval()
    assert len({head.loss(head(words, document), document).item() for _ in range(2)}) == 1


def test_prediction_uses_the_scores_of_clusters():
    """Clusters that repel every span leave the first link of each."""
    torch.manual_seed(0)
    head = CoreferenceHead(5, **{**BASE, "mention_loss_coef": 0.0}, **MERGING).eval()
    document, words = make_document(29, 0), torch.randn(29, 5)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter *= 3
    sizes = {}
    for bias in (-1e4, 1e4):
        torch.nn.init.zeros_(head.higher_order.network.score[-1].weight)
        torch.nn.init.constant_(head.higher_order.network.score[-1].bias, bias)
        sizes[bias] = {len(cluster) for cluster in decode_clusters(head(words, document), keep_singletons=False)}
    assert sizes[-1e4] == {2} and max(sizes[1e4]) > 2
