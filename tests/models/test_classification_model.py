"""The classification model: pooling, batches, losses and scores of all problems, several encoders, saved models."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pytorch_lightning import LightningDataModule, Trainer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, BertConfig, BertModel, PreTrainedTokenizerFast, RobertaConfig, RobertaModel

from transferlab.data.datamodule import TransferDataModule
from transferlab.data.readers.text_rows import text_document
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.inference import load
from transferlab.metrics.glue import scores as glue_scores
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.problems import Prediction
from transferlab.models.saving import save_model
from transferlab.taskmodules.text_classification import TextClassificationTaskModule
from transferlab.utils.batches import ClassificationBatch
from transferlab.utils.errors import UserError

WORDS = ["ann", "bob", "met", "saw", "her", "him", "."]
TEXTS = [
    ("ann met bob .", "bob met ann ."),
    ("ann saw him .", "bob met her ."),
    ("bob .", "bob ."),
    ("her .", "him saw ann"),
    ("", "ann met her . bob saw him ."),
    ("bob saw ann and met her .", "bob saw and met ann ."),
    ("ann", "ann ."),
    ("him", "her"),
]
LABELS = {
    "multi_class": ["yes", "no", "yes", "no", "no", "yes", "perhaps", "no"],
    "multi_label": [["same"], ["pair", "long"], ["same"], [], ["long"], ["same", "long"], ["same"], ["pair"]],
    "regression": [104.0, 101.0, 105.0, 100.0, 99.5, 103.0, 104.5, 100.5],
}
METRICS = {"multi_class": "classification", "multi_label": "multi_label", "regression": "regression"}


def fast(tokenizer: Tokenizer, **special: str) -> PreTrainedTokenizerFast:
    names = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=names, **special)


def with_noise(model: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():  # fresh biases and types of tokens are nearly alike, and would hide mistakes
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> str:
    """A BERT of width 16, with types of tokens and a pooler."""
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    directory = tmp_path_factory.mktemp("bert")
    fast(tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]").save_pretrained(
        directory
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    with_noise(BertModel(config)).save_pretrained(directory)
    return str(directory)


@pytest.fixture(scope="module")
def roberta(tmp_path_factory) -> str:
    """A RoBERTa of width 24 that reads letter by letter."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    directory = tmp_path_factory.mktemp("roberta")
    fast(
        tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>"
    ).save_pretrained(directory)
    torch.manual_seed(1)
    config = RobertaConfig(
        vocab_size=len(vocabulary), hidden_size=24, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=80, pad_token_id=1,
    )  # fmt: skip
    with_noise(RobertaModel(config)).save_pretrained(directory)
    return str(directory)


def documents(problem: str = "multi_class", pairs: bool = True):
    labels = LABELS[problem]
    return [text_document(f"d{n}", text, pair if pairs else None, labels[n]) for n, (text, pair) in enumerate(TEXTS)]


def build(encoders, problem: str = "multi_class", pairs: bool = True, seed: int = 0, **options):
    """A model, its taskmodule, and the examples it was made for."""
    encoders = {"target": encoders} if isinstance(encoders, str) else encoders
    alignment = options.get("alignment", "first")
    tokenizers, _ = load_tokenizers(encoders)
    taskmodule = TextClassificationTaskModule(tokenizers, problem, max_length=60, alignment=alignment)
    annotated = documents(problem, pairs)
    learnt = taskmodule.prepare(annotated)
    torch.manual_seed(seed)
    model = ClassificationModel(pretrained_models=encoders, metric=METRICS[problem], **learnt, **options)
    examples = [example for document in annotated for example in taskmodule.encode(document, annotated=True)]
    return model.eval(), taskmodule, examples


def batches(taskmodule, examples, size: int) -> list[ClassificationBatch]:
    return [taskmodule.collate(examples[i : i + size], training=False) for i in range(0, len(examples), size)]


