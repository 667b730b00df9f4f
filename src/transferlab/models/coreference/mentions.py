"""Mention scores of all candidate spans, and the spans that are kept.

Letters: n words, w widest span, h encoder width, H hidden width of the scorer, f feature width, K kept spans;
B starts in a block, b widest span in that block.

A span (s, e) is represented by g = [x_s; x_e; width embedding; sum_t softmax(a·x_t) x_t over its words]
(Lee et al. 2017, https://aclanthology.org/D17-1018) and scored by a feed-forward network on g. Because its first layer
is linear, the words are projected once, W g = W_s x_s + W_e x_e + W_u u + sum_t p_t (W_h x_t), and g itself is only ever
built for the kept spans. Spans live on a grid [n, w]: row = first word, column = width - 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

NOT_A_SPAN = float("-inf")
CELLS_PER_BLOCK = 4096  # spans scored at once: large enough for the matrix product, small enough to stay in cache


def hidden_layers(width: int, depth: int, dropout: float) -> nn.Sequential:
    """The layers of a scorer after its first linear map: activation, further hidden layers, the score."""
    layers: list[nn.Module] = [nn.ReLU(), nn.Dropout(dropout)]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(width, 1))


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
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor, sentence_ids: Tensor) -> Tensor:
        """Mention scores of all candidates.

        Args:
            words: [n, h] representations.
            sentence_ids: [n] int64, non-decreasing.

        Returns:
            [n, w] fp32, ``-inf`` where there is no candidate.
        """
        n, w = len(words), self.max_span_width
        scores = words.new_full((n * w,), NOT_A_SPAN, dtype=torch.float32)
        if n == 0:
            return scores.view(n, w)
        starts = self.from_start(words)  # [n, H]
        ends = self.from_end(words)  # [n, H]
        heads = self.from_head(words) if self.from_head is not None else None  # [n, H]
        logits = self.head_logits(words)  # [n] or None

        widths = span_widths(sentence_ids, w)  # [n]
        # Starts with equally many candidates share a block, so that little of a block is not a span.
        order = widths.argsort(descending=True, stable=True)
        cells, values = [], []
        for block, b in _blocks(widths[order].tolist()):
            rows = order[block]  # [B]
            offsets = torch.arange(b, device=words.device)
            real = offsets < widths[rows, None]  # [B, b]
            arguments = (rows, offsets, starts, ends, heads, logits)
            if self.training and torch.is_grad_enabled():
                block_scores = checkpoint(self._score_block, *arguments, use_reentrant=False)
            else:
                block_scores = self._score_block(*arguments)
            cells.append((rows[:, None] * w + offsets)[real])
            values.append(block_scores[real])
        scores = scores.index_put((torch.cat(cells),), torch.cat(values)).view(n, w)
        if self.width_prior is not None:
            scores = scores + self.width_prior(torch.arange(w, device=words.device)).squeeze(-1).float()
        return scores

    def _score_block(
        self, rows: Tensor, offsets: Tensor, starts: Tensor, ends: Tensor, heads: Tensor | None, logits: Tensor | None
    ) -> Tensor:
        """Scores [B, b] fp32 of the spans that start at ``rows`` [B] and end ``offsets`` [b] words later."""
        words_of = (rows[:, None] + offsets).clamp(max=len(starts) - 1)  # [B, b]
        hidden = functional.embedding(words_of, ends) + starts[rows, None]  # [B, b, H]
        if self.from_width is not None:
            hidden = hidden + self.from_width(self._width_features(offsets, len(rows)))
        if heads is not None and logits is not None:
            attention = span_attention(logits[words_of]).to(heads.dtype)  # [B, b, b]
            hidden = torch.baddbmm(hidden, attention, functional.embedding(words_of, heads))
        return self.score(hidden).squeeze(-1).float()

    def _width_features(self, offsets: Tensor, rows: int) -> Tensor:
        """Width embeddings, [b, f], or [B, b, f] in training so that every span draws its own dropout."""
        assert self.width_embedding is not None
        return self.dropout(self.width_embedding(offsets.expand(rows, -1) if self.training else offsets))

    def head_logits(self, words: Tensor) -> Tensor | None:
        """a·x_t of every word, [n] fp32, or None without head attention."""
        return self.head_attention(words).squeeze(-1).float() if self.head_attention is not None else None

    def spans(self, words: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
        """The representation g of the spans with first words ``starts`` and last words ``ends``, [K, D]."""
        parts = [words[starts], words[ends]]  # [K, h] each
        if self.width_embedding is not None:
            parts.append(self.dropout(self.width_embedding(ends - starts)).to(words.dtype))  # [K, f]
        logits = self.head_logits(words)
        if logits is not None:
            offsets = torch.arange(self.max_span_width, device=words.device)
            words_of = (starts[:, None] + offsets).clamp(max=len(words) - 1)  # [K, w]
            outside = offsets > (ends - starts)[:, None]  # [K, w]
            weights = logits[words_of].masked_fill(outside, float("-inf")).softmax(-1).to(words.dtype)  # [K, w]
            parts.append(torch.einsum("kw,kwh->kh", weights, functional.embedding(words_of, words)))
        return torch.cat(parts, dim=-1)


def span_attention(logits: Tensor) -> Tensor:
    """Head attention of the spans that share a start, for every width.

    Args:
        logits: [B, b], those of the b words from the start on.

    Returns:
        [B, b, b]: row d holds the weights of a span of d + 1 words, which are 0 beyond its end.
    """
    b = logits.shape[-1]
    beyond = torch.ones(b, b, dtype=torch.bool, device=logits.device).triu(1)
    return logits[:, None, :].expand(-1, b, -1).masked_fill(beyond, float("-inf")).softmax(-1)


def _blocks(widths: list[int]) -> list[tuple[slice, int]]:
    """Consecutive blocks of starts, whose widths come in descending order, each with its widest span."""
    blocks, position = [], 0
    while position < len(widths):
        size = max(1, CELLS_PER_BLOCK // widths[position])
        blocks.append((slice(position, position + size), widths[position]))
        position += size
    return blocks


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
