"""Published coreference checkpoints from random numbers, and what a model with such weights computes, plainly.

Written from names and shapes alone: nothing here knows how the head keeps its weights.

Letters: n words, h encoder width, w widest span, C candidates, K kept spans, c antecedents per span, D span width,
f feature width, G genres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers.models import WordPiece
from torch import Tensor
from torch.nn import functional
from transformers import BertConfig, BertModel

from .higher_order_reference import PlainMerging, SpanClustering, attended_antecedent, max_antecedent
from .reference import distance_bucket, greedy_without_crossing

GENRES = ["bc", "bn", "mz", "nw", "pt", "tc", "wb"]
WORDS = ["Ann", "Bob", "met", "Her", "her", "him", ".", "She", "she", "He", "saw", "The", "the", "mayor", "and", "##s"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]


@dataclass(frozen=True)
class Settings:
    """Those of the published configuration that decide on names and shapes."""

    h: int = 16
    w: int = 5
    f: int = 4
    ffnn_size: int = 9
    ffnn_depth: int = 1
    segments: int = 3
    use_features: bool = True
    use_metadata: bool = True
    use_segment_distance: bool = True
    use_width_prior: bool = True
    use_distance_prior: bool = True
    model_heads: bool = True
    higher_order: str = "attended_antecedent"
    coref_depth: int = 1
    cluster_ffnn_size: int = 7
    cluster_reduce: str = "mean"


def head_weights(settings: Settings, generator: torch.Generator) -> dict[str, Tensor]:
    """Random weights of a head, by their published names."""
    s, weights = settings, {}

    def table(name: str, rows: int) -> None:
        weights[f"{name}.weight"] = torch.randn(rows, s.f, generator=generator)

    def linear(name: str, inputs: int, outputs: int) -> None:
        weights[f"{name}.weight"] = torch.randn(outputs, inputs, generator=generator) / inputs**0.5
        weights[f"{name}.bias"] = torch.randn(outputs, generator=generator) / 2

    def network(name: str, inputs: int, hidden: int) -> None:
        for layer in range(s.ffnn_depth):
            linear(f"{name}.{3 * layer}", hidden if layer else inputs, hidden)
        linear(f"{name}.{3 * s.ffnn_depth}", hidden, 1)

    span = 3 * s.h + s.f * s.use_features
    merging = s.higher_order == "cluster_merging"
    for name, rows, used in (
        ("emb_span_width", s.w, s.use_features),
        ("emb_span_width_prior", s.w, s.use_width_prior),
        ("emb_antecedent_distance_prior", 10, s.use_distance_prior),
        ("emb_genre", len(GENRES), True),
        ("emb_same_speaker", 2, s.use_metadata),
        ("emb_segment_distance", s.segments, s.use_segment_distance),
        ("emb_top_antecedent_distance", 10, True),
        ("emb_cluster_size", 10, merging),
    ):
        if used:
            table(name, rows)
    if s.model_heads:
        linear("mention_token_attn", s.h, 1)
    network("span_emb_score_ffnn", span, s.ffnn_size)
    if s.use_width_prior:
        network("span_width_score_ffnn", s.f, s.ffnn_size)
    linear("coarse_bilinear", span, span)
    if s.use_distance_prior:
        linear("antecedent_distance_score_ffnn", s.f, 1)
    features = 2 * s.use_metadata + s.use_features + s.use_segment_distance
    network("coref_score_ffnn", 3 * span + features * s.f, s.ffnn_size)
    for name in ("span_emb_score_ffnn", "coref_score_ffnn"):  # so that there are links
        weights[f"{name}.{3 * s.ffnn_depth}.bias"] += 2
    if s.coref_depth > 1:
        linear("gate_ffnn", 2 * span, span)
    if s.higher_order == "span_clustering":
        linear("span_attn_ffnn", span, 1)
    if merging:
        network("cluster_score_ffnn", 3 * span + s.f, s.cluster_ffnn_size)
    return weights


def bert(place: Path, seed: int = 0, **config: int) -> BertModel:
    """A BERT folder as of old: config.json, vocab.txt and weights, nothing of the tokenizer's settings; the model."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertModel(BertConfig(**({"vocab_size": len(VOCABULARY), "max_position_embeddings": 64} | sizes | config)))
    model.save_pretrained(place)
    WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]").save(str(place))
    return model.eval()


def checkpoint(settings: Settings, encoder: BertModel, seed: int = 1, prefix: str = "bert.") -> dict[str, Tensor]:
    """The state dict of a published model: an encoder that was trained on, and a head."""
    generator = torch.Generator().manual_seed(seed)
    state = {f"{prefix}{name}": tensor + 0.1 * torch.randn(tensor.shape, generator=generator)
             for name, tensor in encoder.state_dict().items()}  # fmt: skip
    state[f"{prefix}embeddings.position_ids"] = torch.arange(64)[None]  # as older versions of transformers have it
    return state | head_weights(settings, generator)


@dataclass
class Scores:
    """[C] of the candidates; [K] kept spans; [K, c] antecedents and [K, 1 + c] their scores, the dummy's first."""

    mention_scores: Tensor
    starts: Tensor
    ends: Tensor
    antecedents: Tensor
    scores: Tensor


