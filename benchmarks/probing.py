"""An epoch of probing LitBank coreference with frozen sources, with the feature store and without."""

from __future__ import annotations

import tempfile

from measuring import Measuring, Values
from results import Section, table
from texts import litbank_directory

TITLE = "an epoch of probing coreference, with the feature store and without"

SOURCES = (1, 2, 4)
HEADS = {"mention ranking": [], "bilinear": ["model.head=bilinear", "model.ffnn_size=256"]}
DOCUMENTS = 20  # of training; an epoch of all 80 takes four times as long
AT_LEAST = 3  # times as fast, with four sources and the standard small head


def run(measuring: Measuring) -> Section:
    """1, 2 and 4 sources; both heads."""
    litbank = None if measuring.quick else litbank_directory()
    task = [
        f"experiment=[{'litbank_coref' if litbank else 'coref'},probing]",
        *([f"dataset.data_dir={litbank}"] if litbank else []),
        f"datamodule.select_n.train={DOCUMENTS if litbank else 2 if measuring.quick else 4}",
    ]
    rows, broken = [], []
    filled = 0.0  # seconds, for all sources so far: the store has those of fewer sources already
    with tempfile.TemporaryDirectory() as folder:
        measuring.once(
            "fitting.make_encoders", folder=folder, count=max(SOURCES), like="tiny" if measuring.quick else "minilm"
        )
        for count in SOURCES[:1] if measuring.quick else SOURCES:
            encoders = {f"e{number}": f"{folder}/{number}" for number in range(count)}
            for head, keys in HEADS.items():
                both = {"overrides": [*task, *keys], "encoders": encoders}
                jobs: dict[str, Values] = {
                    f"{count} sources, {head}, {name}": {**both, "epochs": epochs, "store": store}
                    for name, epochs, store in (("on", 3, f"{folder}/features"), ("off", 1, None))
                }
                on, off = measuring.take_turns("fitting.fit", jobs).values()
                ratio = off["epoch"] / on["epoch"]
                filled += on["fill_most"]  # by the first of the alternating runs, for the first head
                amortised = 10 * off["epoch"] / (filled + on["first"] + 9 * on["epoch"])
                rows.append(
                    [
                        f"{count}, {head}",
                        off["epoch"],
                        on["epoch"],
                        f"{ratio:.1f}",
                        filled,
                        f"{amortised:.1f}",
                        off["peak"],
                        on["peak"],
                    ]
                )
                if count == max(SOURCES) and head == "mention ranking" and ratio < AT_LEAST:
                    broken.append(f"with {count} sources an epoch must be {AT_LEAST} times as fast, not {ratio:.1f}")
    corpus = (
        f"{DOCUMENTS} training documents of LitBank"
        if litbank
        else "the embedded sample (LITBANK_DIR names no LitBank)"
    )
    text = (
        f"Training epochs on {corpus}, `experiment=[litbank_coref,probing]`: windows of 11 segments, attention over "
        "the sources, mention ranking with 150 hidden units or the bilinear head with 256; sources of minilm's size "
        "with random weights of their own; fp32, features in 16 bits. The last ratio is over 10 epochs, the pass that "
        "fills the store included.\n\n"
        + table("sources, head | off s | on s | ratio | fill s | over 10 epochs | off MiB | on MiB", rows)
    )
    return Section(text, broken)
