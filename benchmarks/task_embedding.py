"""Task embeddings with per-example gradients: hooks on one backward pass against a loop over batches of one."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING

from measuring import Measuring, Values
from results import Section, table

if TYPE_CHECKING:
    from transferlab.models.base import TransferModel

TITLE = "task embeddings with exact per-example gradients, hooks against batches of one"

KINDS = {"activations": ["activations", "pooled"], "parameters": ["activations", "pooled", "encoder.*"]}
BATCH_SIZE = 32
AT_LEAST = 2  # times as fast, activations alone against the loop that computes all components


def run(measuring: Measuring) -> Section:
    """Activations alone, and the parameters of all blocks with them."""
    rows, broken, seconds = [], [], {}
    with tempfile.TemporaryDirectory() as folder:
        measuring.once("fitting.make_encoders", folder=folder, count=1, like="tiny" if measuring.quick else "minilm")
        for kind in KINDS:
            jobs: dict[str, Values] = {
                kind: {"encoder": f"{folder}/0", "kind": kind, "examples": 8 if measuring.quick else 128}
            }
            (found,) = measuring.take_turns("task_embedding.both", jobs).values()
            ratio = found["loop"] / found["hooks"]
            rows.append([kind, found["loop"], found["hooks"], f"{ratio:.2f}", f"{found['difference']:.1e}"])
            seconds[kind] = found
    ratio = seconds["parameters"]["loop"] / seconds["activations"]["hooks"]
    if ratio < AT_LEAST:
        broken.append(f"activations alone must be {AT_LEAST} times as fast as the loop, not {ratio:.2f}")
    text = (
        f"128 generated sentences of 8 to 40 words in batches of {BATCH_SIZE}, classified over an encoder of minilm's "
        "size with random weights, fp32; the loop is `parity` with batches of one, which is the same embedding. Both "
        "take turns in one process. The difference is the largest one, as a share of its component's largest value.\n\n"
        + table("components | loop s | hooks s | ratio | difference", rows)
        + f"\n\nActivations alone by hooks, the default of `exact`, against the loop with all components: {ratio:.1f} "
        f"times as fast (at least {AT_LEAST})."
    )
    return Section(text, broken)


def both(encoder: str, kind: str, examples: int, turns: int = 3) -> Values:
    """The median seconds of both, in turns, and how far they are apart."""
    from statistics import median

    single, several, model = classification(encoder, examples)
    seconds: dict[str, list[float]] = {"loop": [], "hooks": []}
    results = {}
    for _ in range(turns):
        for name, batches, mode in (("loop", single, "parity"), ("hooks", several, "exact")):
            results[name], spent = embed(model, batches, mode, KINDS[kind])
            seconds[name].append(spent)
    difference = max(
        float((results["loop"][name] - vector).abs().max() / vector.max()) for name, vector in results["hooks"].items()
    )
    return {name: median(values) for name, values in seconds.items()} | {"difference": difference}


def embed(model: TransferModel, batches: list, mode: str, components: list[str]) -> tuple[dict, float]:
    """An embedding, and the seconds that it took."""
    from transferlab.transferability.task_embedding import TaskEmbedding

    started = time.perf_counter()
    embedding = TaskEmbedding(model, mode=mode, components=components)
    for batch in batches:
        embedding.update(batch)
    return embedding.result(), time.perf_counter() - started


def classification(encoder: str, examples: int) -> tuple[list, list, TransferModel]:
    """Batches of one and of several of generated sentences, and a model of two classes."""
    import random

    import torch

    from transferlab.data.readers.text_rows import text_document
    from transferlab.encoders.tokenizers import load_tokenizers
    from transferlab.models.classification_model import ClassificationModel
    from transferlab.taskmodules.text_classification import TextClassificationTaskModule

    draws = random.Random(0)
    words = ["the", "harbour", "office", "answered", "that", "a", "small", "boat", "had", "been", "sold", "to", "Ben"]
    texts = [" ".join(draws.choices(words, k=draws.randint(8, 40))) for _ in range(examples)]
    documents = [text_document(f"d{n}", text, None, draws.choice(["yes", "no"])) for n, text in enumerate(texts)]
    taskmodule = TextClassificationTaskModule(load_tokenizers({"target": encoder})[0], "multi_class", max_length=128)
    learnt = taskmodule.prepare(documents)
    torch.manual_seed(0)
    model = ClassificationModel(pretrained_models={"target": encoder}, alignment="mean", **learnt)
    encoded = [example for document in documents for example in taskmodule.encode(document, annotated=True)]
    encoded.sort(key=lambda example: example.length)  # as data modules batch them

    def batched(size: int) -> list:
        return [taskmodule.collate(encoded[i : i + size], training=False) for i in range(0, len(encoded), size)]

    return batched(1), batched(BATCH_SIZE), model