class PublishedHead:
    """Scores of words [n, h] by published weights."""

    def __init__(self, weights: Mapping[str, Tensor], settings: Settings, ratio: float, antecedents: int) -> None:
        self.weights, self.s, self.ratio, self.c = weights, settings, ratio, antecedents

    def linear(self, name: str, inputs: Tensor) -> Tensor:
        return functional.linear(inputs, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def network(self, name: str, inputs: Tensor) -> Tensor:
        for layer in range(self.s.ffnn_depth):
            inputs = self.linear(f"{name}.{3 * layer}", inputs).relu()
        return self.linear(f"{name}.{3 * self.s.ffnn_depth}", inputs).squeeze(-1)

    def table(self, name: str, indices: Tensor) -> Tensor:
        return self.weights[f"{name}.weight"][indices]

    def __call__(
        self, words: Tensor, sentence_ids: Tensor, speaker_ids: Tensor, segment_ids: Tensor, genre: str | None
    ) -> Scores:
        s, n = self.s, len(words)
        pairs = [(i, j) for i in range(n) for j in range(i, min(n, i + s.w)) if sentence_ids[i] == sentence_ids[j]]
        starts, ends = torch.tensor(pairs).T  # [C] each
        logits = self.linear("mention_token_attn", words).squeeze(-1) if s.model_heads else words.new_ones(n)
        heads = torch.stack([logits[i : j + 1].softmax(0) @ words[i : j + 1] for i, j in pairs])  # [C, h]
        width = [self.table("emb_span_width", ends - starts)] if s.use_features else []
        spans = torch.cat([words[starts], words[ends], *width, heads], dim=1)  # [C, D]
        mentions = self.network("span_emb_score_ffnn", spans)
        if s.use_width_prior:
            prior = self.network("span_width_score_ffnn", self.weights["emb_span_width_prior.weight"])  # [w]
            mentions = mentions + prior[ends - starts]

        kept = greedy_without_crossing(mentions, starts, ends, int(self.ratio * n))  # [K]
        starts, ends, x, m = starts[kept], ends[kept], spans[kept], mentions[kept]
        K = len(kept)
        offsets = torch.arange(K)[:, None] - torch.arange(K)  # [K, K]
        fast = m[:, None] + m + self.linear("coarse_bilinear", x) @ x.T + torch.log((offsets > 0).to(x))
        if s.use_distance_prior:
            prior = self.linear("antecedent_distance_score_ffnn", self.weights["emb_antecedent_distance_prior.weight"])
            fast = fast + prior.squeeze(1)[distance_bucket(offsets)]
        top, antecedents = fast.topk(min(K, self.c))  # [K, c] each
        distance = torch.arange(K)[:, None] - antecedents
        speakers, segments = speaker_ids[starts], segment_ids[starts]
        features = []
        if s.use_metadata:
            features.append(self.table("emb_same_speaker", (speakers[:, None] == speakers[antecedents]).long()))
            number = GENRES.index(genre) if genre in GENRES else 0
            features.append(self.table("emb_genre", torch.full_like(antecedents, number)))
        if s.use_segment_distance:
            far = (segments[:, None] - segments[antecedents]).clamp(0, s.segments - 1)
            features.append(self.table("emb_segment_distance", far))
        if s.use_features:
            features.append(self.table("emb_top_antecedent_distance", distance_bucket(distance)))

        def scored(x: Tensor) -> Tensor:
            left, right = x[:, None].expand(K, antecedents.shape[1], -1), x[antecedents]
            slow = self.network("coref_score_ffnn", torch.cat([left, right, left * right, *features], dim=2))
            return torch.cat([x.new_zeros(K, 1), slow + top], dim=1)  # [K, 1 + c]

        exists = distance > 0
        scores = scored(x)
        if s.higher_order == "cluster_merging":
            scores = self.merging()(x, antecedents, exists, scores)
        for _ in range(s.coref_depth - 1 if s.higher_order != "cluster_merging" else 0):
            refined = self.refined(x, antecedents, exists, scores)
            gate = self.linear("gate_ffnn", torch.cat([x, refined], dim=1)).sigmoid()
            x = gate * refined + (1 - gate) * x
            scores = scored(x)
        return Scores(mentions, starts, ends, antecedents, scores)

    def refined(self, x: Tensor, antecedents: Tensor, exists: Tensor, scores: Tensor) -> Tensor:
        if self.s.higher_order == "span_clustering":
            attention: torch.nn.Module = _Named(lambda spans: self.linear("span_attn_ffnn", spans))
            return SpanClustering(attention)(x, antecedents, exists, scores)  # type: ignore[arg-type]
        method = {"attended_antecedent": attended_antecedent, "max_antecedent": max_antecedent}[self.s.higher_order]
        return method(x, antecedents, exists, scores)

    def merging(self) -> PlainMerging:
        ffnn = _Named(lambda pair: self.network("cluster_score_ffnn", pair)[None])
        sizes = _Named(lambda bucket: self.table("emb_cluster_size", bucket))
        return PlainMerging(ffnn, sizes, self.s.cluster_reduce, easy_first=False)


class _Named(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function) -> None:
        super().__init__()
        self.forward = function
