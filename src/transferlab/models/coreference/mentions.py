"""Mention scores of all candidate spans, and the spans that are kept.

Letters: n words, w widest span, h encoder width, H hidden width of the scorer, f feature width, K kept spans;
B starts in a block, b widest span in that block.

A span (s, e) is represented by g = [x_s; x_e; width embedding; sum_t softmax(a·x_t) x_t over its words]
(Lee et al. 2017, https://aclanthology.org/D17-1018) and scored by a feed-forward network on g. Because its first layer
is linear, the words are projected once, W g = W_s x_s + W_e x_e + W_u u + sum_t p_t (W_h x_t), and g itself is only
built for the kept spans. Spans live on a grid [n, w]: row = first word, column = width - 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from transferlab.models.coreference.feedforward import full_precision, hidden_layers
from transferlab.models.dropout import Dropout

NOT_A_SPAN = float("-inf")
STARTS_PER_BLOCK = 32  # candidates of so many first words are scored at once: about five hundred
SIZE_MULTIPLE = 64  # of the number of spans in a block
KEPT_ACTIVATIONS = 2**24  # the most activations of hidden layers that are kept for the backward pass


def span_widths(sentence_ids: Tensor, max_width: int) -> Tensor:
    """For each word, the width of the widest candidate starting there: candidates stay inside their sentence.

    Args:
        sentence_ids: [n], non-decreasing.

    Returns:
        [n] int64 between 1 and ``max_width``.
    """
    n = len(sentence_ids)
    positions = torch.arange(n, device=sentence_ids.device)
    ends = torch.searchsorted(sentence_ids, sentence_ids, right=True)  # [n], one past the sentence's last word
    return (ends - positions).clamp(max=max_width)


class MentionScorer(nn.Module):
    """Scores every candidate span; builds the representation of chosen ones.

    Args:
        hidden_size: h, the width of a word's representation.
        max_span_width: w, in words.
        ffnn_size: H, hidden width of the scorers.
        ffnn_depth: number of hidden layers.
        feature_emb_size: f, width of the embedding of a span's width.
        model_heads: whether the attended head word is part of a span.
        use_features: whether the width is part of a span.
        use_width_prior: whether a score of the width alone is added.
        dropout: on features and hidden layers.
    """

    def __init__(
        self,
        hidden_size: int,
        max_span_width: int,
        ffnn_size: int,
        ffnn_depth: int,
        feature_emb_size: int,
        model_heads: bool,
        use_features: bool,
        use_width_prior: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.max_span_width = max_span_width
        self.span_size = hidden_size * (3 if model_heads else 2) + feature_emb_size * use_features
        self.head_attention = nn.Linear(hidden_size, 1) if model_heads else None
        self.width_embedding = nn.Embedding(max_span_width, feature_emb_size) if use_features else None
        # the first layer of the scorer, cut along its input: [start | end | width | head]
        self.from_start = nn.Linear(hidden_size, ffnn_size)
        self.from_end = nn.Linear(hidden_size, ffnn_size, bias=False)
        self.from_width = nn.Linear(feature_emb_size, ffnn_size, bias=False) if use_features else None
        self.from_head = nn.Linear(hidden_size, ffnn_size, bias=False) if model_heads else None
        self.score = hidden_layers(ffnn_size, ffnn_depth, dropout)
        self.width_prior = (
            nn.Sequential(
                nn.Embedding(max_span_width, feature_emb_size),
                nn.Linear(feature_emb_size, ffnn_size),
                hidden_layers(ffnn_size, ffnn_depth, dropout),
            )
            if use_width_prior
            else None
        )
        self.dropout = Dropout(dropout)

    def forward(self, words: Tensor, sentence_ids: Tensor) -> Tensor:
        """Mention scores of all candidates.

        Args:
            words: [n, h] representations.
            sentence_ids: [n] int64, non-decreasing.

        Returns:
            [n, w] fp32, ``-inf`` where there is no candidate.
        """
        n, w = len(words), self.max_span_width
        if n == 0:
            return full_precision(words.new_empty(0, w))
        widths = span_widths(sentence_ids, w)  # [n]
        real = torch.arange(w, device=words.device) < widths[:, None]  # [n, w]
        cells, sizes = _cells_of_blocks(real)
        starts, offsets = cells // w, cells % w  # [C] each

        # Padded so that every block of B starts has a window of T = B + w - 1 words, the furthest its spans can reach.
        padded = functional.pad(words, (0, 0, 0, len(sizes) * STARTS_PER_BLOCK + w - 1 - n))
        factors = self._factors(padded, starts, offsets).split(sizes)  # blocks x [P, B + T + f + T]
        from_start = self.from_start(padded[: 1 - w or None]).split(STARTS_PER_BLOCK)  # blocks x [B, H]
        from_end = _windows(self.from_end(padded), w).unbind()  # blocks x [T, H]
        from_head = [None] * len(sizes) if self.from_head is None else _windows(self.from_head(padded), w).unbind()
        blocks = zip(factors, from_start, from_end, from_head, strict=True)
        if not torch.is_grad_enabled() or len(starts) * self.from_start.out_features <= KEPT_ACTIVATIONS:
            values = [self._score_block(*block) for block in blocks]
        else:  # made anew in the backward pass, which costs a tenth of a step
            values = [checkpoint(self._score_block, *block, use_reentrant=False) for block in blocks]
        grid = values[0].new_zeros(len(sizes) * STARTS_PER_BLOCK * w)
        scores = grid.index_put((cells,), torch.cat(values)).view(-1, w)[:n].masked_fill(~real, NOT_A_SPAN)
        if self.width_prior is not None:
            scores = scores + full_precision(self.width_prior(torch.arange(w, device=words.device)).squeeze(-1))
        return scores

    def _factors(self, words: Tensor, starts: Tensor, offsets: Tensor) -> Tensor:
        """How much of every row of its block's table is in a span, see ``_score_block``.

        Returns:
            [C, B + T + f + T]: one at the start, one at the end, width features, weights of the head attention.
        """
        B = STARTS_PER_BLOCK
        positions = torch.arange(B + self.max_span_width - 1, device=words.device)  # [T], in the window
        first = starts % B  # [C]
        last = first + offsets  # [C]
        picks = [first[:, None] == positions[:B], last[:, None] == positions]  # [C, B], [C, T]
        factors = [pick.to(words.dtype) for pick in picks]
        if self.width_embedding is not None:
            factors.append(self.dropout(self.width_embedding(offsets)))  # [C, f]
        logits = self.head_logits(words)
        if logits is not None:
            factors.append(span_attention(_windows(logits, self.max_span_width)[starts // B], first, last))  # [C, T]
        return torch.cat(factors, dim=1)

    def _score_block(self, factors: Tensor, from_start: Tensor, from_end: Tensor, from_head: Tensor | None) -> Tensor:
        """Scores [P] fp32 of the spans of a block of starts.

        One product makes their first layer: it picks the projected start and end, projects the width features, and
        averages the projected words by the head attention.

        Args:
            factors: [P, B + T + f + T].
            from_start: [B, H].
            from_end, from_head: [T, H].
        """
        table = [from_start, from_end]
        if self.from_width is not None:
            table.append(self.from_width.weight.T.to(from_end.dtype))
        if from_head is not None:
            table.append(from_head)
        hidden = factors.to(from_end.dtype) @ torch.cat(table)  # [P, H]
        return full_precision(self.score(hidden).squeeze(-1))

    def head_logits(self, words: Tensor) -> Tensor | None:
        """a·x_t of every word, [n] fp32, or None without head attention."""
        if self.head_attention is None:
            return None
        return full_precision(self.head_attention(words).squeeze(-1))

    def spans(self, words: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
        """The representation g of the spans with first words ``starts`` and last words ``ends``, [K, D]."""
        parts = [words[starts], words[ends]]  # [K, h] each
        if self.width_embedding is not None:
            parts.append(self.dropout(self.width_embedding(ends - starts)))  # [K, f]
        logits = self.head_logits(words)
        if logits is not None:
            parts.append(span_attention(logits, starts, ends).to(words.dtype) @ words)  # [K, h]
        return torch.cat(parts, dim=-1)


def span_attention(logits: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """Head attention: a softmax over the words of each span.

    Args:
        logits: [T] of the words, or [P, T] when each span has its own window of words.
        starts, ends: [P] int64, first and last word of each span among the T.

    Returns:
        [P, T], 0 outside the span.
    """
    positions = torch.arange(logits.shape[-1], device=logits.device)
    inside = (starts[:, None] <= positions) & (positions <= ends[:, None])  # [P, T]
    return torch.where(inside, logits, float("-inf")).softmax(-1)


def _cells_of_blocks(real: Tensor) -> tuple[Tensor, list[int]]:
    """Which cells of the grid of spans are scored: all candidates, and in each block a few that are none.

    These bring the size of a block to a multiple, because in bf16 a processor compiles every new size of product.

    Args:
        real: [n, w] bool, the candidates.

    Returns:
        [C] int64, flat indices into the grid, block by block, and how many of them are in each block.
    """
    w = real.shape[1]
    padded = functional.pad(real, (0, 0, 0, -len(real) % STARTS_PER_BLOCK)).view(-1, STARTS_PER_BLOCK * w)
    counts = padded.sum(1, keepdim=True)
    sizes = (-(-counts // SIZE_MULTIPLE) * SIZE_MULTIPLE).clamp(max=padded.shape[1])  # [blocks, 1]
    order = padded.to(torch.uint8).argsort(dim=1, descending=True, stable=True)  # candidates first
    order += torch.arange(0, padded.numel(), padded.shape[1], device=real.device)[:, None]
    chosen = torch.arange(padded.shape[1], device=real.device) < sizes
    return order[chosen], sizes.flatten().tolist()


def _windows(values: Tensor, max_width: int) -> Tensor:
    """The words that the spans of each block can reach, views [blocks, T, ...] of values [blocks * B + w - 1, ...]."""
    return values.unfold(0, STARTS_PER_BLOCK + max_width - 1, STARTS_PER_BLOCK).movedim(-1, 1)


def keep_top_spans(scores: Tensor, keep: int) -> tuple[Tensor, Tensor]:
    """The best spans that do not cross each other, greedily by score.

    Two spans cross when they overlap and neither contains the other. Fewer than ``keep`` are returned when there are
    no more; none is repeated. The search runs on the host after a single transfer: it is a matter of milliseconds.

    Args:
        scores: [n, w], ``-inf`` where there is no span.
        keep: K, the most spans wanted.

    Returns:
        starts and ends, [K] int64 each, ordered by (start, end).
    """
    n, w = scores.shape
    flat = scores.detach().flatten()
    count = int((flat != NOT_A_SPAN).sum())
    order = torch.sort(flat, descending=True, stable=True).indices[:count].tolist()
    furthest_end = [-1] * n  # of the kept spans that start at this word
    earliest_start = [n] * n  # of the kept spans that end at this word
    kept: list[tuple[int, int]] = []
    for cell in order:
        if len(kept) == keep:
            break
        start, width = divmod(cell, w)
        end = start + width
        if any(furthest_end[t] > end for t in range(start + 1, end + 1)):
            continue
        if any(earliest_start[t] < start for t in range(start, end)):
            continue
        kept.append((start, end))
        furthest_end[start] = max(furthest_end[start], end)
        earliest_start[end] = min(earliest_start[end], start)
    kept.sort()
    spans = torch.tensor(kept, dtype=torch.long, device=scores.device).reshape(-1, 2)
    return spans[:, 0], spans[:, 1]