@pytest.mark.parametrize("problem", METRICS)
@pytest.mark.parametrize("pairs", [False, True])
def test_a_batch_of_one_equals_a_batch_of_several(bert, roberta, problem, pairs):
    model, taskmodule, examples = build({"a": bert, "b": roberta}, problem, pairs, aggregate="concat")
    (together,) = batches(taskmodule, examples, len(examples))
    singly = batches(taskmodule, examples, 1)
    torch.testing.assert_close(model(together), torch.cat([model(batch) for batch in singly]), rtol=1e-4, atol=1e-5)
    losses = torch.stack([model.loss(batch) for batch in singly])
    assert len(set(losses.tolist())) > 3
    torch.testing.assert_close(model.loss(together), losses.mean(), rtol=1e-4, atol=1e-6)
    loss, predictions = model.loss_and_predictions(together)
    assert loss == model.loss(together) and loss.dtype == torch.float32
    assert predictions == model.predictions(together)
    scored = {size: model.scores["val"].clone() for size in (1, 3)}
    for size, score in scored.items():
        for batch in batches(taskmodule, examples, size):
            model.update_score(score, batch, model.predictions(batch))
    assert scored[1].compute() == pytest.approx(scored[3].compute(), nan_ok=True)


@pytest.mark.parametrize("alignment", ["first", "last", "mean", "pooler"])
@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_pooling_equals_the_encoder_alone(request, kind, pairs, alignment):
    """Types of tokens included: without them the vectors of pairs would differ."""
    source = request.getfixturevalue(kind)
    model, taskmodule, examples = build(source, pairs=pairs, alignment=alignment, freeze_models="all")
    (batch,) = batches(taskmodule, examples, len(examples))
    tokenizer, plain = load_tokenizers({"a": source})[0]["a"], AutoModel.from_pretrained(source).eval()
    expected = []
    for text, pair in TEXTS:
        row = tokenizer(text, pair if pairs else None, return_tensors="pt")
        if kind == "roberta":
            row.pop("token_type_ids")
        with torch.no_grad():
            output = plain(**row)
        hidden = output.last_hidden_state[0]
        pooled = {"first": hidden[0], "last": hidden[-1], "mean": hidden.mean(0), "pooler": output.pooler_output[0]}
        expected.append(pooled[alignment])
    vectors = model.encode(batch).embeddings[:, 0]
    torch.testing.assert_close(vectors, torch.stack(expected), rtol=1e-4, atol=1e-5)
    if kind == "bert" and pairs:
        inputs = replace(batch.inputs["target"], token_type_ids=None)
        untyped = model.encode(replace(batch, inputs={"target": inputs})).embeddings[:, 0]
        assert not torch.allclose(vectors, untyped, atol=1e-3)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("aggregate", [None, "concat", "attention"])
def test_defect_5_several_encoders_classify_and_dropout_is_real(bert, roberta, aggregate, pairs):
    """Text models of several encoders once crashed (a tuple taken for a tensor), and never used their dropout."""
    options = {"aggregate": aggregate, "dropout": 0.5, "freeze_models": "all"}
    encoders = {"a": bert, "b": bert} if aggregate is None else {"a": bert, "b": roberta}
    model, taskmodule, examples = build(encoders, pairs=pairs, **options)
    (batch,) = batches(taskmodule, examples, len(examples))
    assert model(batch).shape == (len(TEXTS), 3)
    assert torch.equal(model(batch), model(batch))
    without, _, _ = build(encoders, pairs=pairs, **{**options, "dropout": 0.0})
    assert torch.equal(model(batch), without(batch))
    model.train()
    assert not torch.equal(model(batch), model(batch))
    without.train()
    assert torch.equal(without(batch), without(batch))


