"""Tiny models of every family of tasks with a few documents of each, in double precision."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from transferlab.data.fine_words import fine_words
from transferlab.data.readers.text_rows import text_document
from transferlab.documents import Annotations, Answer, Document, Entity, Question
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.base import TransferModel
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.coreference_model import CoreferenceModel
from transferlab.models.question_answering_model import QuestionAnsweringModel
from transferlab.models.token_classification_model import TokenClassificationModel
from transferlab.taskmodules.coreference import CoreferenceTaskModule
from transferlab.taskmodules.question_answering import QuestionAnsweringTaskModule
from transferlab.taskmodules.text_classification import TextClassificationTaskModule
from transferlab.taskmodules.token_classification import TokenClassificationTaskModule
from transferlab.transferability.task_embedding import TaskEmbedding

ALL = ("activations", "pooled", "parameters", "head")
TEXTS = [
    "ann met bob .",
    "she saw him and bob met the mayor .",
    "bob .",
    "the mayor saw ann and bob and ann met her .",
    "he met her .",
    "ann",
    "bob saw the mayor and ann .",
    "him",
]
WORDS = sorted({word for text in TEXTS for word in text.split()})
PIECES = {piece: i for i, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
BASE = {
    "vocab_size": len(PIECES),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
DISTIL = {"vocab_size": len(PIECES), "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "pad_token_id": 0}
GPT2 = {"vocab_size": len(PIECES), "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}
MODERN = {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
OPTIONS = {
    "distilbert": DISTIL,
    "gpt2": GPT2,
    "t5": {"vocab_size": len(PIECES), "d_model": 16, "num_layers": 2, "num_heads": 2, "d_kv": 8, "d_ff": 24},
    "xlnet": {"vocab_size": len(PIECES), "d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 24},
    "bart": {
        "vocab_size": len(PIECES), "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_ffn_dim": 24,
        "encoder_attention_heads": 2, "decoder_attention_heads": 2, "decoder_ffn_dim": 24, "pad_token_id": 0,
    },
    "modernbert": BASE | MODERN,
    "albert": BASE | {"embedding_size": 8},
    "longformer": BASE | {"attention_window": [4, 4]},
    "deberta-v2": BASE | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "llama": BASE | {"num_key_value_heads": 2},
}  # fmt: skip


def tiny_encoders(tmp_path_factory: pytest.TempPathFactory):
    """A function: ``encoder("roberta")`` -> the folder of a tiny one, made once; all of them read whole words."""
    made: dict[str, str] = {}

    def make(kind: str = "bert") -> str:
        if kind not in made:
            directory: Path = tmp_path_factory.mktemp(kind)
            tokenizer = Tokenizer(models.WordPiece(PIECES, unk_token="[UNK]"))
            tokenizer.normalizer = normalizers.Lowercase()
            tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
            tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
            special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
            names = ["input_ids", *(["token_type_ids"] if kind == "bert" else []), "attention_mask"]
            fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=names, **special)
            fast.save_pretrained(directory)
            torch.manual_seed(len(made))
            model = AutoModel.from_config(AutoConfig.for_model(kind, **OPTIONS.get(kind, BASE)))
            with torch.no_grad():  # fresh norms and biases are all alike, and would hide mistakes
                for parameter in model.parameters():
                    parameter.add_(0.2 * torch.randn_like(parameter))
            model.save_pretrained(directory)
            made[kind] = str(directory)
        return made[kind]

    return make


def tagged(name: str, text: str) -> Document:
    words = text.split()
    entities = [Entity(w, w, "PER") for w, word in enumerate(words) if word in ("ann", "bob")]
    return Document(name, words, [(0, len(words) - 1)], gold=Annotations(entities=entities))


def asked(name: str, text: str, question: str, answers: list[str]) -> Document:
    words, offsets = fine_words(text)
    found = [Answer(text.index(answer), answer) for answer in answers]
    gold = Annotations(questions=[Question(name, question, found)])
    return Document(name, words, [(0, len(words) - 1)], text=text, offsets=offsets, gold=gold)


def linked(name: str, sentences: list[str], clusters: list[list[tuple[int, int]]]) -> Document:
    words, spans = " ".join(sentences).split(), []
    for sentence in sentences:
        first = spans[-1][1] + 1 if spans else 0
        spans.append((first, first + len(sentence.split()) - 1))
    return Document(name, words, spans, gold=Annotations(clusters=clusters)).validate()


def classification(encoders, problem: str, labels: list, **options):
    taskmodule = TextClassificationTaskModule(load_tokenizers(encoders)[0], problem, max_length=60)
    pairs = zip(TEXTS, labels, strict=True)
    documents = [text_document(f"d{n}", text, None, label) for n, (text, label) in enumerate(pairs)]
    metric = {"multi_class": "classification"}.get(problem, problem)
    learnt = taskmodule.prepare(documents)
    return taskmodule, documents, ClassificationModel(pretrained_models=encoders, metric=metric, **learnt, **options)


def tokens(encoders, **options):
    taskmodule = TokenClassificationTaskModule(load_tokenizers(encoders)[0], max_segment_len=10, overlap=4)
    documents = [tagged(f"d{n}", text) for n, text in enumerate(TEXTS)]
    learnt = taskmodule.prepare(documents)
    return taskmodule, documents, TokenClassificationModel(pretrained_models=encoders, **learnt, **options)


def questions(encoders, **options):
    taskmodule = QuestionAnsweringTaskModule(load_tokenizers(encoders)[0], 16, 4, max_question_length=6)
    texts = [" ".join(TEXTS), TEXTS[3], TEXTS[1], " ".join(TEXTS[2:5])]
    rows = [(0, "bob met", ["ann", "mayor"]), (1, "ann", []), (2, "him", ["the mayor"]), (3, "she saw", ["her"])]
    documents = [asked(f"d{n}", texts[n], question, answers) for n, question, answers in rows]
    return taskmodule, documents, QuestionAnsweringModel(pretrained_models=encoders, **options)


def coreference(encoders, **options):
    taskmodule = CoreferenceTaskModule(load_tokenizers(encoders)[0], max_segment_len=10)
    documents = [
        linked("one", ["ann met bob .", "she saw him ."], [[(0, 0), (4, 4)], [(2, 2), (6, 6)]]),
        linked("two", ["the mayor saw ann and bob .", "he met her ."], [[(0, 1), (7, 7)], [(3, 3), (9, 9)]]),
        linked("three", ["bob .", "bob saw the mayor and ann .", "ann met him ."], [[(0, 0), (2, 2)], [(8, 8)]]),
        linked("four", ["ann saw her ."], [[(0, 0), (2, 2)]]),
    ]
    small = {"ffnn_size": 12, "feature_emb_size": 4, "max_span_width": 4, "max_top_antecedents": 5}
    return taskmodule, documents, CoreferenceModel(pretrained_models=encoders, **small, **options)


TASKS = {
    "classes": lambda encoders, **options: classification(
        encoders, "multi_class", ["yes", "no", "yes", "no", "no", "yes", "perhaps", "no"], **options
    ),
    "labels": lambda encoders, **options: classification(
        encoders, "multi_label", [["a"], ["a", "b"], [], ["b"], ["c"], ["a", "c"], ["a"], []], **options
    ),
    "values": lambda encoders, **options: classification(
        encoders, "regression", [104.0, 101.0, 105.0, 100.0, 99.5, 103.0, 104.5, 100.5], **options
    ),
    "tokens": tokens,
    "questions": questions,
    "coreference": coreference,
}


def build(path: str, task: str, **options) -> tuple:
    """A taskmodule, documents and a model in double precision: sums in another order must not hide mistakes."""
    torch.manual_seed(0)
    taskmodule, documents, model = TASKS[task]({"target": path}, **options)
    with torch.no_grad():  # heads start near 0
        for parameter in model.task_parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return taskmodule, documents, model.double().eval()


def batches(taskmodule, documents, size: int) -> list:
    examples = [example for document in documents for example in taskmodule.encode(document, annotated=True)]
    return [taskmodule.collate(examples[i : i + size], training=False) for i in range(0, len(examples), size)]


def embed(model: TransferModel, of: list, **options) -> TaskEmbedding:
    embedding = TaskEmbedding(model, **{"mode": "parity", "components": ALL, **options})
    for batch in of:
        embedding.update(batch)
    return embedding
