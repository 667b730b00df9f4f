"""The token classification model: vectors of words, loss, predictions, scores of whole splits, saved models."""

from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, PreTrainedTokenizerFast, RobertaConfig, RobertaModel

from transferlab.data.datamodule import TransferDataModule
from transferlab.documents import Annotations, Document, Entity
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.inference import load
from transferlab.metrics.span_f1 import sequence_scores, tag_accuracy
from transferlab.models.saving import save_model
from transferlab.models.token_classification_model import TokenClassificationModel
from transferlab.taskmodules.token_classification import TokenClassificationTaskModule
from transferlab.taskmodules.tokenization import windows

PEOPLE = {"ann", "bob", "mayor"}
TEXT = [
    ["ann met bob .", "she saw him ."],
    ["the mayor saw ann and bob .", "he met her ."],
    ["bob .", "bob saw the mayor and ann .", "ann met him ."],
    ["the mayor ."],
]


def document(name: str, sentences: list[str]) -> Document:
    """People are PER, and their article belongs to them."""
    words = " ".join(sentences).split()
    spans, start = [], 0
    for sentence in sentences:
        spans.append((start, start + len(sentence.split()) - 1))
        start = spans[-1][1] + 1
    entities = [
        Entity(w - (w > 0 and words[w - 1] == "the"), w, "OFFICE" if word == "mayor" else "PER")
        for w, word in enumerate(words)
        if word in PEOPLE
    ]
    return Document(name, words, spans, gold=Annotations(entities=entities)).validate()


@pytest.fixture
def documents() -> list[Document]:
    return [document(f"d{n}", sentences) for n, sentences in enumerate(TEXT)]


@pytest.fixture
def wide_encoder(tmp_path: Path) -> str:
    """A RoBERTa of width 24 that reads letter by letter."""
    directory = tmp_path / "wide"
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", cls_token="<s>"
    ).save_pretrained(directory)
    torch.manual_seed(1)
    config = RobertaConfig(
        vocab_size=len(vocabulary),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=66,
        pad_token_id=1,
    )
    RobertaModel(config).save_pretrained(directory)
    return str(directory)


def make_taskmodule(encoders: dict[str, str], documents: list[Document], **options) -> TokenClassificationTaskModule:
    taskmodule = TokenClassificationTaskModule(
        load_tokenizers(encoders)[0], **{"max_segment_len": 60, "overlap": 8, **options}
    )
    taskmodule.prepare(documents)
    return taskmodule


def make_model(encoders: dict[str, str], taskmodule: TokenClassificationTaskModule, **options):
    torch.manual_seed(0)
    return TokenClassificationModel(pretrained_models=encoders, **taskmodule.model_arguments(), **options)


def batches(taskmodule, documents, size: int, annotated: bool = True):
    examples = [example for document in documents for example in taskmodule.encode(document, annotated)]
    return [taskmodule.collate(examples[i : i + size], training=False) for i in range(0, len(examples), size)]


def tags_by_sentence(taskmodule, model, documents) -> list[list[str]]:
    """The predicted tags of each sentence, predicted one sentence at a time."""
    with torch.no_grad():
        return [model.predictions(batch)[0].tags for batch in batches(taskmodule, documents, 1)]


def gold_by_sentence(taskmodule, documents) -> list[list[str]]:
    return [tags for batch in batches(taskmodule, documents, 1) for tags in batch.gold]


@pytest.mark.parametrize("aggregate", [None, "concat", "attention"])
def test_defect_5_several_encoders_of_different_tokenizers_and_widths_tag_words(
    encoder, wide_encoder, documents, aggregate
):
    """Token classification over several encoders once crashed: a tuple was taken for a tensor."""
    encoders = {"target": encoder, "wide": wide_encoder}
    if aggregate is None:
        encoders["wide"] = encoder  # a mean needs equal widths
    taskmodule = make_taskmodule(encoders, documents)
    model = make_model(encoders, taskmodule, aggregate=aggregate, freeze_models=["wide"]).train()
    (batch,) = batches(taskmodule, documents, 100)
    loss, predictions = model.loss_and_predictions(batch)
    loss.backward()
    assert loss.ndim == 0 and torch.isfinite(loss)
    assert model(batch).shape == (8, 7, len(taskmodule.labels))
    assert [len(prediction.tags) for prediction in predictions] == batch.lengths.tolist()
    trained = {
        name.split(".")[2] for name, p in model.named_parameters() if name.startswith("multi_") and p.grad is not None
    }
    assert "target" in trained and "wide" not in trained


