"""Candidates and the spans that are kept."""

import pytest
import torch

from transferlab.models.coreference.mentions import NOT_A_SPAN, keep_top_spans, span_widths

from .reference import greedy_without_crossing


def test_candidates_stay_inside_their_sentence():
    sentence_ids = torch.tensor([0, 0, 0, 1, 2, 2])
    assert span_widths(sentence_ids, 2).tolist() == [2, 2, 1, 1, 2, 1]
    assert span_widths(sentence_ids, 10).tolist() == [3, 2, 1, 1, 2, 1]


@pytest.mark.parametrize("seed", range(30))
def test_kept_spans_are_those_of_the_plain_search(seed):
    generator = torch.Generator().manual_seed(seed)
    n, w = 25, 6
    scores = torch.randn(n, w, generator=generator)
    starts = torch.arange(n)[:, None].expand(n, w)
    ends = starts + torch.arange(w)
    scores = scores.masked_fill(ends >= n, NOT_A_SPAN)
    real = scores != NOT_A_SPAN
    for keep in (0, 1, 8, 1000):
        got = list(zip(*(column.tolist() for column in keep_top_spans(scores, keep)), strict=True))
        kept = greedy_without_crossing(scores[real], starts[real], ends[real], keep)
        assert got == list(zip(starts[real][kept].tolist(), ends[real][kept].tolist(), strict=True))
        assert got == sorted(set(got)) and len(got) <= keep
        assert not any(s < start <= e < end for s, e in got for start, end in got)


def test_fewer_spans_than_wanted_are_not_padded():
    scores = torch.full((3, 2), NOT_A_SPAN)
    scores[1, 0] = -5.0
    starts, ends = keep_top_spans(scores, 3)
    assert (starts.tolist(), ends.tolist()) == ([1], [1])
    starts, ends = keep_top_spans(torch.zeros(0, 2), 3)
    assert starts.shape == ends.shape == (0,)
