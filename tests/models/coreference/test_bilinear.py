"""The bilinear head equals the plain formulation, and learns."""

import pytest
import torch

from transferlab.models.coreference import bilinear as bilinear_file
from transferlab.models.coreference.bilinear import BilinearHead, banded_products
from transferlab.models.coreference.clusters import decode_clusters
from transferlab.models.coreference.mentions import NOT_A_SPAN
from transferlab.utils.errors import UserError

from .bilinear_reference import plain_bilinear
from .test_head import make_document

BASE = {
    "max_span_width": 4,
    "ffnn_size": 7,
    "feature_emb_size": 3,
    "top_span_ratio": 0.6,
    "num_genres": 2,
    "num_segment_distances": 3,
    "mention_loss_coef": 0.7,
    "dropout": 0.0,
}
OPTIONS = {
    "all features": {},
    "no distance": {"use_features": False},
    "no metadata": {"use_metadata": False},
    "no segment distance": {"use_segment_distance": False},
    "no features": {"use_features": False, "use_metadata": False, "use_segment_distance": False},
    "no width prior": {"use_width_prior": False},
    "no distance prior": {"use_distance_prior": False},
    "nothing but words": {
        "use_features": False,
        "use_metadata": False,
        "use_segment_distance": False,
        "use_width_prior": False,
        "use_distance_prior": False,
    },
    "no mention loss": {"mention_loss_coef": 0.0},
    "singletons": {"keep_singletons": True},
    "few spans": {"max_num_extracted_spans": 3},
    "wide spans": {"max_span_width": 30},
    "single words": {"max_span_width": 1},
}


def compare(options: dict, n: int = 29, seed: int = 0, hidden_size: int = 5, **shape) -> None:
    torch.manual_seed(seed)
    head = BilinearHead(hidden_size, **{**BASE, **options}).double().train()
    for parameter in head.parameters():  # also biases and norms, which start at 0 and 1
        torch.nn.init.normal_(parameter, std=0.7)
    document = make_document(n, seed, **shape)
    words = torch.randn(n, hidden_size, dtype=torch.float64)
    ours, theirs = words.clone().requires_grad_(), words.clone().requires_grad_()

    output, expected = head(ours, document), plain_bilinear(head, theirs, document)
    grid = torch.full((n, head.mention_scorer.max_span_width), NOT_A_SPAN, dtype=torch.float64)
    for (start, end), score in expected.candidates.items():
        grid[start, end - start] = score
    torch.testing.assert_close(output.candidate_scores, grid, rtol=1e-10, atol=1e-10)
    assert output.mentions() == expected.spans
    assert torch.equal(output.mention_scores, output.candidate_scores[output.starts, output.ends - output.starts])
    assert torch.equal(output.antecedent_exists, expected.scores[:, 1:].isfinite())
    torch.testing.assert_close(output.antecedent_scores, expected.scores, rtol=1e-10, atol=1e-10)

    loss = head.loss(output, document)
    torch.testing.assert_close(loss, expected.loss, rtol=1e-10, atol=1e-10)
    parameters = list(head.parameters())
    got = torch.autograd.grad(loss, [ours, *parameters], materialize_grads=True)
    wanted = torch.autograd.grad(expected.loss, [theirs, *parameters], materialize_grads=True)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_equals_the_plain_formulation(options):
    compare(options)


@pytest.mark.parametrize("seed", range(6))
def test_equals_the_plain_formulation_on_other_documents(seed):
    compare({"keep_singletons": bool(seed % 2)}, n=20 + 5 * seed, seed=seed, sentence=(2, 12, 40)[seed % 3])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_equals_the_plain_formulation_on_tiny_documents(n):
    compare({}, n=n)


def test_equals_the_plain_formulation_without_clusters():
    compare({}, mentions=0)


def test_equals_the_plain_formulation_over_many_blocks(monkeypatch):
    monkeypatch.setattr(bilinear_file, "MIN_STARTS_PER_BLOCK", 4)
    compare({}, n=33)


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 70])
@pytest.mark.parametrize("w", [1, 5, 33, 34, 100])
def test_banded_products(n, w):
    torch.manual_seed(0)
    left, right = torch.randn(2, n, 3, dtype=torch.float64)
    expected = torch.zeros(n, w, dtype=torch.float64)
    for row in range(n):
        for offset in range(min(w, n - row)):
            expected[row, offset] = left[row] @ right[row + offset]
    torch.testing.assert_close(banded_products(left, right, w), expected)


