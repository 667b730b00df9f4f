"""What tiny encoders of every supported architecture are made of, and rows to feed them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from transferlab.utils.batches import EncoderInputs

TEXT = [
    "Anna Keller wrote to the harbour office because she wanted her boat back",
    "The office answered that the boat , a small one , had been sold to Ben",
    "Ben said he had paid for it and would keep it",
]
VOCABULARY = 400
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 64,
}
RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
# options of the configurations, by model type; all have 4 layers of width 16
ARCHITECTURES: dict[str, dict] = {
    "bert": SIZES,
    "roberta": SIZES,
    "xlm-roberta": SIZES,
    "camembert": SIZES,
    "mpnet": SIZES,
    "electra": SIZES | {"embedding_size": 8},
    "deberta": SIZES | RELATIVE,
    "deberta-v2": SIZES | RELATIVE,
    "longformer": SIZES | {"attention_window": [4, 4, 6, 6]},
    "distilbert": {
        "dim": 16, "n_layers": 4, "n_heads": 2, "hidden_dim": 32, "vocab_size": VOCABULARY,
        "max_position_embeddings": 64,
    },
    "modernbert": SIZES
    | {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    "xlnet": {"d_model": 16, "n_layer": 4, "n_head": 2, "d_inner": 32, "vocab_size": VOCABULARY},
    "gpt2": {
        "n_embd": 16, "n_layer": 4, "n_head": 2, "vocab_size": VOCABULARY, "n_positions": 64,
        "bos_token_id": 0, "eos_token_id": 0,
    },
    "t5": {
        "d_model": 16, "num_layers": 4, "num_decoder_layers": 2, "num_heads": 2, "d_kv": 8, "d_ff": 32,
        "vocab_size": VOCABULARY,
    },
    "bart": {
        "d_model": 16, "encoder_layers": 4, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "vocab_size": VOCABULARY,
        "max_position_embeddings": 64,
    },
    "albert": SIZES | {"embedding_size": 8},
    "llama": SIZES | {"num_key_value_heads": 2},
}  # fmt: skip


@cache  # training breaks ties by chance
def _wordpiece() -> str:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=70, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer.to_str()


def wordpiece() -> Tokenizer:
    return Tokenizer.from_str(_wordpiece())


@cache
def _byte_level() -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer.to_str()


def byte_level() -> Tokenizer:
    return Tokenizer.from_str(_byte_level())


SPECIAL_TOKENS = {
    "wordpiece": {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
    "byte_level": {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "cls": "<s>", "sep": "</s>"},
}


def save_tokenizer(
    tokenizer: Tokenizer, directory: Path, special: dict[str, str], kind: str = "PreTrainedTokenizerFast"
) -> None:
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = {f"{name}_token": token for name, token in special.items()}
    (directory / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind, **settings}))


def random_rows(rows: int = 3, subtokens: int = 9, pad_id: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of 9, 5 and 0 real subtokens: input_ids and attention_mask, each [rows, subtokens]."""
    generator = torch.Generator().manual_seed(0)
    input_ids = torch.randint(5, 60, (rows, subtokens), generator=generator)
    attention_mask = torch.ones(rows, subtokens, dtype=torch.long)
    attention_mask[1:2, 5:] = 0
    attention_mask[2:3] = 0
    return input_ids.masked_fill(attention_mask == 0, pad_id), attention_mask


def encode(tokenizer, sequences: list[list[list[str]]], units: int) -> EncoderInputs:
    """Sequences of rows of words, as taskmodules make them: the rows of a sequence continue each other."""
    rows, unit_ids, sequence_ids = [], [], []
    for s, sequence in enumerate(sequences):
        first = s * units
        for words in sequence:
            row = tokenizer(words, is_split_into_words=True)
            rows.append(row["input_ids"])
            unit_ids.append([-1 if word is None else first + word for word in row.word_ids()])
            sequence_ids.append(s)
            first += len(words)
    longest = max(map(len, rows))

    def padded(lines: list[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([line + [value] * (longest - len(line)) for line in lines])

    mask = padded([[1] * len(row) for row in rows], 0)
    return EncoderInputs(padded(rows, tokenizer.pad_token_id), mask, padded(unit_ids, -1), torch.tensor(sequence_ids))
