"""The head equals the plain formulation: loss, spans, antecedents, scores and every gradient, over the options."""

import pytest
import torch
from tests.taskmodules.test_coreference_units import generated, taskmodule

from transferlab.models.coreference import antecedents as antecedents_file
from transferlab.models.coreference import mentions as mentions_file
from transferlab.models.coreference.clusters import decode_clusters
from transferlab.models.coreference.head import CoreferenceHead
from transferlab.utils.batches import CoreferenceDocument

from .reference import PlainHead

BASE = {
    "max_span_width": 4,
    "ffnn_size": 7,
    "feature_emb_size": 3,
    "max_top_antecedents": 5,
    "top_span_ratio": 0.6,
    "num_genres": 2,
    "num_segment_distances": 3,
    "mention_loss_coef": 0.7,
    "dropout": 0.0,
}
OPTIONS = {
    "all features": {},
    "no head words": {"model_heads": False},
    "no width and distance": {"use_features": False},
    "no metadata": {"use_metadata": False},
    "no segment distance": {"use_segment_distance": False},
    "no features at all": {"use_features": False, "use_metadata": False, "use_segment_distance": False},
    "no width prior": {"use_width_prior": False},
    "no distance prior": {"use_distance_prior": False},
    "nearest antecedents": {"fine_grained": False},
    "no mention loss": {"mention_loss_coef": 0.0},
    "singletons": {"keep_singletons": True},
    "singletons, and mention loss of kept spans": {"keep_singletons": True, "mention_loss": "kept"},
    "mention loss of all candidates": {"mention_loss": "all"},
    "hinge": {"loss_type": "hinge"},
    "hinge of few false links": {"loss_type": "hinge", "false_new_delta": 0.3},
    "two hidden layers": {"ffnn_depth": 2},
    "checkpointed": {"gradient_checkpointing": True},
    "more antecedents than spans": {"max_top_antecedents": 100},
    "few spans": {"max_num_extracted_spans": 3},
    "wide spans": {"max_span_width": 30},
    "single words": {"max_span_width": 1},
}


def make_document(n: int, seed: int, sentence: int = 6, mentions: int | None = None) -> CoreferenceDocument:
    """Random sentences of up to ``sentence`` words; mentions inside and across them, some wider than candidates."""
    random = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, sentence + 1, (n + 1,), generator=random)
    sentence_ids = torch.repeat_interleave(torch.arange(n + 1), lengths)[:n]
    count = n // 3 if mentions is None else mentions
    spans = set()
    for _ in range(count if n else 0):
        start = int(torch.randint(n, (), generator=random))
        spans.add((start, min(n - 1, start + int(torch.randint(6, (), generator=random)))))
    gold = torch.tensor(sorted(spans), dtype=torch.long).reshape(-1, 2)
    return CoreferenceDocument(
        sentence_ids=sentence_ids,
        segment_ids=torch.arange(n) // 7,
        speaker_ids=torch.randint(3, (n,), generator=random),
        genre_id=torch.tensor(seed % 3),
        gold_mentions=gold,
        gold_cluster_ids=torch.randint(1, 4, (len(gold),), generator=random),
        word_ids=torch.arange(n),
    )


def compare(
    options: dict,
    n: int = 29,
    seed: int = 0,
    hidden_size: int = 5,
    weights: float = 1.0,
    document: CoreferenceDocument | None = None,
    **shape,
) -> tuple[PlainHead, CoreferenceHead]:
    """Hold the head, its weights multiplied by a number, against the plain one; both are returned."""
    torch.manual_seed(seed)
    head = CoreferenceHead(hidden_size, **{**BASE, **options}).double().train()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter *= weights
    plain = PlainHead(head)
    document = document or make_document(n, seed, **shape)
    words = torch.randn(len(document.sentence_ids), hidden_size, dtype=torch.float64)
    ours, theirs = words.clone().requires_grad_(), words.clone().requires_grad_()

    output, expected = head(ours, document), plain(theirs, document)
    assert output.starts.tolist() == expected.starts.tolist() and output.ends.tolist() == expected.ends.tolist()
    torch.testing.assert_close(output.mention_scores, expected.mention_scores, rtol=1e-10, atol=1e-12)
    assert torch.equal(output.antecedent_exists, expected.exists)
    assert torch.equal(output.antecedents[expected.exists], expected.antecedents[expected.exists])
    torch.testing.assert_close(output.antecedent_scores, expected.scores, rtol=1e-10, atol=1e-12)

    loss = head.loss(output, document)
    torch.testing.assert_close(loss, expected.loss, rtol=1e-10, atol=1e-12)
    loss.backward()
    expected.loss.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-11)
    assert len(plain.counterparts) == len(list(head.parameters()))
    for parameter, copied, columns in plain.counterparts:
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        wanted = torch.zeros_like(copied) if copied.grad is None else copied.grad
        wanted = wanted if parameter.ndim == 1 or columns == slice(None) else wanted[:, columns]
        torch.testing.assert_close(gradient, wanted, rtol=1e-9, atol=1e-11)
    return plain, head


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_equals_the_plain_formulation(options):
    compare(options)