def test_a_document_without_words_costs_nothing():
    head = BilinearHead(5, **BASE)
    document = make_document(0, seed=0)
    output = head(torch.zeros(0, 5), document)
    assert head.loss(output, document) == 0
    assert decode_clusters(output, keep_singletons=True) == []


def test_no_span_is_wider_than_allowed_or_leaves_its_sentence():
    torch.manual_seed(0)
    document = make_document(200, seed=3, sentence=9)
    output = BilinearHead(5, **BASE)(torch.randn(200, 5), document)
    assert output.candidate_scores.shape == (200, 4)
    assert 0 < len(output.mentions()) <= 120
    for start, end in output.mentions():
        assert end - start < 4 and document.sentence_ids[start] == document.sentence_ids[end]


def test_singletons_need_a_mention_loss():
    with pytest.raises(UserError, match="mention_loss_coef"):
        BilinearHead(5, keep_singletons=True)


def test_dropout_changes_training_and_not_evaluation():
    torch.manual_seed(0)
    head = BilinearHead(5, **{**BASE, "dropout": 0.5})
    document, words = make_document(29, 0), torch.randn(29, 5)
    assert len({head.loss(head(words, document), document).item() for _ in range(5)}) == 5
    head.eval()
    assert len({head.loss(head(words, document), document).item() for _ in range(3)}) == 1


def test_scores_start_small():
    """Products of long vectors would start as certainties."""
    torch.manual_seed(0)
    head = BilinearHead(384, ffnn_size=512, num_genres=2).eval()
    document = make_document(300, 1, sentence=30)
    with torch.inference_mode():
        output = head(torch.nn.functional.normalize(torch.randn(300, 384), dim=1), document)
    assert output.candidate_scores[output.candidate_scores.isfinite()].std() < 2
    assert output.antecedent_scores[output.antecedent_scores.isfinite()].std() < 3


def test_bf16_scores_are_fp32_and_close():
    torch.manual_seed(0)
    head = BilinearHead(32, **{**BASE, "ffnn_size": 32}).eval()
    document, words = make_document(60, 1), torch.randn(60, 32) / 4
    with torch.inference_mode():
        exact = head(words, document)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = head(words, document)
    assert rounded.candidate_scores.dtype == rounded.antecedent_scores.dtype == torch.float32
    real = torch.isfinite(exact.candidate_scores)
    assert torch.equal(real, torch.isfinite(rounded.candidate_scores))
    torch.testing.assert_close(rounded.candidate_scores[real], exact.candidate_scores[real], rtol=0.05, atol=0.05)
    torch.testing.assert_close(head.loss(rounded, document), head.loss(exact, document), rtol=0.05, atol=0.1)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_every_parameter_gets_a_gradient(precision):
    torch.manual_seed(0)
    head = BilinearHead(8, **BASE)
    document, words = make_document(40, 2), torch.randn(40, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
        loss = head.loss(head(words, document), document)
    loss.backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_learns_a_document_by_heart():
    torch.manual_seed(0)
    document = make_document(60, 4, mentions=0)
    sentences = document.sentence_ids.tolist()
    spans = [(word, word + (sentences[word] == sentences[word + 1])) for word in range(0, 56, 7)]
    document.gold_mentions = torch.tensor(spans)
    document.gold_cluster_ids = torch.tensor([1 + position % 3 for position in range(len(spans))])
    head = BilinearHead(16, **{**BASE, "ffnn_size": 32, "keep_singletons": True})
    words = torch.randn(60, 16)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = head.loss(head(words, document), document)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 50
    predicted = decode_clusters(head(words, document), keep_singletons=True)
    gold = [[span for position, span in enumerate(spans) if position % 3 == cluster] for cluster in range(3)]
    assert sorted(predicted) == sorted(sorted(cluster) for cluster in gold)