def test_frozen_truncated_encoders_stay_and_the_head_learns(bert, roberta):
    model, taskmodule, examples = build(
        {"a": bert, "b": roberta},
        aggregate="attention",
        freeze_models=["b"],
        truncate_models={"b": 1},
        head_depth=1,
        head_hidden_size=8,
    )
    assert model.multi_encoder.describe()[1]["layers"] == 1
    before = {name: value.clone() for name, value in model.state_dict().items()}
    (batch,) = batches(taskmodule, examples, len(examples))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train().loss(batch).backward()
    optimizer.step()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(before[name], value)}
    assert not any(name.startswith("multi_encoder.encoders.b.") for name in changed)
    for part in ("head.", "multi_encoder.encoders.a.", "multi_encoder.aggregation."):
        assert any(name.startswith(part) for name in changed), part


@pytest.mark.parametrize("problem", METRICS)
def test_eight_examples_are_learnt_by_heart(bert, problem):
    model, taskmodule, examples = build(bert, problem, alignment="mean", dropout=0.0)
    (batch,) = batches(taskmodule, examples, len(examples))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    first = model.loss(batch).item()
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(batch).backward()
        optimizer.step()
    assert model.loss(batch) < 0.05 * first
    found = [prediction.label for prediction in model.predictions(batch)]
    if problem == "regression":
        assert found == pytest.approx(LABELS[problem], abs=0.5)
    else:
        assert [sorted(label) for label in found] == [sorted(label) for label in LABELS[problem]]
    score = model.scores["test"]
    model.update_score(score, batch, model.predictions(batch))
    expected = glue_scores(METRICS[problem], LABELS[problem], found)
    assert score.compute() == pytest.approx(expected)
    assert next(iter(expected.values())) > 0.98


def test_losses_equal_the_formulas(bert):
    for problem in METRICS:
        model, taskmodule, examples = build(bert, problem)
        (batch,) = batches(taskmodule, examples, len(examples))
        logits = model(batch)
        if problem == "multi_class":
            wanted = [taskmodule.labels.index(label) for label in LABELS[problem]]
            expected = -logits.log_softmax(-1)[range(len(wanted)), wanted].mean()
        elif problem == "multi_label":
            wanted = torch.tensor([[label in labels for label in taskmodule.labels] for labels in LABELS[problem]])
            probabilities = logits.sigmoid()
            expected = -torch.where(wanted, probabilities, 1 - probabilities).log().mean()
        else:
            values = torch.tensor(LABELS[problem])
            scaled = (values - values.mean()) / values.std(correction=0)
            expected = (logits[:, 0] - scaled).square().mean()
        torch.testing.assert_close(model.loss(batch), expected)


