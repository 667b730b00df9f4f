"""The names of rows."""

from __future__ import annotations

import torch

from transferlab.utils.batches import CoreferenceBatch, CoreferenceDocument, EncoderInputs, row_keys


def inputs(rows: list[list[int]], types: list[list[int]] | None = None, width: int | None = None) -> EncoderInputs:
    width = width or max(map(len, rows))

    def padded(lines: list[list[int]]) -> torch.Tensor:
        return torch.tensor([line + [0] * (width - len(line)) for line in lines])

    ids = padded(rows)
    mask = padded([[1] * len(row) for row in rows])
    return EncoderInputs(ids, mask, ids, torch.arange(len(rows)), None if types is None else padded(types))


def test_equal_rows_have_equal_names_however_they_are_padded():
    short, wide = row_keys(inputs([[5, 6, 7], [5, 6]])), row_keys(inputs([[5, 6], [5, 6, 7]], width=9))
    assert short is not None and wide is not None
    assert short == wide[::-1] and short[0] != short[1]
    assert all(len(key) == 16 for key in short)


def test_a_token_with_the_id_of_padding_counts():
    assert row_keys(inputs([[5, 0]])) != row_keys(inputs([[5]], width=2))


def test_types_tell_pairs_apart_and_a_row_without_a_pair_is_itself_in_any_batch():
    plain = row_keys(inputs([[5, 6, 7]]))
    assert row_keys(inputs([[5, 6, 7]], [[0, 0, 0]])) == plain
    pairs = row_keys(inputs([[5, 6, 7], [5, 6, 7]], [[0, 1, 1], [0, 0, 1]]))
    assert pairs is not None and plain is not None
    assert len({*pairs, *plain}) == 3


def test_rows_of_padding_have_no_name():
    assert row_keys(inputs([[], [5]]))[0] == b""


def test_padding_before_tokens_gives_no_names():
    rows = inputs([[0, 5, 6]])
    rows.attention_mask = torch.tensor([[0, 1, 1]])
    assert row_keys(rows) is None
    rows.attention_mask = torch.tensor([[1, 0, 1]])
    assert row_keys(rows) is None


def test_batches_move_with_all_their_tensors_and_nothing_else():
    rows = EncoderInputs(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1, 2), torch.ones(1), row_keys=[b"key"])
    document = CoreferenceDocument(*(torch.ones(2) for _ in range(7)))
    batch = CoreferenceBatch(inputs={"a": rows}, documents=[document], units=2, names=["one"])
    moved = batch.to(torch.device("meta"))
    tensors = [*vars(moved.documents[0]).values(), *(v for v in vars(moved.inputs["a"]).values() if torch.is_tensor(v))]
    assert len(tensors) == 11 and all(tensor.device.type == "meta" for tensor in tensors)
    assert moved.names is batch.names and moved.inputs["a"].row_keys == [b"key"]
    assert batch.inputs["a"].input_ids.device.type == "cpu", "the batch itself stays"
    assert batch.to(torch.device("cpu")).documents[0].sentence_ids is document.sentence_ids
    from lightning_fabric.utilities.apply_func import move_data_to_device

    assert move_data_to_device(batch, torch.device("meta")).documents[0].genre_id.device.type == "meta"
