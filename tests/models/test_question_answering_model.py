"""The question answering model: vectors of windows, losses, decoding, thresholds and official scores."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer, seed_everything
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch.utils.data import DataLoader
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast

from transferlab.data.fine_words import fine_words
from transferlab.documents import Annotations, Answer, Document, Question
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.inference import load
from transferlab.metrics.question_answering import squad_scores
from transferlab.models.question_answering_model import BestAnswer, QuestionAnsweringModel, best_spans
from transferlab.models.saving import save_model
from transferlab.taskmodules.question_answering import AnswerInText, QuestionAnsweringTaskModule
from transferlab.utils.batches import QuestionBatch
from transferlab.utils.errors import UserError

ANN = "Ann Keller was born in Bergen in 1987. She studied law and lives in Oslo."
BOB = "Bob is a baker."
LONG = "Bob met Ann. They saw the old harbour of Bergen, and it was cold. " * 4 + "Bob went home to Turku."
VOCABULARY = sorted({word.lower() for text in (ANN, BOB, LONG) for word in fine_words(text)[0]})


def save_encoder(directory: Path, seed: int, width: int = 16, whole_words: bool = True) -> str:
    """A tiny BERT, with a vocabulary of words and pairs as BERT makes them, or of letters and as RoBERTa does."""
    letters = [prefix + letter for letter in "abcdefghijklmnopqrstuvwxyz0123456789?.," for prefix in ("", "##")]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(VOCABULARY if whole_words else [])]
    tokenizer = Tokenizer(
        models.WordPiece({piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    kind = processors.BertProcessing if whole_words else processors.RobertaProcessing
    tokenizer.post_processor = kind(("[SEP]", 3), ("[CLS]", 2))
    names = ["input_ids", *(["token_type_ids"] if whole_words else []), "attention_mask"]
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=names,
    )
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(directory)
    fast.save_pretrained(directory)
    return str(directory)


@pytest.fixture(scope="module")
def words_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_encoder(tmp_path_factory.mktemp("words"), seed=0)


@pytest.fixture(scope="module")
def letters_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_encoder(tmp_path_factory.mktemp("letters"), seed=1, width=24, whole_words=False)


@pytest.fixture
def encoders(words_encoder: str, letters_encoder: str) -> dict[str, str]:
    return {"words": words_encoder, "letters": letters_encoder}


def document(name: str, text: str, **answers: Sequence[str] | None) -> Document:
    """Questions by wording, with the wordings of their answers."""
    words, offsets = fine_words(text)
    questions = [
        Question(
            f"{name} {asked}", asked, None if known is None else [Answer(text.index(found), found) for found in known]
        )
        for asked, known in answers.items()
    ]
    sentences = [(0, len(words) - 1)] if words else []
    return Document(name, words, sentences, text=text, offsets=offsets, gold=Annotations(questions=questions))


@pytest.fixture
def documents() -> list[Document]:
    """Eight questions, of which two have no answer, one has several, and two are about a text of many windows."""
    return [
        document("ann", ANN, who=["Ann Keller", "Ann", "Ann"], year=["1987"], home=["Oslo"], job=[]),
        document("bob", BOB, who=["Bob"], job=["a baker", "baker"]),
        document("long", LONG, home=["Turku"], year=[]),
    ]


def make_taskmodule(encoders: dict[str, str]) -> QuestionAnsweringTaskModule:
    return QuestionAnsweringTaskModule(load_tokenizers(encoders)[0], 40, 8, max_question_length=8)


def make_model(encoders: dict[str, str], **options) -> QuestionAnsweringModel:
    torch.manual_seed(0)
    return QuestionAnsweringModel(
        pretrained_models=encoders, **{"aggregate": "concat", "dropout": 0.0, **options}
    ).eval()


def batches(taskmodule, documents, size: int, annotated: bool = True) -> list[QuestionBatch]:
    examples = [example for document in documents for example in taskmodule.encode(document, annotated)]
    return [taskmodule.collate(examples[i : i + size], training=False) for i in range(0, len(examples), size)]


def loader(taskmodule, documents, size: int) -> DataLoader:
    examples = [example for document in documents for example in taskmodule.encode(document, annotated=True)]
    return DataLoader(examples, size, collate_fn=lambda chosen: taskmodule.collate(chosen, training=False))


def quiet_trainer(**options) -> Trainer:
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


# --- encoding ---


@pytest.mark.parametrize("name", ["words", "letters"])
def test_windows_are_rows_as_any_one_would_encode_them(encoders, documents, name):
    """Each row is what AutoModel makes of question and window; each word has the vector of one of them."""
    one = {name: encoders[name]}
    taskmodule = make_taskmodule(one)
    (example,) = taskmodule.encode(documents[2])[:1]
    model = make_model(one)
    with torch.no_grad():
        vectors = model.encode(taskmodule.collate([example], training=False)).embeddings[0]
    plain, tokenizer = AutoModel.from_pretrained(one[name]).eval(), AutoTokenizer.from_pretrained(one[name])
    words = documents[2].words
    (windows,) = example.windows.values()
    assert len(windows) > 2
    expected: dict[int, torch.Tensor] = {}
    for window in windows:
        row = tokenizer(
            [["home"]], [words[window.start : window.end + 1]], is_split_into_words=True, return_tensors="pt"
        )
        with torch.no_grad():
            hidden = plain(**row).last_hidden_state[0]
        for position, (word, text) in enumerate(zip(row.word_ids(0), row.sequence_ids(0), strict=True)):
            if text == 1 and window.represented[0] <= window.start + word <= window.represented[1]:
                expected.setdefault(window.start + word + 1, hidden[position])
        expected.setdefault(0, hidden[0])  # that of the first window counts
    assert sorted(expected) == list(range(len(words) + 1))
    torch.testing.assert_close(vectors, torch.stack([expected[unit] for unit in range(len(words) + 1)]))


@pytest.mark.parametrize("version", [1, 2])
def test_the_loss_and_the_answers_are_the_same_for_batches_of_one_and_of_several(encoders, documents, version):
    if version == 1:
        for d in documents:
            d.gold.questions = [question for question in d.gold.questions if question.answers]
    taskmodule = make_taskmodule(encoders)
    model = make_model(encoders, version=version).double()
    singly = [model.loss_and_predictions(batch) for batch in batches(taskmodule, documents, 1)]
    (together,) = batches(taskmodule, documents, 8)
    loss, predictions = model.loss_and_predictions(together)
    losses = torch.stack([one for one, _ in singly])
    assert len(set(losses.tolist())) == len(losses) > 5
    torch.testing.assert_close(losses.mean(), loss, rtol=1e-6, atol=0)
    for (_, (alone,)), prediction in zip(singly, predictions, strict=True):
        assert (alone.text, alone.start, alone.answered) == (prediction.text, prediction.start, prediction.answered)
        assert alone.score == pytest.approx(prediction.score, rel=1e-5)
        assert (alone.no_answer_probability is None) == (version == 1)


@pytest.mark.parametrize("aggregate", [None, "concat", "attention", "scalar_mix"])
@pytest.mark.parametrize("alignment", ["first", "mean"])
def test_any_aggregation_of_encoders_that_differ_trains(tmp_path, encoders, documents, aggregate, alignment):
    if aggregate in (None, "scalar_mix"):  # these want one width
        encoders["letters"] = save_encoder(tmp_path / "letters", seed=2, whole_words=False)
    model = make_model(encoders, aggregate=aggregate, alignment=alignment, head_depth=1, head_hidden_size=8)
    (batch,) = batches(make_taskmodule(encoders), documents, 8)
    model.loss(batch).backward()
    assert all(p.grad is not None for p in model.head.parameters())
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    for name in encoders:
        assert any(
            p.grad is not None and p.grad.abs().sum() > 0 for p in model.multi_encoder.encoders[name].parameters()
        )


# --- the loss ---


def test_the_loss_is_that_of_all_distinct_gold_starts_and_of_all_distinct_gold_ends(encoders, documents):
    (batch,) = batches(make_taskmodule(encoders), documents, 8)
    model = make_model(encoders)
    log_probabilities = model(batch).detach()  # [2, questions, units]
    expected = []
    for q, spans in enumerate(batch.answer_spans.tolist()):
        for side in (0, 1):
            gold = {span[side] for span in spans if span[side] >= 0}
            expected.append(-math.log(sum(math.exp(log_probabilities[side, q, unit]) for unit in gold)))
    assert model.loss(batch).item() == pytest.approx(sum(expected) / len(expected), rel=1e-5)
    # "Ann Keller" and "Ann" share their start, which must not count twice
    assert batch.answer_spans[0].tolist() == [[1, 1], [1, 2]]


@pytest.mark.parametrize("version", [1, 2])
def test_one_softmax_goes_over_what_can_be_chosen(encoders, documents, version):
    taskmodule = make_taskmodule(encoders)
    probabilities = make_model(encoders, version=version)(batches(taskmodule, documents, 8)[0]).exp()
    first = 1 if version == 1 else 0
    for q, words in enumerate([len(d.words) for d in documents for _ in d.gold.questions]):
        possible = probabilities[:, q, first : words + 1]
        assert (possible > 0).all()
        torch.testing.assert_close(possible.sum(-1), torch.ones(2))


def test_probabilities_are_summed_in_fp32_whatever_the_precision_of_the_encoders(encoders, documents):
    model = make_model(encoders)
    (batch,) = batches(make_taskmodule(encoders), documents, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        log_probabilities = model(batch)
    assert log_probabilities.dtype == torch.float32
    torch.testing.assert_close(log_probabilities.exp().sum(-1), torch.ones(2, 8))


# --- decoding ---


def slow_best_span(
    starts: list[float], ends: list[float], n_best: int, max_length: int
) -> tuple[int, int, float] | None:
    """The plain double loop over the best starts and the best ends."""
    best = None
    for start in sorted(range(len(starts)), key=lambda unit: -starts[unit])[:n_best]:
        for end in sorted(range(len(ends)), key=lambda unit: -ends[unit])[:n_best]:
            if start <= end < start + max_length and starts[start] + ends[end] > -math.inf:
                score = starts[start] + ends[end]
                if best is None or score > best[2]:
                    best = (start, end, score)
    return best


@pytest.mark.parametrize(("n_best", "max_length"), [(1, 30), (3, 2), (20, 30), (20, 1), (100, 100)])
def test_the_best_span_is_that_of_a_double_loop(n_best, max_length):
    torch.manual_seed(0)
    starts, ends = torch.randn(2, 200, 25, dtype=torch.float64)
    impossible = torch.arange(25) > torch.randint(-1, 25, (200, 1))
    starts, ends = starts.masked_fill(impossible, -torch.inf), ends.masked_fill(impossible, -torch.inf)
    first, last, score = best_spans(starts, ends, n_best, max_length)
    none = 0
    for q in range(200):
        expected = slow_best_span(starts[q].tolist(), ends[q].tolist(), n_best, max_length)
        if expected is None:
            none += 1
            assert score[q] == -torch.inf
        else:
            assert (first[q].item(), last[q].item(), score[q].item()) == expected
    assert none < 200


def test_defect_7_start_and_end_are_chosen_together():
    """Independent argmaxes were taken, which cross: here the best start, 3, stands behind the best end, 1."""
    starts = torch.tensor([[-torch.inf, 1.0, 0.0, 2.0, -1.0]])
    ends = torch.tensor([[-torch.inf, 3.0, 0.0, 0.5, 1.0]])
    assert starts.argmax() > ends.argmax()
    assert [part.item() for part in best_spans(starts, ends, 20, 30)] == [1, 1, 4.0]
    starts[0, 1] = -5.0
    assert [part.item() for part in best_spans(starts, ends, 20, 30)] == [3, 4, 3.0]
    assert [part.item() for part in best_spans(starts, ends, 20, 1)] == [3, 3, 2.5]


class FixedScores(QuestionAnsweringModel):
    """The model with log-probabilities from outside."""

    def forward(self, batch: QuestionBatch) -> torch.Tensor:
        return self.fixed


def fixed_model(encoders, log_probabilities: list[list[list[float]]], **options) -> FixedScores:
    model = FixedScores(pretrained_models=encoders, aggregate="concat", **options).eval()
    model.fixed = torch.tensor(log_probabilities)
    return model


def test_probabilities_follow_their_formulas(encoders):
    (batch,) = batches(make_taskmodule(encoders), [document("bob", BOB, who=["Bob"])], 1)
    starts, ends = torch.tensor([[2.0, 0.5, 0, 1, 0, 0], [1.0, 0, 0, 0.25, 2, 0]]).log_softmax(-1)
    model = fixed_model(encoders, [[starts.tolist()], [ends.tolist()]])
    (prediction,) = model.predictions(batch)
    # null score 3, best span (1 + 2): as likely as not, and the threshold is 0.5
    assert (prediction.text, prediction.start, prediction.answered) == ("a baker", 7, True)
    assert prediction.no_answer_probability == pytest.approx(0.5)
    assert prediction.score == pytest.approx((starts[3] + ends[4]).exp().item())
    for null, answered in ((2.9, True), (3.1, False)):
        model.fixed[0, 0, 0] = starts[0] + null - 3
        (prediction,) = model.predictions(batch)
        assert prediction.no_answer_probability == pytest.approx(1 / (1 + math.exp(3 - null)), abs=1e-6)
        assert (prediction.text, prediction.answered) == ("a baker", answered)
        model.no_answer_threshold.fill_(prediction.no_answer_probability)
        assert model.predictions(batch)[0].answered  # not above
        model.no_answer_threshold.fill_(0.5)


def test_version_1_answers_every_question_and_refuses_those_without_answer(encoders, documents):
    taskmodule = make_taskmodule(encoders)
    model = make_model(encoders, version=1)
    model.no_answer_threshold.fill_(0.0)
    (batch,) = batches(taskmodule, documents, 8)
    for prediction in model.predictions(batch):
        assert prediction.answered and prediction.text and prediction.no_answer_probability is None
    with pytest.raises(UserError, match=r"'ann job' has no answer, which model.version=1 does not know"):
        model.loss(batch)


@pytest.mark.parametrize("version", [1, 2])
def test_a_text_without_words_has_no_answer(encoders, version):
    taskmodule = make_taskmodule(encoders)
    model = make_model(encoders, version=version)
    model.no_answer_threshold.fill_(1.0)
    empty, full = document("empty", " ", who=None), document("bob", BOB, who=None)
    for some in ([empty], [empty, full]):
        prediction, *others = model.predictions(batches(taskmodule, some, 2, annotated=False)[0])
        assert prediction == BestAnswer("", 0, 0.0, 1.0 if version == 2 else None, answered=False)
        assert all(other.text for other in others)
    if version == 2:
        (batch,) = batches(taskmodule, [document("empty", " ", who=[])], 1)
        assert model.loss(batch).item() == 0


def test_questions_that_nobody_answered_can_be_predicted(encoders, documents):
    taskmodule = make_taskmodule(encoders)
    model = make_model(encoders)
    expected = model.predictions(batches(taskmodule, documents, 8)[0])
    for d in documents:
        for question in d.gold.questions:
            question.answers = None
    assert model.predictions(batches(taskmodule, documents, 8, annotated=False)[0]) == expected


# --- scores ---


def official(documents: list[Document], predictions: list[BestAnswer], final: bool) -> dict[str, float]:
    """The functional scores of predictions, either what is said in the end or the best answers."""
    questions = [question for d in documents for question in d.gold.questions]
    golds = {question.id: [answer.text for answer in question.answers] for question in questions}
    said = {q.id: p.text if p.answered or not final else "" for q, p in zip(questions, predictions, strict=True)}
    return squad_scores(
        golds, said, {q.id: p.no_answer_probability for q, p in zip(questions, predictions, strict=True)}
    )


@pytest.mark.parametrize("size", [1, 3, 8])
def test_defect_7_the_logged_score_is_the_official_one_of_the_whole_split(encoders, documents, size):
    """F1 was the accuracy of positions, averaged over running means, so it changed with the batch size."""
    taskmodule = make_taskmodule(encoders)
    model = make_model(encoders)
    (batch,) = batches(taskmodule, documents, 8)
    doubts = sorted(prediction.no_answer_probability for prediction in model.predictions(batch))
    threshold = (doubts[3] + doubts[4]) / 2
    model.no_answer_threshold.fill_(threshold)
    predictions = model.predictions(batch)
    assert sum(prediction.answered for prediction in predictions) == 4
    (logged,) = quiet_trainer().test(model, loader(taskmodule, documents, size), verbose=False)
    expected = official(documents, predictions, final=True)
    for name in ("exact", "f1", "HasAns_f1", "NoAns_f1", "total"):
        assert logged[f"test/{name}"] == pytest.approx(expected[name], abs=1e-6)
    assert model.no_answer_threshold.item() == pytest.approx(threshold)  # the test split tunes nothing


def test_validation_tunes_the_threshold_that_the_test_split_gets(encoders, documents):
    taskmodule = make_taskmodule(encoders)
    model = fixed_model(encoders, [[[0.0]]])
    (batch,) = batches(taskmodule, documents, 8)
    torch.manual_seed(0)
    scores = 0.3 * torch.randn(2, 8, batch.units)
    beyond = torch.arange(batch.units) > batch.lengths[:, None]
    for q, spans in enumerate(batch.answer_spans.tolist()):  # mostly right, with every degree of doubt
        scores[0, q, spans[0][0] - (q == 6)] += 3  # one word too many, which F1 forgives and exact match does not
        scores[1, q, spans[0][1]] += 3
        scores[:, q, 0] += q - 2
    model.fixed = scores.masked_fill(beyond, torch.finfo().min).log_softmax(-1)
    assert model.no_answer_threshold.item() == 0.5
    (logged,) = quiet_trainer().validate(model, loader(taskmodule, documents, 8), verbose=False)
    expected = official(documents, model.predictions(batch), final=False)
    assert len({0.5, expected["best_f1_thresh"], expected["best_exact_thresh"]}) == 3
    assert model.no_answer_threshold.item() == expected["best_f1_thresh"]
    assert logged["val/best_f1"] == pytest.approx(expected["best_f1"], abs=1e-6)
    assert logged["val/f1"] < logged["val/best_f1"]  # under the threshold of before
    (tested,) = quiet_trainer().test(model, loader(taskmodule, documents, 8), verbose=False)
    assert tested["test/f1"] == pytest.approx(expected["best_f1"], abs=1e-6)


def test_the_check_before_training_tunes_nothing(encoders, documents):
    taskmodule = make_taskmodule(encoders)
    model = make_model(encoders)
    seen = []
    validation_end = model.on_validation_epoch_end
    model.on_validation_epoch_end = lambda: (validation_end(), seen.append(model.no_answer_threshold.item()))
    trainer = quiet_trainer(max_epochs=1, num_sanity_val_steps=1)
    trainer.fit(model, loader(taskmodule, documents, 4), loader(taskmodule, documents, 4))
    assert len(seen) == 2 and seen[0] == 0.5


def test_version_1_has_its_own_scores(encoders, documents):
    for d in documents:
        d.gold.questions = [question for question in d.gold.questions if question.answers]
    taskmodule = make_taskmodule(encoders)
    model = make_model(encoders, version=1)
    (logged,) = quiet_trainer().validate(model, loader(taskmodule, documents, 4), verbose=False)
    assert {"val/exact", "val/f1", "val/loss", "val/total"} == set(logged)


# --- training ---


def test_eight_questions_are_learnt_by_heart(encoders, documents):
    seed_everything(0, verbose=False)
    taskmodule = make_taskmodule(encoders)
    model = make_model(encoders, bert_learning_rate=3e-3, task_learning_rate=1e-2)
    batch = loader(taskmodule, documents, 8)
    quiet_trainer(max_epochs=80, num_sanity_val_steps=0, check_val_every_n_epoch=80).fit(model, batch, batch)
    (logged,) = quiet_trainer().test(model, batch, verbose=False)
    assert logged["test/exact"] == logged["test/f1"] == 1


def test_defect_2_pretrained_encoders_keep_their_weights_and_frozen_ones_after_a_step_too(encoders, documents):
    """Every pretrained encoder was initialised anew, the frozen ones included."""
    taskmodule = make_taskmodule(encoders)
    checkpoints = {name: AutoModel.from_pretrained(place).state_dict() for name, place in encoders.items()}
    model = make_model(encoders, freeze_models=["letters"]).train()

    def unchanged(name: str) -> list[bool]:
        """Of every weight that is in use: all but the poolers."""
        state = model.multi_encoder.encoders[name].backbone.state_dict()
        assert len(state) > 30 and set(state) <= set(checkpoints[name])
        return [torch.equal(value, checkpoints[name][key]) for key, value in state.items()]

    assert all(unchanged("letters")) and all(unchanged("words"))
    model.trainer = quiet_trainer(max_steps=10)
    optimizer = model.configure_optimizers()["optimizer"]
    for _ in range(2):
        model.loss(batches(taskmodule, documents, 8)[0]).backward()
        optimizer.step()
    assert all(unchanged("letters"))
    assert sum(unchanged("words")) < len(unchanged("words")) / 2


# --- saving and options ---


def test_a_saved_model_answers_alike_and_keeps_its_threshold(encoders, documents, tmp_path):
    taskmodule = make_taskmodule(encoders)
    options = {"version": 2, "n_best": 5, "max_answer_length": 4, "head_depth": 1, "head_hidden_size": 8}
    model = make_model(encoders, freeze_models=["letters"], **options)
    model.no_answer_threshold.fill_(0.9)
    tokenizers, keys = load_tokenizers(encoders)
    save_model(
        model,
        tmp_path / "model",
        tokenizers={name: tokenizers[key] for name, key in keys.items()},
        taskmodule={
            "_target_": "transferlab.taskmodules.question_answering.QuestionAnsweringTaskModule",
            "options": taskmodule.options(),
        },
        facts={},
    )
    predictor = load(tmp_path / "model", device="cpu")
    assert {name: predictor.model.hparams[name] for name in options} == options
    assert predictor.model.no_answer_threshold.item() == pytest.approx(0.9)
    assert (predictor.model.n_best, predictor.model.max_answer_length) == (5, 4)
    (expected,) = model.predictions(batches(taskmodule, [document("bob", BOB, who=None)], 1, annotated=False)[0])
    (answer,) = predictor.predict(("who", BOB))
    assert expected.answered and answer == AnswerInText(
        expected.text, expected.start, expected.start + len(expected.text), pytest.approx(expected.score)
    )
    by_document = list(predictor.predict_documents(documents, batch_size=3))
    alone = [model.predictions(batch)[0] for batch in batches(taskmodule, documents, 1)]
    found = [question for d in by_document for question in d.predicted.questions]
    assert [question.id for question in found] == [question.id for d in documents for question in d.gold.questions]
    for question, prediction in zip(found, alone, strict=True):
        assert [answer.text for answer in question.answers] == ([prediction.text] if prediction.answered else [])
        assert question.no_answer_probability == pytest.approx(prediction.no_answer_probability, abs=1e-5)


@pytest.mark.parametrize("options", [{"version": 3}, {"n_best": 0}, {"max_answer_length": 0}])
def test_options_that_cannot_work_are_refused_before_encoders_are_loaded(options):
    ((name, value),) = options.items()
    with pytest.raises(UserError, match=f"model.{name}={value}"):
        QuestionAnsweringModel(pretrained_models={"none": "no such encoder"}, **options)


# --- losses of examples, sampled answers ---


def test_losses_are_those_of_each_question_alone_and_0_where_answers_are_unknown(encoders, documents):
    taskmodule = make_taskmodule(encoders)
    model = make_model(encoders)
    (batch,) = batches(taskmodule, documents, 8)
    alone = torch.stack([model.loss(one) for one in batches(taskmodule, documents, 1)])
    torch.testing.assert_close(model.losses(batch), alone)
    batch.answer_spans[1] = -1
    losses = model.losses(batch)
    losses.sum().backward()
    assert losses[1] == 0 and losses[0] > 0
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("version", [1, 2])
def test_sampled_answers_follow_what_is_predicted_of_starts_and_ends(encoders, documents, version):
    taskmodule = make_taskmodule(encoders)
    model = make_model(encoders, version=version)
    (batch,) = batches(taskmodule, documents, 8, annotated=False)
    generator = torch.Generator().manual_seed(0)
    drawn = [model.sampled(batch, generator) for _ in range(60)]
    starts, ends = torch.cat([one.answer_spans for one in drawn], dim=1).unbind(-1)  # [questions, draws]
    assert (torch.maximum(starts, ends) <= batch.lengths[:, None]).all()
    assert bool((starts == 0).any()) == bool((ends == 0).any()) == (version == 2)
    assert all(model.losses(one).isfinite().all() for one in drawn[:3])
    for units, predicted in zip((starts, ends), model(batch).exp(), strict=True):
        counts = units[4].bincount(minlength=batch.units) / 60  # of a short text
        torch.testing.assert_close(counts, predicted[4].detach(), rtol=0, atol=0.25)
