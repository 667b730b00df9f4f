"""The tokenizers of the encoders, each distinct one once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tokenizers import Tokenizer, normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from transferlab.encoders.source_files import EncoderError, check_config, check_tokenizer_config, says_case
from transferlab.encoders.sources import loading, resolve

_CAPITAL = re.compile(r"(##)?[A-Z]")


def load_tokenizers(
    pretrained_models: Mapping[str, str], added_tokens: Iterable[str] = ()
) -> tuple[dict[str, PreTrainedTokenizerBase], dict[str, str]]:
    """Load the tokenizers of the encoders, ready for text in words (``is_split_into_words=True``).

    Byte-level tokenizers are made to see a space before every word: without it a word would be read as the
    continuation of the one before. A tokenizer without a padding token pads with its end-of-text token.

    Args:
        pretrained_models: {encoder id: source}, as ``model.pretrained_models``.
        added_tokens: strings that become one token each in all of them, where they are not known already.

    Returns:
        {tokenizer key: tokenizer} and {encoder id: tokenizer key}. Encoders whose tokenizers are the same
        to the byte (vocabulary, rules, special tokens, padding side, maximum length) share one; its key is
        the first one's id.

    Raises:
        EncoderError: a tokenizer cannot be loaded, or cannot tell which word a subtoken comes from.
    """
    by_source: dict[str, tuple[str, PreTrainedTokenizerBase]] = {}
    tokenizers: dict[str, PreTrainedTokenizerBase] = {}
    key_of_content: dict[str, str] = {}
    keys: dict[str, str] = {}
    for encoder_id, name in pretrained_models.items():
        source = resolve(name)
        if source not in by_source:
            tokenizer = _load(encoder_id, source)
            by_source[source] = _content(tokenizer), tokenizer
        content, tokenizer = by_source[source]
        keys[encoder_id] = key_of_content.setdefault(content, encoder_id)
        tokenizers.setdefault(keys[encoder_id], tokenizer)
    for tokenizer in tokenizers.values():
        tokenizer.add_tokens(list(added_tokens), special_tokens=True)
    return tokenizers, keys


def _load(encoder_id: str, source: str) -> PreTrainedTokenizerBase:
    with loading(encoder_id, source):
        check_config(encoder_id, source)
        check_tokenizer_config(encoder_id, source)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        if _loses_case(tokenizer, source):
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, do_lower_case=False)
        tokenizer.init_kwargs.pop("auto_map", None)  # else a model that is saved with it would name that code, too
    # transformers makes an empty tokenizer where it finds no files of one
    if not set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens):
        raise EncoderError(
            f"encoder {encoder_id!r} (model.pretrained_models.{encoder_id}): {source!r} has no tokenizer; "
            f"copy the tokenizer files of the model it was made from into it"
        )
    if not tokenizer.is_fast:
        raise EncoderError(
            f"encoder {encoder_id!r}: {source!r} has no fast tokenizer (tokenizer.json), and only such a one "
            f"tells the word of each subtoken; choose another checkpoint of its kind that has one"
        )
    _put_space_before_words(tokenizer.backend_tokenizer)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token is None:
        raise EncoderError(f"encoder {encoder_id!r}: the tokenizer of {source!r} has no token to pad with")
    return tokenizer


def _loses_case(tokenizer: PreTrainedTokenizerBase, source: str) -> bool:
    """Whether text would be lower-cased for a vocabulary with upper case, because nothing but the default says so.

    So it is with a folder of old, which holds a ``vocab.txt`` alone: transformers takes such a BERT for an uncased one.
    """
    if not tokenizer.init_kwargs.get("do_lower_case") or says_case(source):
        return False
    upper = [token for token in tokenizer.get_vocab() if _CAPITAL.match(token)]
    return len(upper) > len(tokenizer.get_vocab()) / 100


def _put_space_before_words(backend: Tokenizer) -> None:
    state = json.loads(backend.to_str())
    steps = _steps(state["pre_tokenizer"], "pretokenizers")
    if not any(step.get("type") == "ByteLevel" and not step["add_prefix_space"] for step in steps):
        return
    if len(steps) == 1:
        backend.pre_tokenizer.add_prefix_space = True
    elif {"type": "Prepend", "prepend": " "} not in _steps(state["normalizer"], "normalizers")[:1]:
        # text is split before bytes are mapped, so the space must be there before; a tokenizer that was saved
        # after this has it
        before = [] if backend.normalizer is None else [backend.normalizer]
        backend.normalizer = normalizers.Sequence([normalizers.Prepend(" "), *before])


def _steps(state: dict[str, Any] | None, key: str) -> list[dict[str, Any]]:
    """The steps of a pre-tokenizer or normalizer, of which there may be none, one or a sequence."""
    return [] if state is None else state.get(key, [state])


def _content(tokenizer: PreTrainedTokenizerBase) -> str:
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    settings = [special, tokenizer.padding_side, tokenizer.model_max_length]
    described = json.dumps(settings, sort_keys=True) + tokenizer.backend_tokenizer.to_str()
    return hashlib.sha256(described.encode()).hexdigest()