def test_batches_of_one_say_what_batches_of_several_say(encoder, wide_encoder, documents):
    encoders = {"target": encoder, "wide": wide_encoder}
    taskmodule = make_taskmodule(encoders, documents)
    model = make_model(encoders, taskmodule, aggregate="concat").double().eval()
    single, (several,) = batches(taskmodule, documents, 1), batches(taskmodule, documents, 100)
    with torch.no_grad():
        one_by_one = [model.predictions(batch)[0] for batch in single]
        together = model.predictions(several)
        losses = torch.stack([model.loss(batch) for batch in single])
        loss = model.loss(several)
    assert [p.tags for p in one_by_one] == [p.tags for p in together]
    for one, other in zip(one_by_one, together, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
    # the mean is over words, not over sentences
    words = several.lengths
    torch.testing.assert_close((losses * words).sum() / words.sum(), loss, rtol=1e-5, atol=0)


def test_the_vectors_of_a_long_sentence_are_those_of_its_windows(encoder, wide_encoder):
    """Each word has exactly one vector: that of the window that represents it, as transformers alone gives it."""
    encoders = {"target": encoder, "wide": wide_encoder}
    long = document("long", ["the mayor saw ann and bob and ann met her and him and bob met the mayor ."])
    taskmodule = make_taskmodule(encoders, [long], max_segment_len=20, overlap=9)
    model = make_model(encoders, taskmodule, aggregate="concat").eval()
    (example,) = taskmodule.encode(long)
    read = {
        key: windows([len(word) for word in tokenizer.subtokens(long.words, 18)], 18, 9)
        for key, tokenizer in taskmodule.tokenizers.items()
    }
    assert {key: len(lines) for key, lines in example.lines.items()} == {"target": 1, "wide": 8}
    assert [w.represented for w in read["wide"]][:2] == [(0, 2), (3, 4)]
    output = model.encode(taskmodule.collate([example], training=False))
    assert output.unit_mask.tolist() == [[True] * 18]
    tokenizers, _ = load_tokenizers(encoders)
    expected = []
    for key, path in encoders.items():
        plain = AutoModel.from_pretrained(path).eval()
        vectors = []
        for window in read[key]:
            row = tokenizers[key](
                long.words[window.start : window.end + 1], is_split_into_words=True, return_tensors="pt"
            )
            assert row["input_ids"].shape[1] <= 20
            with torch.no_grad():
                hidden = plain(input_ids=row["input_ids"], attention_mask=row["attention_mask"]).last_hidden_state[0]
            first, last = window.represented
            vectors += [hidden[row.word_ids().index(word - window.start)] for word in range(first, last + 1)]
        expected.append(torch.stack(vectors))
    torch.testing.assert_close(output.embeddings[0], torch.cat(expected, dim=-1), rtol=1e-4, atol=1e-5)


def test_it_learns_eight_sentences_by_heart(encoder, documents):
    taskmodule = make_taskmodule({"target": encoder}, documents)
    model = make_model(
        {"target": encoder}, taskmodule, dropout=0.0, pretrained_default_config={"hidden_dropout_prob": 0.0}
    )
    (batch,) = batches(taskmodule, documents, 100)
    assert len(batch.lengths) == 8
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(batch).backward()
        optimizer.step()
    model.eval()
    predicted = tags_by_sentence(taskmodule, model, documents)
    assert predicted == gold_by_sentence(taskmodule, documents)
    assert sequence_scores(predicted, predicted)["support"] == 11
    assert model.loss(batch).item() < 0.05


class Corpus:
    """One split of documents."""

    splits = ("validation",)

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents

    def read(self, split: str):
        return iter(self.documents)


@pytest.mark.parametrize("pack_sentences", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_defect_6_the_logged_score_is_that_of_the_spans_of_the_whole_split(
    encoder, documents, batch_size, pack_sentences
):
    """It was the F1 of tags other than O, averaged over batches, in which an entity made of O words cost nothing."""
    taskmodule = make_taskmodule({"target": encoder}, documents, pack_sentences=pack_sentences)
    model = make_model({"target": encoder}, taskmodule).eval()
    with torch.no_grad():  # so that words are tagged this and that, also where the gold tag is O
        model.head.layers[-1].weight.mul_(20)
    examples = [e for d in documents for e in taskmodule.encode(d)]
    predictions = [p for e in examples for p in model.predictions(taskmodule.collate([e], training=False))]
    flat = iter([tag for prediction in predictions for tag in prediction.tags])
    gold = [tags for batch in batches(taskmodule, documents, 1) for tags in batch.gold]
    predicted = [[next(flat) for _ in sentence] for sentence in gold]
    assert len(gold) == 8
    false_positives = [
        1 for g, p in zip(gold, predicted, strict=True) for a, b in zip(g, p, strict=True) if a == "O" != b
    ]
    assert false_positives, "there is something to count"
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    datamodule = TransferDataModule(Corpus(documents), taskmodule, batch_size=batch_size)
    (logged,) = trainer.validate(model, datamodule, verbose=False)
    expected = sequence_scores(gold, predicted, "IOB2")
    for part in ("precision", "recall", "f1", "macro_f1"):
        assert logged[f"val/{part}"] == pytest.approx(expected[part], abs=1e-6), part
    assert logged["val/PER_f1"] == pytest.approx(expected["types"]["PER"]["f1"], abs=1e-6)


def test_a_false_positive_on_words_that_are_o_costs_precision(encoder, documents):
    taskmodule = make_taskmodule({"target": encoder}, documents)
    model = make_model({"target": encoder}, taskmodule).eval()
    (batch,) = batches(taskmodule, documents, 100)
    ids = {label: i for i, label in enumerate(taskmodule.labels)}
    right = [list(tags) for tags in batch.gold]
    scores = []
    for wrong_word in (None, 3):
        tags = [list(sentence) for sentence in right]
        if wrong_word is not None:
            tags[0][wrong_word] = "B-PER"
        logits = torch.zeros(*batch.tag_ids.shape, len(ids))
        for s, sentence in enumerate(tags):
            for w, tag in enumerate(sentence):
                logits[s, w, ids[tag]] = 9.0
        model.val_score.reset()
        model.update_score(model.val_score, batch, model._decode(logits, batch))
        scores.append(model.val_score.compute())
    assert scores[0]["f1"] == 1.0
    assert scores[1]["recall"] == 1.0 and scores[1]["precision"] == pytest.approx(11 / 12)


def test_accuracy_of_tags_that_are_no_spans(encoder, documents):
    for one in documents:
        one.gold = Annotations(tags=["PUNCT" if word == "." else "WORD" for word in one.words])
    taskmodule = make_taskmodule({"target": encoder}, documents, layer="tags", scheme=None)
    model = make_model({"target": encoder}, taskmodule).eval()
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    (logged,) = trainer.validate(model, TransferDataModule(Corpus(documents), taskmodule, batch_size=3), verbose=False)
    expected = tag_accuracy(gold_by_sentence(taskmodule, documents), tags_by_sentence(taskmodule, model, documents))
    assert logged["val/accuracy"] == pytest.approx(expected, abs=1e-6)
    assert 0 < expected < 1


def test_words_of_unknown_tags_add_nothing_to_the_loss(encoder, documents):
    whole = make_taskmodule({"target": encoder}, documents)
    known = make_taskmodule({"target": encoder}, documents, labels=["O", "B-PER", "I-PER"])
    model = make_model({"target": encoder}, known).eval()
    (batch,), (complete,) = batches(known, documents, 100), batches(whole, documents, 100)
    assert batch.gold == complete.gold
    logits = model(batch).log_softmax(-1)
    expected = [
        -logits[s, w, known.labels.index(tag)]
        for s, tags in enumerate(batch.gold)
        for w, tag in enumerate(tags)
        if not tag.endswith("OFFICE")
    ]
    assert len(expected) < int(batch.lengths.sum())
    torch.testing.assert_close(model.loss(batch), torch.stack(expected).mean())
    batch.tag_ids.fill_(-100)
    loss = model.loss(batch)
    loss.backward()
    assert loss.item() == 0.0


def test_probabilities_are_those_of_the_tags(encoder, documents):
    taskmodule = make_taskmodule({"target": encoder}, documents)
    model = make_model({"target": encoder}, taskmodule).eval()
    (batch,) = batches(taskmodule, documents, 100, annotated=False)
    probabilities = model(batch).softmax(-1)
    prediction = model.predictions(batch)[1]
    for word, (tag, value) in enumerate(zip(prediction.tags, prediction.probabilities, strict=True)):
        assert value == pytest.approx(probabilities[1, word, taskmodule.labels.index(tag)].item(), abs=1e-6)
        assert value == pytest.approx(probabilities[1, word].max().item(), abs=1e-6)


def test_a_saved_model_tags_raw_text_alike(encoder, documents, tmp_path):
    taskmodule = make_taskmodule({"target": encoder}, documents)
    model = make_model({"target": encoder}, taskmodule, head_depth=1, head_hidden_size=8).eval()
    with torch.no_grad():
        model.head.layers[-1].weight.mul_(20)
    tokenizers, keys = load_tokenizers({"target": encoder})
    kind = type(taskmodule)
    save_model(
        model,
        tmp_path / "saved",
        tokenizers={name: tokenizers[key] for name, key in keys.items()},
        taskmodule={"_target_": f"{kind.__module__}.{kind.__qualname__}", "options": taskmodule.options()},
        facts={},
    )
    predictor = load(tmp_path / "saved", device="cpu")
    plain = [Document(d.name, d.words, d.sentences) for d in documents]
    predicted = list(predictor.predict_documents(plain, batch_size=3))
    tags = [tag for d in predicted for tag in d.predicted.tags]
    assert tags == [tag for sentence in tags_by_sentence(taskmodule, model, documents) for tag in sentence]
    assert any(d.predicted.entities for d in predicted)
    texts = [" ".join(d.words) for d in documents]
    answers = predictor.predict(texts)
    assert any(answers)
    for text, entities in zip(texts, answers, strict=True):
        assert all(text[e.start : e.end] == e.text and 0 < e.score <= 1 for e in entities)
    assert predictor.predict("") == [[]]


def test_scores_that_cannot_be_are_refused_before_weights_are_read():
    with pytest.raises(ValueError, match=r"model.metric='f1': choose span_f1 or accuracy"):
        TokenClassificationModel(pretrained_models={"a": "/nowhere"}, labels=["O", "B-A"], metric="f1")
    with pytest.raises(ValueError, match=r"model.metric=span_f1 needs a scheme"):
        TokenClassificationModel(pretrained_models={"a": "/nowhere"}, labels=["A", "B"], scheme=None)


def test_losses_of_bf16_are_fp32_and_close(encoder, documents):
    taskmodule = make_taskmodule({"target": encoder}, documents)
    model = make_model({"target": encoder}, taskmodule).eval()
    (batch,) = batches(taskmodule, documents, size=100)
    with torch.inference_mode():
        exact = model.loss(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded, predictions = model.loss_and_predictions(batch)
    assert rounded.dtype == torch.float32 and len(predictions) == len(batch.names)
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02)


def test_losses_are_those_of_each_sentence_alone(encoder, documents):
    taskmodule = make_taskmodule({"target": encoder}, documents)
    model = make_model({"target": encoder}, taskmodule).eval()
    (batch,) = batches(taskmodule, documents, 100)
    alone = torch.stack([model.loss(one) for one in batches(taskmodule, documents, 1)])
    torch.testing.assert_close(model.losses(batch), alone)
    batch.tag_ids[2] = -100
    assert model.losses(batch)[2] == 0 and model.losses(batch)[3] > 0


def test_sampled_tags_are_drawn_for_every_word_and_need_no_gold(encoder, documents):
    taskmodule = make_taskmodule({"target": encoder}, documents)
    model = make_model({"target": encoder}, taskmodule).eval()
    with torch.no_grad():  # so that one tag of each word is all but certain
        model.head.layers[-1].weight.mul_(1000)
    (batch,) = batches(taskmodule, documents, 100, annotated=False)
    drawn = model.sampled(batch, torch.Generator().manual_seed(0))
    expected = [[taskmodule.labels.index(tag) for tag in p.tags] for p in model.predictions(batch)]
    assert [row[:length] for row, length in zip(drawn.tag_ids.tolist(), batch.lengths, strict=True)] == expected
    assert ((drawn.tag_ids != -100).sum(1) == batch.lengths).all()
    assert drawn.gold == [None] * len(batch.gold) and batch.tag_ids.eq(-100).all(), "the batch is left alone"
