"""The coreference model as a LightningModule: losses, scores, learning rates, frozen weights."""

import pytest
import torch
from pytorch_lightning import Trainer, seed_everything
from torch.utils.data import DataLoader

from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.metrics.coreference import corpus_scores
from transferlab.metrics.head_match import head_match_baseline
from transferlab.models.coreference_model import HEADS, CoreferenceModel, gold_clusters
from transferlab.models.saving import load_model, save_model
from transferlab.utils.config_checks import keyword_names
from transferlab.utils.errors import UserError

SMALL = {"ffnn_size": 8, "max_span_width": 4, "feature_emb_size": 4, "use_metadata": False}


def make_model(encoder: str, **options) -> CoreferenceModel:
    torch.manual_seed(0)
    return CoreferenceModel(pretrained_models={"target": encoder}, **{**SMALL, "freeze_models": "all", **options})


def batches(taskmodule, documents, size: int, training: bool = False):
    examples = [example for document in documents for example in taskmodule.encode(document, annotated=True)]
    return [taskmodule.collate(examples[i : i + size], training) for i in range(0, len(examples), size)]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("keep_singletons", [False, True])
def test_the_loss_is_the_same_for_batches_of_one_and_of_several_documents(
    encoder, taskmodule, documents, keep_singletons, head
):
    options = {"keep_singletons": keep_singletons, "mention_loss_coef": 1.0, "dropout": 0.0}
    model = make_model(encoder, head=head, **options).double()
    singly = torch.stack([model.loss(batch) for batch in batches(taskmodule, documents, 1)])
    together = model.loss(batches(taskmodule, documents, 3)[0])
    assert len(set(singly.tolist())) == 3
    torch.testing.assert_close(singly.mean(), together, rtol=1e-6, atol=0)
    singly_gradients = torch.autograd.grad(singly.mean(), list(model.head.parameters()), allow_unused=True)
    gradients = torch.autograd.grad(together, list(model.head.parameters()), allow_unused=True)
    for one, other in zip(singly_gradients, gradients, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_the_same_seed_gives_the_same_weights_twice(encoder, taskmodule, documents):
    weights = []
    for _ in range(2):
        seed_everything(7, verbose=False)
        model = make_model(encoder, task_learning_rate=1e-2)
        examples = [example for document in documents for example in taskmodule.encode(document, annotated=True)]
        loader = DataLoader(examples, 1, shuffle=True, collate_fn=lambda e: taskmodule.collate(e, training=True))
        trainer = Trainer(
            max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
        )
        trainer.fit(model, loader)
        weights.append({name: value.clone() for name, value in model.state_dict().items()})
    changed = make_model(encoder).state_dict()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert any(not torch.equal(weights[0][name], changed[name]) for name in weights[0])


def test_a_step_trains_the_head_and_leaves_frozen_encoders_alone(encoder, taskmodule, documents):
    """Frozen encoders once stayed in train mode, with dropout on."""
    model = make_model(encoder).train()
    assert not model.multi_encoder.encoders["target"].training
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.loss(batches(taskmodule, documents, 3)[0]).backward()
    assert all(p.grad is None for p in model.multi_encoder.parameters())
    optimizer.step()
    after = model.state_dict()
    assert all(torch.equal(before[n], after[n]) for n in before if n.startswith("multi_encoder."))
    assert not torch.equal(
        before["head.mention_scorer.from_start.weight"], after["head.mention_scorer.from_start.weight"]
    )


def test_the_aggregator_trains_at_the_task_learning_rate(encoder, other_encoder):
    """It once trained at the encoders' rate, which confounds attention with mean."""
    model = CoreferenceModel(
        pretrained_models={"target": encoder, "source": other_encoder},
        freeze_models=["source"],
        aggregate="attention",
        task_learning_rate=3e-4,
        bert_learning_rate=2e-5,
        **SMALL,
    )
    model.trainer = Trainer(max_steps=10, accelerator="cpu", logger=False, enable_checkpointing=False)
    optimizer = model.configure_optimizers()["optimizer"]
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    by_group = [{names[id(p)] for p in group["params"]} for group in optimizer.param_groups]
    assert [group["initial_lr"] for group in optimizer.param_groups] == [2e-5, 3e-4]
    assert all(name.startswith("multi_encoder.encoders.target.") for name in by_group[0])
    assert any(name.startswith("multi_encoder.aggregation.") for name in by_group[1])
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert by_group[0] | by_group[1] == trained


def test_the_logged_score_is_that_of_the_corpus(encoder, taskmodule, documents):
    model = make_model(encoder, keep_singletons=True, mention_loss_coef=1.0)
    loader = DataLoader(
        [example for document in documents for example in taskmodule.encode(document, annotated=True)],
        2,
        collate_fn=lambda examples: taskmodule.collate(examples, training=False),
    )
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    (logged,) = trainer.test(model, loader, verbose=False)
    model.eval()
    with torch.no_grad():
        predicted = [clusters for batch in batches(taskmodule, documents, 1) for clusters in model.predictions(batch)]
    assert any(predicted)
    expected = corpus_scores([document.gold.clusters for document in documents], predicted)
    assert logged["test/conll_f1"] == pytest.approx(expected["conll_f1"], abs=1e-6)
    assert logged["test/muc_recall"] == pytest.approx(expected["muc"]["recall"], abs=1e-6)
    matched = corpus_scores(
        [document.gold.clusters for document in documents], head_match_baseline(documents, predicted)
    )
    ((name, baseline),) = model.baseline_scores["test"].items()
    assert name == "head match on predicted mentions" and not any("head match" in key for key in logged)
    assert baseline["conll_f1"] == pytest.approx(matched["conll_f1"]) and baseline["conll_f1"] > 0
    assert f"test/{next(iter(baseline))}" in logged, "under the names of the model's scores"


def test_gold_clusters_keep_mentions_wider_than_any_candidate(taskmodule, documents):
    documents[1].gold.clusters.append([(0, 5)])
    (batch,) = batches(taskmodule, documents[1:2], 1)
    assert sorted(map(sorted, gold_clusters(batch.documents[0]))) == sorted(map(sorted, documents[1].gold.clusters))


@pytest.mark.parametrize("head", HEADS)
def test_documents_without_words_or_with_one(encoder, taskmodule, head):
    from transferlab.documents import Annotations, Document

    empty = Document("empty", [], [], gold=Annotations(clusters=[]))
    single = Document("single", ["bob"], [(0, 0)], gold=Annotations(clusters=[]))
    model = make_model(encoder, head=head, keep_singletons=True, mention_loss_coef=1.0)
    for documents in ([empty], [single], [empty, single]):
        (batch,) = batches(taskmodule, documents, 2)
        loss, predictions = model.loss_and_predictions(batch)
        assert torch.isfinite(loss) and len(predictions) == len(documents)
        assert predictions[0] in ([], [[(0, 0)]])


def test_the_head_is_chosen_by_name(encoder):
    assert type(make_model(encoder).head) is HEADS["mention_ranking"]
    assert type(make_model(encoder, head="bilinear").head) is HEADS["bilinear"]
    with pytest.raises(UserError, match=r"model\.head=biliner: choose one of mention_ranking, bilinear"):
        make_model(encoder, head="biliner")


def test_bad_options_of_a_head_are_refused_before_encoders_are_loaded():
    for options, named in (
        ({"head": "bilinear", "higher_order": "max_antecedent"}, r"model\.higher_order=max_antecedent: choose null"),
        ({"coref_depth": 2}, r"model\.coref_depth=2 .*model\.higher_order"),
        ({"keep_singletons": True}, r"model\.keep_singletons=true .*model\.mention_loss_coef"),
        ({"mention_loss": "all"}, r"model\.mention_loss=all .*model\.mention_loss_coef"),
    ):
        with pytest.raises(UserError, match=named):
            make_model("no/such/encoder", **options)


def test_every_head_accepts_the_options_of_all(encoder):
    """The config lists them all; a misspelt one is still refused."""
    options = {"model_heads": False, "fine_grained": False, "max_top_antecedents": 3, "top_span_ratio": 0.2}
    for head in HEADS:
        assert make_model(encoder, head=head, **options).head.top_span_ratio == 0.2
    assert {"head", "max_top_antecedents", "ffnn_size", "task_learning_rate"} <= keyword_names(CoreferenceModel)
    with pytest.raises(TypeError, match="max_top_antecedent"):
        make_model(encoder, head="bilinear", max_top_antecedent=3)


@pytest.mark.parametrize("head", HEADS)
def test_a_saved_model_comes_back_with_its_head(encoder, taskmodule, documents, tmp_path, head):
    model = make_model(encoder, head=head, keep_singletons=True, mention_loss_coef=1.0).eval()
    tokenizers, keys = load_tokenizers({"target": encoder})
    save_model(
        model,
        tmp_path / "model",
        tokenizers={name: tokenizers[key] for name, key in keys.items()},
        taskmodule={"_target_": "none", "options": {}},
        facts={},
    )
    loaded, _ = load_model(tmp_path / "model")
    assert type(loaded.head) is HEADS[head]
    (batch,) = batches(taskmodule, documents, 3)
    with torch.no_grad():
        for ours, theirs in zip(model(batch), loaded(batch), strict=True):
            assert torch.equal(ours.antecedent_scores, theirs.antecedent_scores)
        assert loaded.predictions(batch) == model.predictions(batch)


@pytest.mark.parametrize("head", HEADS)
def test_losses_are_those_of_each_document_alone(encoder, taskmodule, documents, head):
    model = make_model(encoder, head=head).eval()
    (batch,) = batches(taskmodule, documents, 3)
    alone = torch.stack([model.loss(one) for one in batches(taskmodule, documents, 1)])
    torch.testing.assert_close(model.losses(batch), alone)


def test_sampled_clusters_become_gold_of_a_copy(encoder, taskmodule, documents):
    model = make_model(encoder, keep_singletons=True, mention_loss_coef=1.0).eval()
    (batch,) = batches(taskmodule, documents, 3)
    before = [gold_clusters(document) for document in batch.documents]
    generator, sizes = torch.Generator().manual_seed(0), set()
    for _ in range(20):
        drawn = model.sampled(batch, generator)
        for output, document in zip(model(batch), drawn.documents, strict=True):
            clusters = gold_clusters(document)
            assert {mention for cluster in clusters for mention in cluster} <= set(output.mentions())
            sizes.update(len(cluster) for cluster in clusters)
    assert {1, 2} <= sizes
    assert [gold_clusters(document) for document in batch.documents] == before
    assert model.losses(drawn).isfinite().all()
