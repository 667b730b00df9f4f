"""Encoders that say the same of every text are refused before training; those that do not are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModel

from transferlab import building
from transferlab.documents import Annotations, Document
from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.encoders.row_vectors import are_alike, check_row_vectors
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.question_answering_model import QuestionAnsweringModel
from transferlab.taskmodules.base import TaskModule
from transferlab.taskmodules.question_answering import QuestionAnsweringTaskModule
from transferlab.taskmodules.relation_extraction import RelationExtractionTaskModule
from transferlab.taskmodules.text_classification import TextClassificationTaskModule
from transferlab.taskmodules.token_classification import TokenClassificationTaskModule

from .tiny import ARCHITECTURES, TEXT

BLIND = ["gpt2", "llama"]  # with a tokenizer that puts a token in front of every row
WORDS = [Document(str(i), ["ab", "cd"], [(0, 1)], text="ab cd", gold=Annotations(label=str(i))) for i in range(2)]


@pytest.fixture(scope="module")
def with_bos(tmp_path_factory: pytest.TempPathFactory):
    """A left-to-right model whose tokenizer begins rows with <s> and ends them with nothing, or the other way round."""

    def make(model_type: str, front: bool = True) -> str:
        folder: Path = tmp_path_factory.mktemp(model_type)
        torch.manual_seed(0)
        AutoModel.from_config(AutoConfig.for_model(model_type, **ARCHITECTURES[model_type])).save_pretrained(folder)
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer = trainers.BpeTrainer(
            vocab_size=330, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
        )
        tokenizer.train_from_iterator(TEXT, trainer)
        if front:
            tokenizer.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s> $B", [("<s>", 0)])
        tokenizer.save(str(folder / "tokenizer.json"))
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        return str(folder)

    return make


def texts(path: str, alignment: str = "first") -> tuple[TaskModule, ClassificationModel]:
    encoders = {"a": path}
    taskmodule = TextClassificationTaskModule(load_tokenizers(encoders)[0], alignment=alignment)
    learned = taskmodule.prepare(WORDS)
    return taskmodule, ClassificationModel(pretrained_models=encoders, alignment=alignment, **learned)


@pytest.mark.parametrize("model_type", BLIND)
def test_the_first_token_of_a_left_to_right_model_is_refused(model_type, with_bos):
    path = with_bos(model_type)
    taskmodule, model = texts(path)
    with pytest.raises(EncoderError, match=r"encoder 'a' .*model\.alignment=first.*model\.alignment=mean, last"):
        building.check_row_vectors(model, taskmodule)
    for alignment in ("last", "mean", "max"):
        taskmodule, model = texts(path, alignment)
        building.check_row_vectors(model, taskmodule)
        batch = taskmodule.collate(
            [taskmodule.encode(d)[0] for d in (WORDS[0], Document("x", ["ef"], [(0, 0)]))], False
        )
        assert not are_alike(model.eval().encode(batch).embeddings)


def test_a_left_to_right_model_with_a_token_at_the_end_is_not(with_bos):
    taskmodule, model = texts(with_bos("gpt2", front=False))
    building.check_row_vectors(model, taskmodule)


@pytest.mark.parametrize("model_type", ["bert", "xlnet", "modernbert", "t5"])
def test_encoders_that_read_both_ways_are_not(model_type, make_model):
    taskmodule, model = texts(make_model(model_type))
    building.check_row_vectors(model, taskmodule)
    assert model.multi_encoder.training


def test_one_layer_of_fresh_weights_is_not(tmp_path, make_model):
    """The smallest difference that there is between two texts: 0.02 is the spread of fresh weights."""
    torch.manual_seed(0)
    config = AutoConfig.for_model("bert", **ARCHITECTURES["bert"] | {"num_hidden_layers": 1})
    AutoModel.from_config(config).save_pretrained(tmp_path)
    for file in Path(make_model("bert")).glob("tokenizer*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    taskmodule, model = texts(str(tmp_path))
    building.check_row_vectors(model, taskmodule)


def test_a_pooler_of_zeros_is_refused(make_model):
    taskmodule, model = texts(make_model("bert"), alignment="pooler")
    building.check_row_vectors(model, taskmodule)
    (encoder,) = model.multi_encoder.encoders.values()
    with torch.no_grad():
        encoder.stack.pooler.dense.weight.zero_()
    with pytest.raises(EncoderError, match=r"'a'.*pooler"):
        building.check_row_vectors(model, taskmodule)


@pytest.mark.parametrize("strategy", ["argument_starts", "first_token", "appended"])
def test_relations_are_refused_where_the_first_token_stands_for_them(strategy, with_bos):
    encoders = {"a": with_bos("llama")}
    taskmodule = RelationExtractionTaskModule(load_tokenizers(encoders)[0], marker_strategy=strategy, labels=["x", "y"])
    multi_encoder = MultiEncoder(encoders)
    if strategy == "first_token":
        with pytest.raises(EncoderError, match=r"'a'.*taskmodule\.marker_strategy=appended"):
            check_row_vectors(multi_encoder, taskmodule.two_rows(), taskmodule.row_remedy())
    else:
        check_row_vectors(multi_encoder, taskmodule.two_rows(), taskmodule.row_remedy())


@pytest.mark.parametrize("alignment", ["first", "mean"])
def test_no_answer_is_refused_where_it_cannot_be_told(alignment, with_bos, make_model):
    encoders = {"a": with_bos("llama")}
    taskmodule = QuestionAnsweringTaskModule(load_tokenizers(encoders)[0], 60, 8, 16)
    building.check_row_vectors(
        QuestionAnsweringModel(version=1, pretrained_models=encoders, alignment=alignment), taskmodule
    )
    with pytest.raises(EncoderError, match=r"'a'.*model\.version=1"):
        building.check_row_vectors(
            QuestionAnsweringModel(version=2, pretrained_models=encoders, alignment=alignment), taskmodule
        )
    encoders = {"a": make_model("bert")}
    taskmodule = QuestionAnsweringTaskModule(load_tokenizers(encoders)[0], 60, 8, 16)
    building.check_row_vectors(QuestionAnsweringModel(version=2, pretrained_models=encoders), taskmodule)


@pytest.mark.parametrize(("mode", "target", "refused"), [
    ("cls2token", "b", "b"), ("cls2token", "a", None), ("token2cls", "a", "b"), ("token2token", "b", None),
])  # fmt: skip
def test_attention_may_not_ask_first_tokens_that_see_nothing(mode, target, refused, with_bos, make_model):
    encoders = {"a": make_model("bert"), "b": with_bos("gpt2")}
    multi_encoder = MultiEncoder(encoders, aggregate={"type": "attention", "mode": mode, "query_idx": target})
    taskmodule = TokenClassificationTaskModule(load_tokenizers(encoders)[0])
    assert taskmodule.row_remedy() is None
    if refused is None:
        check_row_vectors(multi_encoder, taskmodule.two_rows(), None)
    else:
        with pytest.raises(EncoderError, match=rf"model\.aggregate\.mode.*encoder '{refused}'"):
            check_row_vectors(multi_encoder, taskmodule.two_rows(), None)


def test_an_encoder_that_says_the_same_of_every_word_is_refused(make_model):
    encoders = {"good": make_model("bert"), "zero": make_model("bert", seed=1)}
    multi_encoder = MultiEncoder(encoders)
    taskmodule = TokenClassificationTaskModule(load_tokenizers(encoders)[0])
    check_row_vectors(multi_encoder, taskmodule.two_rows(), None)
    with torch.no_grad():
        multi_encoder.encoders["zero"].embedding_table.zero_()
    with pytest.raises(EncoderError, match=r"encoder 'zero'.*whatever it reads"):
        check_row_vectors(multi_encoder, taskmodule.two_rows(), None)


def test_a_word_may_be_its_first_subtoken_in_any_model(with_bos):
    encoders = {"a": with_bos("gpt2")}
    taskmodule = TokenClassificationTaskModule(load_tokenizers(encoders)[0])
    check_row_vectors(MultiEncoder(encoders), taskmodule.two_rows(), taskmodule.row_remedy())
