"""Relation extraction from end to end: vectors, frozen encoders, saved models, pipelines."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from pytorch_lightning import Trainer
from tests.encoders.tiny import SPECIAL_TOKENS, byte_level, save_tokenizer, wordpiece
from torch.utils.data import DataLoader
from transformers import AutoModel, BertConfig, BertModel, RobertaConfig, RobertaModel

from transferlab.documents import Annotations, Document, Entity, Relation
from transferlab.encoders.backbone import fingerprint as fingerprint_of
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.inference import load
from transferlab.metrics.relation import tacred_scores
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.saving import save_model
from transferlab.reporting.relation_scores import relation_report
from transferlab.taskmodules.relation_extraction import RelationExtractionTaskModule
from transferlab.utils.errors import UserError

STRATEGIES = ("argument_starts", "first_token", "appended")
# [H:PERSON] starts from "head person start": tiny tokenizers know none of these words, but their letters
PEOPLE, PLACES = ("Anna", "Ben"), ("office", "harbour")


def document(name: str, text: str, head: int, tail: int, label: str) -> Document:
    words = text.split()
    entities = [
        Entity(i, i, "PERSON" if word in PEOPLE else "PLACE") for i, word in enumerate(words) if i in (head, tail)
    ]
    gold = Annotations(entities=entities, relations=[Relation((head, head), (tail, tail), label)])
    return Document(name, words, [(0, len(words) - 1)], gold=gold).validate()


@pytest.fixture
def documents() -> list[Document]:
    """Eight texts; which label holds depends on the order of the arguments, and so on the markers alone."""
    found = []
    for person, place in product(PEOPLE, PLACES):
        text = f"{person} had paid the {place}"
        found.append(document(f"{person} {place}", text, 0, 4, "pays"))
        found.append(document(f"{place} {person}", text, 4, 0, "paid_by"))
    found[-1] = document("none", "Ben said she wanted the harbour", 0, 5, "no_relation")
    return found


@pytest.fixture
def sources(tmp_path) -> dict[str, str]:
    """A BERT and a RoBERTa: two tokenizers, two widths."""
    size = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64}
    torch.manual_seed(0)
    bert = BertModel(BertConfig(vocab_size=wordpiece().get_vocab_size(), hidden_size=16, **size))
    roberta = RobertaModel(RobertaConfig(vocab_size=byte_level().get_vocab_size(), hidden_size=24, **size))
    for name, model, tokenizer, kind in (
        ("bert", bert, wordpiece(), "wordpiece"),
        ("roberta", roberta, byte_level(), "byte_level"),
    ):
        with torch.no_grad():  # larger than fresh weights, so that words make a difference
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
        model.save_pretrained(tmp_path / name)
        save_tokenizer(
            tokenizer,
            tmp_path / name,
            SPECIAL_TOKENS[kind],
            "BertTokenizer" if name == "bert" else "PreTrainedTokenizerFast",
        )
    return {"bert": str(tmp_path / "bert"), "roberta": str(tmp_path / "roberta")}


def build(
    sources: dict[str, str],
    documents: list[Document],
    strategy: str = "argument_starts",
    metric: str = "tacred",
    **options,
):
    tokenizers = load_tokenizers(sources)[0]
    taskmodule = RelationExtractionTaskModule(tokenizers, marker_strategy=strategy, max_window=64, metric=metric)
    torch.manual_seed(0)
    learned = taskmodule.prepare(documents)
    settings = {"metric": metric, "aggregate": "concat", "dropout": 0.0, "freeze_models": "all", **options}
    return taskmodule, ClassificationModel(pretrained_models=sources, **settings, **learned).eval()


def batch_of(taskmodule, documents: list[Document], training: bool = False):
    examples = [example for d in documents for example in taskmodule.encode(d, annotated=True)]
    return taskmodule.collate(examples, training)


def train(model: ClassificationModel, batch, steps: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.03, weight_decay=0.0)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(batch).backward()
        optimizer.step()


def save(model: ClassificationModel, taskmodule, sources: dict[str, str], directory) -> None:
    tokenizers, keys = load_tokenizers(sources, model.hparams["added_tokens"])
    save_model(
        model,
        directory,
        tokenizers={name: tokenizers[key] for name, key in keys.items()},
        taskmodule={
            "_target_": "transferlab.taskmodules.relation_extraction.RelationExtractionTaskModule",
            "options": taskmodule.options(),
        },
        facts={},
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_unit_vectors_are_those_of_a_plain_model_on_the_same_subtokens(strategy, sources, documents):
    taskmodule, model = build(sources, documents, strategy)
    batch = batch_of(taskmodule, documents)
    with torch.no_grad():
        found = model.encode(batch).embeddings  # [examples, units, 16 + 24]
    expected = []
    for name, tokenizer in taskmodule.tokenizers.items():
        plain = AutoModel.from_pretrained(sources[name]).eval()
        words = model.hparams["added_tokens"].values()
        vocabulary = load_tokenizers({name: sources[name]})[0][name]
        table = plain.get_input_embeddings().weight.detach().clone()
        plain.resize_token_embeddings(len(tokenizer.tokenizer), mean_resizing=False)
        with torch.no_grad():
            for row, of_token in enumerate(words, start=len(table)):
                ids = vocabulary(of_token.split(), is_split_into_words=True, add_special_tokens=False)["input_ids"]
                plain.get_input_embeddings().weight[row] = table[ids].mean(0)
        vectors = []
        for text in documents:
            (example,) = taskmodule.encode(text, annotated=True)
            ids, types = tokenizer.inputs([example.lines[name]], 2).input_ids, None
            if strategy == "appended" and name == "bert":  # RoBERTa has no types
                second = len(example.lines[name].pair[0]) + 1
                types = torch.tensor([[0] * (ids.shape[1] - second) + [1] * second])
            markers = [f"[H:{example.candidate.head.type}]", f"[T:{example.candidate.tail.type}]"]
            places = [ids[0].tolist().index(tokenizer.token_id(token)) for token in markers]
            if strategy == "first_token":
                places = [0 if name == "bert" else -1]  # this RoBERTa's tokenizer only ends rows
            with torch.no_grad():
                vectors.append(plain(input_ids=ids, token_type_ids=types).last_hidden_state[0, places])
        expected.append(torch.stack(vectors))
    torch.testing.assert_close(found, torch.cat(expected, dim=-1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_defect_13_markers_and_head_learn_over_a_frozen_encoder(strategy, sources, documents):
    """Marker tokens added to frozen encoders once kept random, untrained embeddings."""
    one = {"bert": sources["bert"]}
    taskmodule, model = build(one, documents, strategy)
    batch = batch_of(taskmodule, documents, training=True)
    learned = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[1] for name in learned} == {"added_tokens", "layers"}
    fingerprint = fingerprint_of(model.multi_encoder.encoders["bert"].stack)
    before = model.multi_encoder.added_tokens["bert"].embeddings.detach().clone()
    train(model, batch, steps=150)
    assert [prediction.label for prediction in model.predictions(batch)] == batch.gold
    assert fingerprint_of(model.multi_encoder.encoders["bert"].stack) == fingerprint
    moved = (model.multi_encoder.added_tokens["bert"].embeddings - before).abs().amax(1)  # [markers]
    by_token = dict(zip(model.hparams["added_tokens"], moved.tolist(), strict=True))
    used = [token for token, distance in by_token.items() if distance > 0]
    closing = strategy != "appended"
    assert set(used) == {token for token in by_token if ":" in token and (closing or "/" not in token)}


def test_scores_are_the_official_ones_of_the_split(sources, documents, tmp_path):
    taskmodule, model = build(sources, documents)
    train(model, batch_of(taskmodule, documents[:4]), steps=20)
    batches = [batch_of(taskmodule, documents[i : i + 3]) for i in range(0, 8, 3)]
    trainer = Trainer(logger=False, enable_progress_bar=False, default_root_dir=tmp_path, accelerator="cpu")
    (scores,) = trainer.validate(model, DataLoader(batches, batch_size=None), verbose=False)
    with torch.no_grad():
        predicted = [prediction.label for batch in batches for prediction in model.predictions(batch)]
    official = tacred_scores([label for batch in batches for label in batch.gold], predicted)
    assert {part: scores[f"val/{part}"] for part in ("precision", "recall", "f1")} == pytest.approx(
        {part: official[part] for part in ("precision", "recall", "f1")}
    )


@pytest.mark.parametrize("freeze", [["bert"], "all"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_loaded_model_finds_the_same_relations(strategy, freeze, sources, documents, tmp_path):
    taskmodule, model = build(sources, documents, strategy, freeze_models=freeze)
    train(model, batch_of(taskmodule, documents), steps=60)
    save(model, taskmodule, sources, tmp_path / "model")
    predictor = load(tmp_path / "model", device="cpu")
    found = [d.predicted.relations for d in predictor.predict_documents(documents, batch_size=3)]
    with torch.no_grad():
        expected = model.predictions(batch_of(taskmodule, documents))
    assert [[r.label for r in relations] for relations in found] == [
        [] if p.label == "no_relation" else [p.label] for p in expected
    ]
    scores = [relation.score for relations in found for relation in relations]
    assert scores == pytest.approx([p.score for p in expected if p.label != "no_relation"], abs=1e-4)
    assert any(found)


def test_relations_of_predicted_entities_and_of_raw_text(sources, documents, tmp_path):
    taskmodule, model = build(sources, documents)
    train(model, batch_of(taskmodule, documents), steps=60)
    save(model, taskmodule, sources, tmp_path / "model")
    predictor = load(tmp_path / "model", device="cpu")
    words = ["Anna", "had", "paid", "the", "office"]
    entities = [Entity(0, 0, "PERSON", 0.9), Entity(4, 4, "PLACE", 0.8)]
    tagged = Document("tagged", words, [(0, 4)], predicted=Annotations(entities=list(entities)))
    empty = Document("empty", words, [(0, 4)], predicted=Annotations(entities=[]))
    (tagged, empty) = predictor.predict_documents([tagged, empty], batch_size=8)
    assert tagged.predicted.entities == entities and empty.predicted.relations == []
    assert {(r.head, r.tail, r.label) for r in tagged.predicted.relations} == {
        ((0, 0), (4, 4), "pays"),
        ((4, 4), (0, 0), "paid_by"),
    }
    (answer,) = predictor.predict((" ".join(words), [(0, 4, "PERSON"), (18, 24, "PLACE")]))
    assert {(r.head, r.tail, r.label) for r in answer} == {("Anna", "office", "pays"), ("office", "Anna", "paid_by")}


def test_several_labels_of_a_pair_are_learnt_and_have_one_score_in_training_and_of_documents(
    sources, documents, tmp_path
):
    for text in documents[::2]:
        (relation,) = text.gold.relations
        text.gold.relations.append(replace(relation, label="owes"))
    with pytest.raises(UserError, match=r"model\.metric=multi_label"):
        build(sources, documents)
    taskmodule, model = build(sources, documents, metric="multi_label")
    assert taskmodule.labels == ["owes", "paid_by", "pays"]
    train(model, batch_of(taskmodule, documents[:5]), steps=25)
    batches = [batch_of(taskmodule, documents[i : i + 3]) for i in range(0, 8, 3)]
    trainer = Trainer(logger=False, enable_progress_bar=False, default_root_dir=tmp_path, accelerator="cpu")
    (running,) = trainer.validate(model, DataLoader(batches, batch_size=None), verbose=False)
    save(model, taskmodule, sources, tmp_path / "model")
    predicted = list(load(tmp_path / "model", device="cpu").predict_documents(documents, batch_size=3))
    found = relation_report(predicted, convention="multi_label").scores
    assert {"micro_f1": running["val/micro_f1"], "macro_f1": running["val/macro_f1"]} == pytest.approx(
        {name: found[name] for name in ("micro_f1", "macro_f1")}
    )
    assert found["micro_f1"] > 0.5
    assert {"owes", "pays"} <= {relation.label for relation in predicted[0].predicted.relations}