def test_values_are_put_back_to_their_scale(bert):
    model, taskmodule, examples = build(bert, "regression")
    (batch,) = batches(taskmodule, examples, len(examples))
    values = torch.tensor(LABELS["regression"])
    expected = model(batch)[:, 0] * values.std(correction=0) + values.mean()
    predictions = model.predictions(batch)
    assert [prediction.label for prediction in predictions] == pytest.approx(expected.tolist())
    assert all(isinstance(prediction.label, float) and prediction.score is None for prediction in predictions)
    mean = replace(batch, labels=torch.full((len(TEXTS),), values.mean().item()))
    torch.testing.assert_close(model.loss(mean), model(batch).square().mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("problem", METRICS)
def test_predictions_carry_labels_with_their_probabilities(bert, problem):
    model, taskmodule, examples = build(bert, problem)
    (batch,) = batches(taskmodule, examples, len(examples))
    logits = model(batch)
    for row, prediction in zip(logits, model.predictions(batch), strict=True):
        if problem == "multi_class":
            assert prediction.label == taskmodule.labels[row.argmax()]
            assert prediction.score == pytest.approx(row.softmax(-1).max().item())
        elif problem == "multi_label":
            chosen = [label for label, logit in zip(taskmodule.labels, row, strict=True) if logit > 0]
            assert prediction.label == chosen
            assert prediction.score == pytest.approx(row.sigmoid()[row > 0].tolist())


UNKNOWN = {"multi_class": -100, "multi_label": float("nan"), "regression": float("nan")}


@pytest.mark.parametrize("problem", METRICS)
def test_examples_without_a_known_label_change_neither_loss_nor_score(bert, problem):
    model, taskmodule, examples = build(bert, problem)
    (batch,) = batches(taskmodule, examples, len(examples))
    (known,) = batches(taskmodule, examples[:5], 5)
    labels = batch.labels.clone()
    labels[5:] = UNKNOWN[problem]
    partly = replace(batch, labels=labels, gold=[*batch.gold[:5], None, None, None])
    torch.testing.assert_close(model.loss(partly), model.loss(known), rtol=1e-4, atol=1e-6)
    scores = []
    for of_batch in (partly, known):
        model.update_score(model.scores["val"], of_batch, model.predictions(of_batch))
        scores.append(model.scores["val"].compute())
        model.scores["val"].reset()
    assert scores[0] == pytest.approx(scores[1], nan_ok=True)
    nothing = replace(batch, labels=torch.full_like(batch.labels, UNKNOWN[problem]), gold=[None] * len(TEXTS))
    loss = model.loss(nothing)
    loss.backward()
    assert loss == 0 and all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    model.update_score(model.scores["val"], nothing, model.predictions(nothing))


def test_a_gold_class_that_training_has_not_seen_counts_as_missed(bert):
    model, taskmodule, _ = build(bert)
    seen = text_document("seen", "ann", "bob", "yes")
    unseen = text_document("unseen", "ann", "bob", "never")
    (batch,) = batches(taskmodule, [*taskmodule.encode(seen, True), *taskmodule.encode(unseen, True)], 2)
    torch.testing.assert_close(model.loss(batch), model.loss(batches(taskmodule, taskmodule.encode(seen, True), 1)[0]))
    assert model.known_items(batch) == 1
    model.expect_labels("val", ["never", "yes"])
    model.update_score(model.scores["val"], batch, [Prediction("yes", 1.0), Prediction("yes", 1.0)])
    assert model.scores["val"].compute() == pytest.approx({"accuracy": 0.5, "macro_f1": (2 / 3 + 0) / 2})


def test_two_units_are_read_side_by_side(bert):
    """As relations do: one vector for each argument."""
    torch.manual_seed(0)
    model = ClassificationModel(
        pretrained_models={"target": bert}, labels=["no_relation", "knows"], num_units=2, metric="tacred"
    ).eval()
    _, taskmodule, examples = build(bert)
    (batch,) = batches(taskmodule, examples, len(examples))
    unit_ids = torch.full_like(batch.inputs["target"].unit_ids, -1)
    unit_ids[:, 1] = 2 * torch.arange(len(TEXTS))
    unit_ids[:, 0] = unit_ids[:, 1] + 1
    batch.inputs["target"] = replace(batch.inputs["target"], unit_ids=unit_ids)
    batch.units = 2
    vectors = model.encode(batch).embeddings
    torch.testing.assert_close(model(batch), model.head(torch.cat([vectors[:, 0], vectors[:, 1]], dim=-1)))
    batch.gold = ["knows", "no_relation"] * 4
    model.update_score(model.scores["test"], batch, [Prediction("knows", 0.9)] * 8)
    assert model.scores["test"].compute() == pytest.approx({"precision": 0.5, "recall": 1.0, "f1": 2 / 3})


class Splits:
    splits = ("train", "validation", "test")

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def read(self, split: str):
        return iter(documents(self.problem))


def fit(model, taskmodule, problem: str, **options) -> tuple[Trainer, LightningDataModule]:
    datamodule = TransferDataModule(Splits(problem), taskmodule, batch_size=3, eval_batch_size=5)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(max_epochs=1, accelerator="cpu", enable_model_summary=False, **quiet, **options)
    trainer.fit(model.train(), datamodule)
    return trainer, datamodule


@pytest.mark.parametrize("problem", METRICS)
def test_the_logged_score_is_that_of_the_whole_split(bert, problem):
    model, taskmodule, examples = build(bert, problem)
    trainer, datamodule = fit(model, taskmodule, problem)
    (logged,) = trainer.test(model, datamodule, verbose=False)
    model.eval()
    with torch.no_grad():
        found = [
            prediction.label for batch in batches(taskmodule, examples, 8) for prediction in model.predictions(batch)
        ]
    expected = glue_scores(METRICS[problem], LABELS[problem], found)
    for name, value in expected.items():
        assert logged[f"test/{name}"] == pytest.approx(value, abs=1e-5), name


@pytest.mark.parametrize("problem", METRICS)
def test_saved_models_predict_the_same_from_raw_texts(bert, roberta, problem, tmp_path: Path):
    encoders = {"a": bert, "b": roberta}
    model, taskmodule, _ = build(encoders, problem, aggregate="concat", freeze_models=["b"], alignment="pooler")
    fit(model, taskmodule, problem)
    kind = type(taskmodule)
    directory = save_model(
        model,
        tmp_path / "model",
        tokenizers=load_tokenizers(encoders)[0],
        taskmodule={"_target_": f"{kind.__module__}.{kind.__qualname__}", "options": taskmodule.options()},
        facts={},
    )
    predictor = load(directory, device="cpu")
    expected = [taskmodule.answer(taskmodule.decode(d, e, p)) for d, e, p in one_by_one(model.eval(), taskmodule)]
    answers = predictor.predict(TEXTS)
    if problem == "regression":
        assert answers == pytest.approx(expected, rel=1e-5)
    else:
        assert answers == expected
    with pytest.raises(UserError, match="pairs of texts"):
        predictor.predict("ann met bob .")


def one_by_one(model, taskmodule):
    for n, given in enumerate(TEXTS):
        document = taskmodule.document(f"t{n}", given)
        examples = taskmodule.encode(document)
        with torch.no_grad():
            yield document, examples, model.predictions(taskmodule.collate(examples, training=False))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "mprc"}, r"model\.metric=mprc: .*did you mean mrpc"),
        ({"metric": "stsb"}, r"model\.metric=stsb scores a regression problem"),
        ({"metric": "mrpc"}, r"model\.metric_options: .*'1' is none of the labels"),
        ({"problem": "ranking"}, r"model\.problem=ranking: "),
        ({"metric": "cola", "metric_options": {"no_relation": "x"}}, r"model\.metric_options\.no_relation"),
    ],
)
def test_scores_that_do_not_fit_are_refused_before_weights_are_read(options, message):
    with pytest.raises(UserError, match=message):
        ClassificationModel(pretrained_models={"target": "/nowhere"}, labels=["a", "b"], **options)


