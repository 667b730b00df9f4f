"""Reading and encoding of every corpus that is here: cold, in a new process, and again.

Reading is held against the least that any reader does: decode the same files and split them at white space. Encoding is
held against the tokenizer alone on the same words.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from measuring import ROOT, Measuring, Values
from results import Section, table
from texts import corpus_directory

TITLE = "reading and encoding of corpora"

SAMPLE = ("coref", "ner", "mrpc", "squad", "re")  # experiments on the embedded sample
CORPORA = {  # by experiment: the variable that names the directory, and the place below ../shared/data
    "litbank_coref": ("LITBANK_DIR", "coref/litbank"),
    "litbank_ner": ("LITBANK_NER_DIR", "ner/litbank"),
    "wnut17": ("WNUT17_DIR", "ner/wnut17"),
    "paws": ("PAWS_DIR", "paraphrase/paws_wiki"),
    "squad_v2": ("SQUAD_DIR", "qa/squad_v2.0_subset"),
    "semeval2010_task8": ("SEMEVAL2010_TASK8_DIR", "re/semeval2010_task8"),
    "complex": ("COMPLEX_DIR", "regression/complex_lcp2021"),
    "poem_sentiment": ("POEM_SENTIMENT_DIR", "classification/poem_sentiment"),
    "pos": ("UD_ATIS_DIR", "sequence_labelling/ud_atis"),
}


def run(measuring: Measuring) -> Section:
    """Every corpus that is here."""
    places = {name: corpus_directory(*place) for name, place in CORPORA.items()}
    missing = [name for name, place in places.items() if place is None]
    jobs: dict[str, Values] = {name: {"experiment": name, "place": None} for name in SAMPLE}
    jobs |= {name: {"experiment": name, "place": str(place)} for name, place in places.items() if place}
    if measuring.quick:
        jobs = {name: jobs[name] for name in ("coref", "mrpc")}
    found = measuring.take_turns("reading.measure", jobs)
    reading, encoding = [], []
    for name, values in found.items():
        sizes = [values["documents"], values["words"], values["bytes"] / 1e6]
        speeds = [size / values["again"] for size in sizes]
        reading.append([name, *sizes, values["cold"], values["again"], *speeds, ratio(values, "again", "split")])
        speeds = [size / values["encode"] for size in (values["documents"], values["words"])]
        share = ratio(values, "encode_again", "tokenizer")
        encoding.append([name, values["encode"], values["encode_again"], *speeds, share, 1000 * values["cached"]])
    text = [
        "Experiments by name: the first ones on the embedded sample, the others on corpora that this machine has. All "
        "splits are read; MB are the files that the reader opened. 'Cold' is the first reading of a process, 'again' "
        "the second; the rates are of the second, and the ratio is that of its time to the time of decoding the same "
        "files and splitting them at white space.",
        table(
            "experiment | documents | words | MB | cold s | again s | documents / s | words / s | MB / s | ratio",
            reading,
        ),
        "Encoding by the taskmodule with minilm's tokenizer, first and second time; the ratio is that of the second to "
        "the tokenizer alone on the same words (or texts). 'Cached' is the second request for the batches of the first "
        "split from the datamodule, which encodes once: milliseconds until they can be drawn.",
        table("experiment | encode s | again s | documents / s | words / s | ratio | cached ms", encoding),
    ]
    if missing:
        names = ", ".join(f"{name} ({CORPORA[name][0]})" for name in missing)
        text.append(f"Not here, by experiment and the variable that names the place: {names}.")
    return Section("\n\n".join(text))


def ratio(values: Values, of: str, to: str) -> str:
    """Of two times."""
    return f"{values[of] / values[to]:.1f}"


def measure(experiment: str, place: str | None) -> Values:
    """Read, read again, encode, encode again, and the least of both."""
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "PROJECT_ROOT": str(ROOT)}
    from hydra import compose, initialize_config_dir

    from transferlab import building

    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        override = [] if place is None else [f"dataset.data_dir={place}"]
        # no split is needed: some corpora here lack one
        cfg = compose(
            "train", overrides=[f"experiment={experiment}", "train=false", "validate=false", "test=false", *override]
        )
    opened: set[Path] = set()
    sys.addaudithook(lambda event, details: opened.add(Path(str(details[0]))) if event == "open" else None)
    taskmodule, datamodule = building.corpus(cfg)
    splits = datamodule.reader.splits
    opened.clear()
    values: Values = {}
    values["cold"], documents = timed(lambda: [d for split in splits for d in datamodule.reader.read(split)])
    corpus = {path.resolve() for path in opened if Path(place or ROOT / "data").resolve() in path.resolve().parents}
    values["again"], _ = timed(lambda: [d for split in splits for d in datamodule.reader.read(split)])
    values["split"], _ = timed(lambda: [path.read_text(encoding="utf-8").split() for path in corpus])

    taskmodule.prepare(datamodule.documents(splits[0]))
    annotated = [document for split in splits for document in datamodule.documents(split)]
    values["encode"], _ = timed(lambda: [taskmodule.encode(document) for document in annotated])
    values["encode_again"], _ = timed(lambda: [taskmodule.encode(document) for document in annotated])
    (tokenizer,) = (word_tokenizer.tokenizer for word_tokenizer in taskmodule.tokenizers.values())
    values["tokenizer"], _ = timed(lambda: [tokenize(tokenizer, document) for document in annotated])
    datamodule.dataloader(splits[0])  # others need not be annotated
    values["cached"], _ = timed(lambda: datamodule.dataloader(splits[0]))
    return values | {
        "documents": len(documents),
        "words": sum(len(document.words) for document in documents),
        "bytes": sum(path.stat().st_size for path in corpus),
    }


def timed(action: Any) -> tuple[float, Any]:
    """Seconds of an action, and what it returns."""
    started = time.perf_counter()
    returned = action()
    return time.perf_counter() - started, returned


def tokenize(tokenizer: Any, document: Any) -> Any:
    """The words of a document, its second text and its questions in subtokens."""
    texts = [question.text for question in document.gold.questions or []]
    texts += [document.text_pair] if document.text_pair else []
    words = document.words + [word for text in texts for word in text.split()]
    return tokenizer(words, is_split_into_words=True, add_special_tokens=False, verbose=False) if words else None
