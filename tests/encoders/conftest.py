"""Tiny pretrained encoders, made on the spot and shared by the tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from transformers import AutoConfig, AutoModel

from .tiny import ARCHITECTURES, SPECIAL_TOKENS, byte_level, save_tokenizer, wordpiece

MakeModel = Callable[..., str]


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """``make_model("bert", seed=1, hidden_size=24)`` -> the folder of such a model, made once."""
    made: dict[str, str] = {}

    def make(model_type: str = "bert", tokenizer: str = "wordpiece", seed: int = 0, **options: object) -> str:
        key = json.dumps([model_type, tokenizer, seed, options], sort_keys=True)
        if key not in made:
            torch.manual_seed(seed)
            model = AutoModel.from_config(AutoConfig.for_model(model_type, **{**ARCHITECTURES[model_type], **options}))
            with torch.no_grad():  # fresh norms and biases are all alike, and would hide mistakes
                for parameter in model.parameters():
                    parameter.add_(0.1 * torch.randn_like(parameter))
            directory = tmp_path_factory.mktemp(model_type)
            model.save_pretrained(directory)
            make_tokenizer = {"wordpiece": wordpiece, "byte_level": byte_level}[tokenizer]
            save_tokenizer(make_tokenizer(), directory, SPECIAL_TOKENS[tokenizer])
            made[key] = str(directory)
        return made[key]

    return make