@pytest.mark.parametrize("seed", range(6))
def test_equals_the_plain_formulation_on_other_documents(seed):
    compare({"keep_singletons": bool(seed % 2)}, n=20 + 7 * seed, seed=seed, sentence=(2, 12, 40)[seed % 3])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_equals_the_plain_formulation_on_tiny_documents(n):
    compare({}, n=n)


@pytest.mark.parametrize("training", [False, True])
def test_equals_the_plain_formulation_over_subtokens(training):
    """What the taskmodule makes of a document in the conventions of the published code."""
    ours = taskmodule(genres=["nw"])
    (document,) = ours.collate(ours.encode(generated(3)), training).documents
    _, head = compare({"top_span_ratio": 0.4, "max_span_width": 6}, document=document)
    assert head.spans_to_keep(len(document.sentence_ids)) == int(0.4 * len(document.sentence_ids)) > 3


def test_equals_the_plain_formulation_without_clusters():
    compare({}, mentions=0)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_equals_the_plain_formulation_over_many_blocks_and_chunks(monkeypatch, checkpointing):
    monkeypatch.setattr(mentions_file, "STARTS_PER_BLOCK", 4)
    monkeypatch.setattr(antecedents_file, "PAIRS_PER_BLOCK", 9)
    compare({"gradient_checkpointing": checkpointing})


def test_a_document_without_words_costs_nothing():
    head = CoreferenceHead(5, **BASE)
    document = make_document(0, seed=0)
    output = head(torch.zeros(0, 5), document)
    assert head.loss(output, document) == 0
    assert decode_clusters(output, keep_singletons=True) == []


def test_dropout_changes_training_and_not_evaluation():
    torch.manual_seed(0)
    head = CoreferenceHead(5, **{**BASE, "dropout": 0.5})
    document, words = make_document(29, 0), torch.randn(29, 5)
    losses = {head.loss(head(words, document), document).item() for _ in range(5)}
    assert len(losses) == 5
    head.eval()
    losses = {head.loss(head(words, document), document).item() for _ in range(3)}
    assert len(losses) == 1


def test_dropout_keeps_the_expected_activation():
    from transferlab.models.coreference.feedforward import ReluDropout

    torch.manual_seed(0)
    layer = ReluDropout(0.3).train()
    values = torch.full((200_000,), 2.0)
    dropped = layer(values.clone())
    assert dropped.mean().item() == pytest.approx(2.0, rel=0.01)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(layer.eval()(values.clone()), values)


def test_bf16_scores_are_fp32_and_close():
    torch.manual_seed(0)
    head = CoreferenceHead(32, **{**BASE, "ffnn_size": 32}).eval()
    document, words = make_document(60, 1), torch.randn(60, 32) / 4
    with torch.inference_mode():
        exact = head(words, document)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = head(words, document)
    assert rounded.candidate_scores.dtype == rounded.antecedent_scores.dtype == torch.float32
    real = torch.isfinite(exact.candidate_scores)
    assert torch.equal(real, torch.isfinite(rounded.candidate_scores))
    torch.testing.assert_close(rounded.candidate_scores[real], exact.candidate_scores[real], rtol=0.05, atol=0.02)
    torch.testing.assert_close(head.loss(rounded, document), head.loss(exact, document), rtol=0.05, atol=0.1)


def test_bf16_trains():
    torch.manual_seed(0)
    head = CoreferenceHead(8, **BASE)
    document, words = make_document(40, 2), torch.randn(40, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = head.loss(head(words, document), document)
    loss.backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in head.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in head.pair_scorer.parameters())