@pytest.mark.parametrize("problem", METRICS)
def test_losses_of_bf16_are_fp32_and_close(bert, problem):
    model, taskmodule, examples = build(bert, problem)
    (batch,) = batches(taskmodule, examples, size=100)
    with torch.inference_mode():
        exact = model.loss(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded, predictions = model.loss_and_predictions(batch)
    assert rounded.dtype == torch.float32 and len(predictions) == len(batch.names)
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02)


@pytest.mark.parametrize("problem", LABELS)
def test_losses_are_those_of_each_text_alone(bert, problem):
    model, taskmodule, examples = build(bert, problem)
    model.eval()
    together = taskmodule.collate(examples, training=False)
    alone = torch.stack([model.loss(taskmodule.collate([example], training=False)) for example in examples])
    torch.testing.assert_close(model.losses(together), alone)


@pytest.mark.parametrize("problem", LABELS)
def test_sampled_labels_replace_the_gold_of_a_copy(bert, problem):
    model, taskmodule, examples = build(bert, problem)
    batch = taskmodule.collate(examples, training=False)
    before = batch.labels.clone()
    drawn, same = (model.eval().sampled(batch, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(drawn.labels, same.labels) and torch.equal(batch.labels, before)
    assert drawn.labels.shape == before.shape and drawn.labels.dtype == before.dtype
    assert drawn.gold == [None] * len(examples) and not torch.equal(drawn.labels, before)
    assert model.losses(drawn).isfinite().all()
