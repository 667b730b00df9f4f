"""The published set-up: two frozen encoders under attention and the full head, one training step and one evaluation.

Beside clock and memory it says how near the pair scorer, where the arithmetic is, comes to what the processor can do:
its floating-point operations per second as a share of those of a large matrix product in the same precision.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from formulations import FORMULATIONS, MODES, PRECISIONS, autocast, make_head, make_optimizer
from measuring import Measuring, Values, measured
from results import Section, table
from texts import document_of, litbank_directory

TITLE = "two frozen encoders and the full head, a step of training and of evaluation"

FULL = {"words": 2300, "bert": {}, "product": 3072, "head": {"ffnn_size": 3000, "max_span_width": 30}}
SMALL_BERT = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
SMALL = {"words": 150, "bert": SMALL_BERT, "product": 256, "head": {"ffnn_size": 64, "max_span_width": 8}}
DROPOUT = 0.3
SHARE = 0.6  # of the ceiling, wanted
NATIVE_BF16 = ("avx512_bf16", "amx_bf16")  # flags of processors that multiply bf16 themselves


def run(measuring: Measuring) -> Section:
    """Both formulations, in both precisions."""
    sizes = SMALL if measuring.quick else FULL
    steps = [(mode, precision) for precision in PRECISIONS for mode in MODES]
    if measuring.quick:
        steps = [("training", "bf16")]
    found = {}
    for mode, precision in steps:
        arguments = {"mode": mode, "precision": precision, "sizes": sizes}
        jobs = {f"{f} {mode} {precision}": arguments | {"formulation": f} for f in FORMULATIONS}
        found[mode, precision] = dict(
            zip(FORMULATIONS, measuring.take_turns("published.measure", jobs).values(), strict=True)
        )
    text = [introduction(sizes), steps_table(found), ceiling_table(found)]
    if len(found) > 1:
        text.append(aims(found))
    return Section("\n\n".join(text))


def measure(formulation: str, mode: str, precision: str, sizes: Values) -> Values:
    """One step in this process, then its parts once more: the encoders, the pair scorer, a plain product."""
    import torch

    torch.manual_seed(0)
    with published_model(formulation, mode, sizes) as (model, batch):
        optimizer = make_optimizer(model, mode)
        training = mode == "training"
        values: Values = {}
        with torch.no_grad(), autocast(precision):  # imports on first use, and kernels
            model.multi_encoder(batch.inputs, sequences=1, units=batch.units)
        ceiling = product_speed(sizes["product"], precision) if formulation == "ours" else 0.0
        captured: list[Any] = []
        if formulation == "ours":
            model.head.pair_scorer.register_forward_pre_hook(lambda _, inputs: captured.append(inputs))
        with measured() as total, torch.set_grad_enabled(training), autocast(precision):
            started = time.perf_counter()
            words = model.multi_encoder(batch.inputs, sequences=1, units=batch.units).embeddings[0]
            values["encoders"] = time.perf_counter() - started
            output = model.head(words, batch.documents[0])
            loss = output.loss if formulation == "plain" else model.head.loss(output, batch.documents[0])
            if optimizer is not None:
                loss.backward()
                optimizer.step()
        values = total | values | {"loss": loss.item()}
        if formulation == "ours":
            del output, loss
            ceiling = max(ceiling, product_speed(sizes["product"], precision))
            speed = pair_scorer_speed(model.head.pair_scorer, captured[0], training, precision)
            values |= {"pairs": speed, "ceiling": ceiling}
    return values


@contextmanager
def published_model(formulation: str, mode: str, sizes: Values) -> Iterator[tuple[Any, Any]]:
    """The model and a batch of one document; the encoders have their architectures and random weights."""
    import torch
    from transformers import BertConfig

    from transferlab.encoders.sources import resolve
    from transferlab.encoders.tokenizers import load_tokenizers
    from transferlab.models.coreference_model import CoreferenceModel
    from transferlab.taskmodules.coreference import CoreferenceTaskModule

    with tempfile.TemporaryDirectory() as folder:
        for file in Path(resolve("minilm")).glob("*token*"):
            (Path(folder) / file.name).symlink_to(file)
        (Path(folder) / "config.json").write_text(json.dumps(BertConfig(**sizes["bert"]).to_dict()))
        encoders = {"bert": folder, "minilm": "minilm"}
        taskmodule = CoreferenceTaskModule(load_tokenizers(encoders)[0])
        model = CoreferenceModel(
            pretrained_models=encoders,
            freeze_models="all",
            aggregate="attention",
            max_rows_per_pass=32,
            load_weights=False,
            **sizes["head"] | {"ffnn_size": 8},  # only its encoders are used
        )
    batch = taskmodule.collate(taskmodule.encode(document_of(sizes["words"])), training=False)
    model.head = make_head(formulation, mode, model.multi_encoder.hidden_size, DROPOUT, **sizes["head"])
    model.train(mode == "training")
    assert not any(p.requires_grad for p in model.multi_encoder.encoders.parameters())
    torch.manual_seed(1)
    yield model, batch


def product_speed(size: int, precision: str) -> float:
    """Floating-point operations per second of a large matrix product, the best of several."""
    import torch

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = torch.randn(size, size, dtype=dtype), torch.randn(size, size, dtype=dtype)
    best = float("inf")
    for _ in range(6):
        started = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def pair_scorer_speed(scorer: Any, inputs: tuple[Any, ...], training: bool, precision: str) -> float:
    """Floating-point operations per second of our pair scorer alone, on what it was given in the step.

    Counted are the products with its first layer: of P pairs, of K spans twice, and of the features of pairs; as many
    again for each of the two gradients of a product.
    """
    import torch

    spans, antecedents, *rest = inputs
    spans = spans.detach().requires_grad_(training)
    antecedents.coarse_scores = antecedents.coarse_scores.detach()
    pairs, (kept, width), hidden = int(antecedents.exists.sum()), spans.shape, scorer.from_span.out_features
    features = scorer.from_features.in_features if scorer.from_features is not None else 0
    operations = 2 * hidden * (pairs * (width + features) + 2 * kept * width) * (3 if training else 1)
    best = float("inf")
    for _ in range(2):
        started = time.perf_counter()
        with torch.set_grad_enabled(training), autocast(precision):
            scores = scorer(spans, antecedents, *rest)
        if training:
            scores.sum().backward()
        best = min(best, time.perf_counter() - started)
    return operations / best


def introduction(sizes: Values) -> str:
    """What was measured."""
    source = "LitBank" if litbank_directory() else "the embedded sample (LitBank is not here: LITBANK_DIR names it)"
    head = sizes["head"]
    return (
        f"One document of {sizes['words']} words of {source}; encoders of BERT-base's and minilm's architecture with "
        f"random weights, both frozen and both computed in every step (no stored features), attention over them, "
        f"hidden size 768; spans of up to {head['max_span_width']} words, ffnn {head['ffnn_size']}, 0.4 kept spans for "
        f"each word, 50 antecedents; training with dropout {DROPOUT} and AdamW. The encoders' seconds "
        f"are part of both formulations' steps, and equal in them. bf16 is autocast."
    )


def steps_table(found: dict[tuple[str, str], dict[str, Values]]) -> str:
    """Seconds and GiB of the steps."""
    rows: list[list[str | float]] = []
    for (mode, precision), pair in found.items():
        plain, ours = pair["plain"], pair["ours"]
        ratio, share = f"{plain['seconds'] / ours['seconds']:.2f}", f"{ours['peak'] / plain['peak']:.0%}"
        seconds = [ours["encoders"], plain["seconds"], ours["seconds"], ratio]
        rows.append([f"{mode} {precision}", *seconds, plain["peak"] / 1024, ours["peak"] / 1024, share])
    return table("step | encoders s | plain s | ours s | ratio | plain GiB | ours GiB | share", rows)


def ceiling_table(found: dict[tuple[str, str], dict[str, Values]]) -> str:
    """How much of the processor our pair scorer uses."""
    rows: list[list[str | float]] = []
    for (mode, precision), pair in found.items():
        ours = pair["ours"]
        share = f"{ours['pairs'] / ours['ceiling']:.0%}"
        rows.append([f"{mode} {precision}", ours["ceiling"] / 1e9, ours["pairs"] / 1e9, share])
    return (
        "Our pair scorer against the largest matrix product per second in the same process; GFLOP/s of products only "
        f"(P·D·H forward, three times that in training). Aim: {SHARE:.0%}.\n\n"
        + table("step | product GFLOP/s | pair scorer GFLOP/s | share", rows)
    )


def aims(found: dict[tuple[str, str], dict[str, Values]]) -> str:
    """Ours in bf16 against the plain formulation in fp32, and what is wanted of it."""
    lines = []
    for mode in MODES:
        plain, ours = found[mode, "fp32"]["plain"], found[mode, "bf16"]["ours"]
        ratio, shares = plain["seconds"] / ours["seconds"], [ours[key] / plain[key] for key in ("peak", "growth")]
        lines.append(f"{mode} {ratio:.1f} times faster at {shares[0]:.0%} of the memory, {shares[1]:.0%} of its growth")
    cpuinfo = Path("/proc/cpuinfo")
    native = cpuinfo.is_file() and any(flag in cpuinfo.read_text() for flag in NATIVE_BF16)
    wanted = "aim: 10 times, 20 %" if native else "no aim: this processor does not multiply bf16 natively"
    return f"Ours in bf16 against plain in fp32: {'; '.join(lines)} ({wanted})."
