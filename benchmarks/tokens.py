"""An epoch of a token probe: a linear layer over the words of a frozen encoder, from the store and computed anew."""

from __future__ import annotations

import tempfile

from measuring import Measuring, Values
from results import Section, table
from texts import corpus_directory

TITLE = "an epoch of a token probe, from the feature store against computed anew"

ENCODERS = ("minilm", "base")
BATCH_SIZES = (16, 128)
FEW = ("datamodule.select_n.train=32",)  # when nothing is measured
AT_LEAST = 100  # times as fast, for an encoder of BERT's size


def run(measuring: Measuring) -> Section:
    """Small and large encoder, small and large batches."""
    treebank = corpus_directory("CONLLU_DIR", "sequence_labelling/ud_atis")
    sample = treebank is None or measuring.quick
    task = (
        ["experiment=[ner,probing]", *FEW[: measuring.quick]]
        if sample
        else ["experiment=[pos,probing]", f"dataset.data_dir={treebank}"]
    )
    rows, broken = [], []
    with tempfile.TemporaryDirectory() as folder:
        for like in ["tiny"] if measuring.quick else ENCODERS:
            measuring.once("fitting.make_encoders", folder=f"{folder}/{like}", count=1, like=like)
            filled = 0.0  # seconds, by the first batch size: the next one finds the rows there
            for batch_size in BATCH_SIZES:
                overrides = [
                    *task, f"encoder={folder}/{like}/0", "model.aggregate=null", f"datamodule.batch_size={batch_size}",
                ]  # fmt: skip
                jobs: dict[str, Values] = {
                    f"{like}, batches of {batch_size}, {name}": {
                        "overrides": overrides,
                        "epochs": epochs,
                        "store": store,
                    }
                    for name, epochs, store in (
                        ("stored", 2 if measuring.quick else 4, f"{folder}/features"),
                        ("computed", 1, None),
                    )
                }
                stored, computed = measuring.take_turns("fitting.fit", jobs).values()
                ratio = computed["epoch"] / stored["epoch"]
                step = 1000 * stored["epoch"] / stored["steps"]
                filled += stored["fill_most"]
                amortised = 10 * computed["epoch"] / (filled + stored["first"] + 9 * stored["epoch"])
                rows.append(
                    [
                        f"{like}, {batch_size}",
                        computed["epoch"],
                        stored["epoch"],
                        step,
                        f"{ratio:.0f}",
                        f"{amortised:.1f}",
                    ]
                )
                if like == "base" and batch_size == max(BATCH_SIZES) and ratio < AT_LEAST:
                    broken.append(f"an epoch from the store must be {AT_LEAST} times as fast, not {ratio:.0f}")
    corpus = "the embedded sample, entities (CONLLU_DIR names no treebank)" if sample else "UD ATIS, parts of speech"
    text = (
        f"Training epochs on {corpus}; encoders of the size of minilm (6 layers of 384) and of BERT base (12 of 768) "
        "with random weights, in fp32. The rows of the store are 16-bit, read from disk at first and from memory "
        "then. The last column is the ratio over 10 epochs, the one pass that fills the store included.\n\n"
        + table("encoder, batch | computed s | stored s | stored ms / step | ratio | over 10 epochs", rows)
    )
    return Section(text, broken)
