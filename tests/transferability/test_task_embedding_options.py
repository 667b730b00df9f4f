"""The published options of task embeddings against the formulas written plainly, by autograd alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from tests.transferability.tiny_tasks import PIECES, TASKS, asked, batches, build, embed, tiny_encoders
from torch import Tensor

from transferlab.models.base import TransferModel
from transferlab.transferability.answer_windows import AnswerWindows
from transferlab.transferability.library import TaskVectors
from transferlab.transferability.task_embedding import TaskEmbedding
from transferlab.utils.errors import UserError


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory):
    return tiny_encoders(tmp_path_factory)


def published(
    model: TransferModel,
    of: list,
    loss: Callable[[Any], Tensor],
    power: int = 2,
    values: bool = False,
    after: Callable[[], None] = lambda: None,
) -> dict[str, Tensor]:
    """Scores of a model built like BERT; ``after`` sees the gradients of each batch."""
    encoder = model.multi_encoder.encoders["target"]
    sums: dict[str, Tensor] = {}
    count = 0
    for batch in of:
        kept: dict[str, Tensor] = {}

        def keep(name: str, tensor: Tensor, kept: dict[str, Tensor] = kept) -> None:
            if tensor.requires_grad:  # not where labels are drawn
                tensor.retain_grad()
                kept[name] = tensor

        handles = [encoder.register_forward_hook(lambda m, a, o: keep("cls_output", o))]
        for i, layer in enumerate(encoder.stack.encoder.layer):
            context, output = f"encoder.layer.{i}.multihead_output", f"encoder.layer.{i}.layer_output"
            dense = layer.attention.output.dense
            handles.append(dense.register_forward_pre_hook(lambda m, a, name=context: keep(name, a[0])))
            handles.append(layer.register_forward_hook(lambda m, a, o, name=output: keep(name, o)))
        model.zero_grad()
        loss(batch).backward()
        for handle in handles:
            handle.remove()
        (rows,) = batch.inputs.values()
        mask, tokens = rows.attention_mask, rows.attention_mask.sum()
        scores = {}
        for name, tensor in kept.items():
            read = tensor.detach() if values else torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            total = read[:, 0].sum(0) if name == "cls_output" else (read * mask[..., None]).sum((0, 1))
            scores[name] = total**power / tokens
        weights = dict(encoder.stack.named_parameters())
        weights |= {name: weight for name, weight in model.named_parameters() if name.startswith("head.")}
        for name, weight in weights.items():
            read = weight.detach().clone() if values else weight.grad
            if read is not None:
                scores[name] = read**power
        for name, score in scores.items():
            sums[name] = sums.get(name, 0) + score
        count += len(batch.names)
        after()
    return {name: (total / count).float() for name, total in sums.items()}


def assert_equal(embedding: TaskEmbedding, expected: dict[str, Tensor], tolerance: float = 1e-5) -> None:
    found = embedding.result()
    assert len(found) > 30
    assert not found.keys() - expected.keys()
    for name in expected.keys() - found.keys():  # left out as zero
        largest = max(float(vector.abs().max()) for vector in expected.values())
        assert float(expected[name].abs().max()) <= 1e-5**embedding.power * max(largest, 1.0), name
    for name, vector in found.items():
        atol = tolerance * float(expected[name].abs().max())
        torch.testing.assert_close(vector, expected[name], rtol=tolerance, atol=atol, msg=lambda m, n=name: n + m)


@pytest.mark.parametrize("power", [1, 3, 4])
@pytest.mark.parametrize("task", ["classes", "tokens"])
def test_other_powers(encoder, task, power):
    taskmodule, documents, model = build(encoder(), task)
    of = batches(taskmodule, documents, 3)
    assert_equal(embed(model, of, power=power), published(model, of, model.loss, power))
    alone = published(model, batches(taskmodule, documents, 1), model.loss, power)
    assert_equal(embed(model, of, mode="exact", power=power), alone)


@pytest.mark.parametrize("power", [2, 3])
@pytest.mark.parametrize("task", ["classes", "tokens", "questions"])
def test_values_in_place_of_gradients(encoder, task, power):
    taskmodule, documents, model = build(encoder(), task)
    of = batches(taskmodule, documents, 3 if task != "questions" else 1)
    embedding = embed(model, of, feature_type="weights", power=power)
    assert_equal(embedding, published(model, of, model.loss, power, values=True))
    assert embedding.zero == [] and "encoder.layer.0.attention.self.key.bias" in embedding.result()
    if task != "questions":  # whose windows are one example
        alone = published(model, batches(taskmodule, documents, 1), model.loss, power, values=True)
        assert_equal(embed(model, of, mode="exact", feature_type="weights", power=power), alone)


def test_values_are_all_compared_as_none_of_them_says_the_same_as_another(encoder):
    taskmodule, documents, model = build(encoder(), "classes")
    of = batches(taskmodule, documents, 4)
    compared = []
    for embedding in (embed(model, of), embed(model, of, feature_type="weights")):
        vectors = TaskVectors("one", "taskemb", embedding.result(), embedding.settings(), {})
        compared.append(set(vectors.to_compare()))
    twins = {
        f"encoder.layer.{i}.{name}" for i in (0, 1) for name in ("attention.self.value.bias", "output.LayerNorm.bias")
    }
    assert twins <= compared[1] and not twins & compared[0]


def test_without_pooling_the_classifier_reads_the_first_token_as_it_is(encoder):
    taskmodule, documents, pooled = build(encoder(), "classes", alignment="pooler")
    _, _, plain = build(encoder(), "classes")
    plain.head.load_state_dict(pooled.head.state_dict())
    of = batches(taskmodule, documents, 4)
    for mode in ("parity", "exact"):
        expected = embed(plain, of, mode=mode).result()
        found = embed(pooled, of, mode=mode, pooling=False).result()
        assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in found)
        as_trained = embed(pooled, of, mode=mode).result()
        assert "pooler.dense.weight" in as_trained and "pooler.dense.weight" not in found
    assert pooled.multi_encoder.encoders["target"].pooler, "it stays as it was"


@pytest.mark.parametrize("frozen", [None, "all"])
@pytest.mark.parametrize("task", ["classes", "tokens"])
def test_dropout_left_on(encoder, task, frozen):
    taskmodule, documents, model = build(encoder(), task, freeze_models=frozen)
    of = batches(taskmodule, documents, 4)
    found = embed(model, of, dropout=True, seed=5)
    assert not any(module.training for module in model.modules())
    _, _, free = build(encoder(), task)
    done = 0

    def loss(batch: Any) -> Tensor:
        nonlocal done
        free.train()
        torch.manual_seed(int(np.random.SeedSequence([5, done]).generate_state(1)[0]))
        done += len(batch.names)
        return free.loss(batch)

    assert_equal(found, published(free, of, loss))
    still = embed(model, of).result()
    assert all(
        not torch.allclose(found.result()[name], still[name], rtol=0.01) for name in still if "layer_output" in name
    )


@pytest.mark.parametrize("mode", ["parity", "exact"])
def test_the_scale_of_values_drawn_in_regression(encoder, mode):
    taskmodule, documents, model = build(encoder(), "values")
    size, scale = (4, 0.25) if mode == "parity" else (1, 1.5)
    of, problem, done = batches(taskmodule, documents, size), model.problem, 0

    def loss(batch: Any) -> Tensor:
        nonlocal done
        seed = int(np.random.SeedSequence([3, done]).generate_state(1)[0])
        done += len(batch.names)
        values = model(batch)[:, 0] * problem.value_std + problem.value_mean
        drawn = model.sampled(batch, torch.Generator().manual_seed(seed)).labels
        standard_normal = (drawn - values.detach()) / (problem.value_std * 0.5**0.5)
        sample = values.detach() + scale * standard_normal
        return ((sample - values) ** 2 / (2 * scale**2)).mean()

    found = embed(model, of, mode=mode, labels="sampled", fim_scale=scale, seed=3)
    assert_equal(found, published(model, of, loss), 1e-3)  # differences of large values


@pytest.mark.parametrize("task", ["classes", "values", "tokens", "questions"])
def test_fresh_classifiers(encoder, task):
    taskmodule, documents, model = build(encoder(), task)
    of = batches(taskmodule, documents, 3)
    trained, calls = model.head, []
    hook = model.multi_encoder.encoders["target"].register_forward_hook(lambda *_: calls.append(1))
    few = ["activations", "pooled", "parameters"]
    embedding = embed(model, of, num_softmax_classifiers=3, components=few)
    hook.remove()
    values = embed(model, of, num_softmax_classifiers=3, feature_type="weights", components=few).result()
    assert not any(name.startswith("head.") for name in (*embedding.components, *values)), (
        "nothing reads the trained one"
    )
    assert len(calls) == len(of), "each batch is encoded once"
    assert model.head is trained
    heads = embedding._objective._heads
    assert len({float(weight.sum()) for head in heads for name, weight in head.named_parameters()}) == 6

    def loss(batch: Any) -> Tensor:
        losses, encoded = [], model.encode(batch)
        model.encode = lambda _: encoded
        for head in heads:
            model.head = head
            losses.append(model.loss(batch))
        model.head = trained
        del model.encode
        return sum(losses) / len(losses)

    expected = published(model, of, loss)
    assert_equal(embedding, {name: vector for name, vector in expected.items() if not name.startswith("head.")})


class Adam:
    """AdamW as the published code has it: moments, then decay; the schedule moves first; clipped over all gradients."""

    def __init__(
        self, model: TransferModel, encoder_too: bool, steps: int, warmup: int, rate: float, decay: float
    ) -> None:
        self.model, self.steps, self.warmup, self.rate, self.decay, self.done = model, steps, warmup, rate, decay, 0
        names = [name for name, _ in model.named_parameters() if encoder_too or name.startswith("head.")]
        self.moments = dict.fromkeys(names, (0.0, 0.0))

    @torch.no_grad()
    def step(self) -> None:
        parameters = dict(self.model.named_parameters())
        norm = sum(float((p.grad**2).sum()) for p in parameters.values() if p.grad is not None) ** 0.5
        self.done += 1
        if self.done < self.warmup:
            rate = self.rate * self.done / self.warmup
        else:
            rate = self.rate * max(0.0, (self.steps - self.done) / (self.steps - self.warmup))
        for name, (first, second) in self.moments.items():
            p = parameters[name]
            if p.grad is None:
                continue
            gradient = p.grad * min(1.0, 0.1 / (norm + 1e-6))
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            self.moments[name] = (first, second)
            corrected = rate * (1 - 0.999**self.done) ** 0.5 / (1 - 0.9**self.done)
            p -= corrected * first / (second**0.5 + 1e-8)
            if p.ndim > 1:
                p -= rate * self.decay * p


@pytest.mark.parametrize("encoder_too", [False, True])
@pytest.mark.parametrize("task", ["classes", "tokens"])
def test_a_model_that_is_trained_further_meanwhile(encoder, task, encoder_too, monkeypatch):
    # losses in double precision, too: AdamW divides by gradients that rounding alone may make
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    taskmodule, documents, model = build(encoder(), task, freeze_models="all")
    _, _, other = build(encoder(), task)
    of = batches(taskmodule, documents, 3) * 2
    options = {"finetune_classifier": True, "finetune_feature_extractor": encoder_too, "learning_rate": 0.001}
    options |= {
        "weight_decay": 0.1,
        "warmup_steps": 2,
        "max_grad_norm": 0.1,
        "mode": "parity",
        "components": ["parameters", "head"],
    }
    before = {name: weight.clone() for name, weight in model.state_dict().items()}

    def begun(model: TransferModel) -> TaskEmbedding:
        embedding = TaskEmbedding(model, **options)
        embedding.begin(len(of))
        return embedding

    embedding = begun(model)
    for batch in of[:3]:
        embedding.update(batch)
    half = embedding.state()
    for batch in of[3:]:
        embedding.update(batch)
    other.eval()
    adam = Adam(other, encoder_too, len(of), 2, 0.001, 0.1)
    scores = published(other, of, other.loss, after=adam.step)
    assert_equal(embedding, {name: scores[name] for name in embedding.components}, 1e-7)
    for (name, weight), expected in zip(model.named_parameters(), other.parameters(), strict=True):
        if "key.bias" not in name:  # whose gradient is rounding alone
            moved = (expected - before[name]).norm()
            assert (weight - expected).norm() <= 1e-7 * moved, name
        if name.startswith("head.") or (encoder_too and "layer.0" in name and "key.bias" not in name):
            assert not torch.equal(weight, before[name]), name
        elif not encoder_too:
            assert torch.equal(weight, before[name]), name

    _, _, again = build(encoder(), task, freeze_models="all")
    resumed = begun(again)
    resumed.load_state(half)
    for batch in of[3:]:
        resumed.update(batch)
    for name, vector in embedding.result().items():
        torch.testing.assert_close(resumed.result()[name], vector, check_dtype=False, msg=lambda m, n=name: n + m)
    with pytest.raises(UserError, match="begin"):
        TaskEmbedding(again, **options).update(of[0])


def rows_by_hand(documents: list, length: int, step: int, question_length: int) -> list[tuple]:
    """(ids, tokens, start, end) of the windows of questions over whole words, as the published reader makes them."""
    rows = []
    for document in documents:
        (question,) = document.gold.questions
        words = [PIECES[word] for word in question.text.split()[:question_length]]
        text = [PIECES[word] for word in document.words]
        room, start = length - 3 - len(words), 0
        first = last = None
        if question.answers:
            answer = question.answers[0]
            first = len(document.text[: answer.start].split())
            last = first + len(answer.text.split()) - 1
        while True:
            window = text[start : start + room]
            ids = [PIECES["[CLS]"], *words, PIECES["[SEP]"], *window, PIECES["[SEP]"]]
            place = (0, 0)
            if first is not None and start <= first and last < start + len(window):
                place = (first - start + len(words) + 2, last - start + len(words) + 2)
            types = [0] * (len(words) + 2) + [1] * (len(window) + 1)
            padding = [0] * (length - len(ids))
            rows.append((ids + padding, [1] * len(ids) + padding, types + padding, *place))
            if start + room >= len(text):
                break
            start += step
    return rows


@pytest.mark.parametrize("mode", ["parity", "exact"])
def test_the_published_loss_of_questions_over_all_positions(encoder, mode):
    taskmodule, documents, model = build(encoder(), "questions", version=2)
    expected_rows = rows_by_hand(documents, 16, 4, 6)
    assert len(expected_rows) > 10 and sum(start > 0 for *_, start, _ in expected_rows) > 2
    windows = AnswerWindows(taskmodule)
    examples = windows.examples([e for d in documents for e in taskmodule.encode(d, annotated=True)])
    assert len(examples) == len(expected_rows)
    size = 4 if mode == "parity" else 1
    of = [windows.collate(examples[i : i + size], training=False) for i in range(0, len(examples), size)]
    stack = model.multi_encoder.encoders["target"].stack
    place = 0

    def loss(batch: Any) -> Tensor:
        nonlocal place
        ids, mask, types, starts, ends = zip(*expected_rows[place : place + size], strict=True)
        place += size
        ids, mask, types = (torch.tensor(values) for values in (ids, mask, types))
        model.multi_encoder.encoders["target"](ids, mask, types)  # for the hooks
        model.zero_grad()
        hidden = model.multi_encoder.encoders["target"](ids, mask, types)
        logits = model.head(hidden)
        start, end = (F.cross_entropy(logits[..., i], torch.tensor(gold)) for i, gold in enumerate((starts, ends)))
        return (start + end) / 2

    expected = published(model, of, loss)
    assert stack.config.vocab_size == len(PIECES)
    wide = of if mode == "parity" else [
        windows.collate(examples[i : i + 5], training=False) for i in range(0, len(examples), 5)
    ]  # fmt: skip
    assert_equal(embed(model, wide, mode=mode, question_loss="parity"), expected, 1e-4)
    drawn = embed(model, wide, mode=mode, question_loss="parity", labels="sampled", samples=2).result()
    assert all(vector.isfinite().all() for vector in drawn.values())


def test_the_windows_of_questions_without_an_answer_count_in_version_2_alone(encoder):
    taskmodule, documents, _ = build(encoder(), "questions")
    questions = [e for d in documents for e in taskmodule.encode(d, annotated=True)]
    answered = {e.question.id for e in questions if e.question.answers}
    counted = {window.name for window in AnswerWindows(taskmodule, version=1).examples(questions)}
    assert counted == answered
    assert {window.name for window in AnswerWindows(taskmodule, version=2).examples(questions)} > answered


@pytest.mark.parametrize(
    ("answer", "place"), [("bob", (5, 5)), ("mayor.", (10, 11)), ("bo", (5, 6)), ("saw b", (4, 6)), ("m", (8, 8))]
)
def test_an_answer_that_ends_inside_a_word_is_all_between_the_blanks(encoder, answer, place):
    taskmodule, _, _ = build(encoder(), "questions")
    document = asked("d", "ann saw bob. she met the mayor.", "bob", [answer])  # its first word at 3
    (window,) = AnswerWindows(taskmodule).examples(taskmodule.encode(document, annotated=True))
    assert window.answer == place


def test_options_change_what_may_be_compared(encoder):
    _, _, model = build(encoder(), "classes", alignment="pooler")
    usual = TaskEmbedding(model).settings()
    assert usual == {"mode": "exact", "labels": "gold"}, "libraries made before stay comparable"
    for option, value in (
        ("feature_type", "weights"), ("power", 3), ("pooling", False), ("dropout", True),
        ("num_softmax_classifiers", 2), ("finetune_classifier", True),
    ):  # fmt: skip
        assert TaskEmbedding(model, **{option: value}).settings() != usual
    assert TaskEmbedding(model, finetune_classifier=True).shuffled


def test_options_that_do_not_go_together_are_refused(encoder):
    _, _, model = build(encoder(), "classes")
    for options, named in (
        ({"feature_type": "grads"}, "feature_type"),
        ({"power": 0}, "power=0"),
        ({"power": 0.5}, "power=0.5"),
        ({"fim_scale": 0.25}, "fim_scale=0.25"),
        ({"fim_scale": 0.25, "labels": "sampled"}, "fim_scale=0.25"),
        ({"question_loss": "parity"}, "question_loss=parity.*ClassificationModel"),
        ({"num_softmax_classifiers": 2, "labels": "sampled"}, "num_softmax_classifiers=2"),
        ({"num_softmax_classifiers": 2, "finetune_classifier": True}, "num_softmax_classifiers=2"),
        ({"num_softmax_classifiers": 2, "components": ["head"]}, "components.*num_softmax_classifiers=2"),
        ({"num_softmax_classifiers": 2, "components": ["pooled", "head"]}, r"components=\[pooled,head\].*head\."),
        ({"finetune_feature_extractor": True}, "finetune_classifier=true"),
        ({"learning_rate": -1.0}, "learning_rate=-1.0"),
        ({"warmup_steps": 1.5}, "warmup_steps=1.5"),
    ):
        with pytest.raises(UserError, match=named):
            TaskEmbedding(model, **options)
    _, _, coreference = TASKS["coreference"]({"target": encoder()})
    with pytest.raises(UserError, match=r"num_softmax_classifiers=2.*CoreferenceModel"):
        TaskEmbedding(coreference, num_softmax_classifiers=2)
