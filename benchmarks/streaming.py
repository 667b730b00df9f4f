"""Memory of prediction: any number of short documents, and one of 50,000 words."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from measuring import ROOT, Measuring, Values, measured
from results import Section, table
from texts import document_of
from tiny_encoder import save_tiny_encoder

TITLE = "prediction of many documents and of long ones"

COUNTS = (1_000, 10_000, 100_000)  # documents
LONG = 50_000  # words of one text
FAMILIES = ("coref", "ner", "mrpc", "squad", "re")
MOST_GROWTH = 60.0  # MiB that the most documents may take beyond the fewest


def run(measuring: Measuring) -> Section:
    """Documents in every format that is written, then one long text for every family."""
    counts = (20, 40) if measuring.quick else COUNTS
    sizes = {f"{count:,} documents": {"count": count} for count in counts}
    many = measuring.take_turns("streaming.many", sizes)
    written = measuring.take_turns("streaming.written", sizes)
    families = FAMILIES[:2] if measuring.quick else FAMILIES
    words = 300 if measuring.quick else LONG
    long = measuring.take_turns("streaming.long", {name: {"experiment": name, "words": words} for name in families})
    columns = ("cpu_seconds", "peak", "growth")
    text = (
        "`predict.py input=FILE` with a model of entities over an encoder of width 16, on JSON lines of seven words; "
        "JSON lines are written.\n\n"
        + table(
            "input | CPU s | peak MiB | growth MiB | written MB",
            [[name, *(values[key] for key in columns), values["jsonl"]] for name, values in many.items()],
        )
        + "\n\nWhat `predict.py` makes of such JSON lines with predicted clusters: a CoNLL file, and an HTML page of "
        "the first 1,000 documents.\n\n"
        + table(
            "input | CPU s | peak MiB | growth MiB | CoNLL MB | HTML MB",
            [
                [name, *(values[key] for key in columns), values["conll"], values["html"]]
                for name, values in written.items()
            ],
        )
        + f"\n\nOne text of {words:,} words (of a question: the text that it is about; of relations: with an entity at "
        "every 10th word), each family with its experiment's head over the same encoder.\n\n"
        + table(
            "experiment | CPU s | peak MiB | growth MiB | what is predicted",
            [
                [name, *(values[key] for key in columns), f"{values['found']:,.0f} {values['of']}"]
                for name, values in long.items()
            ],
        )
    )
    broken = []
    for what, measured_of in (("predicting", many), ("writing", written)):
        peaks = [values["peak"] for values in measured_of.values()]
        if (growth := peaks[-1] - peaks[0]) > MOST_GROWTH:
            broken.append(f"{what} {counts[-1]} documents takes {growth:.0f} MiB more than {counts[0]}")
    return Section(text, broken)


def many(count: int) -> Values:
    """A whole prediction, as the command does it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        model = saved(place, "ner")
        with (place / "in.jsonl").open("w", encoding="utf-8") as lines:
            for number in range(count):
                lines.write(json.dumps({"words": ["Ann", "met", "Bob", "in", "house", str(number), "."]}) + "\n")
        from hydra import compose, initialize_config_dir

        from predict import predict

        with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
            cfg = compose(
                "predict",
                overrides=[
                    f"model_name_or_path={model}", f"input={place / 'in.jsonl'}", f"paths.output_dir={place / 'out'}",
                    "pipeline.device=cpu", "pipeline.batch_size=64", "extras.print_config=false",
                ],
            )  # fmt: skip
        logging.disable(logging.INFO)
        with measured() as values:
            written = predict(cfg)
        size = Path(written["jsonl"]).stat().st_size / 1e6
    return {key: values[key] for key in ("cpu_seconds", "peak", "growth")} | {"jsonl": size}


def written(count: int) -> Values:
    """The other files of a prediction."""
    from functools import partial

    from predict import serialize
    from transferlab.data.writers import write_conll2012
    from transferlab.documents import Annotations, Document, write_jsonl
    from transferlab.reporting.coreference_html import write_coreference_html

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        clusters = Annotations(clusters=[[(0, 0), (4, 5)]])
        words = ["Ann", "met", "Bob", "in", "her", "house", "."]
        documents = (Document(f"d{number}", words, [(0, 6)], predicted=clusters) for number in range(count))
        predictions = write_jsonl(documents, place / "predictions.jsonl")
        writers = {
            "conll": partial(write_conll2012, path=place / "x.conll"),
            "html": partial(write_coreference_html, path=place / "x.html", max_documents=1000),
        }
        with measured() as values:
            files = serialize(predictions, "clusters", writers)
        sizes = {name: file.stat().st_size / 1e6 for name, file in files.items()}
    return {key: values[key] for key in ("cpu_seconds", "peak", "growth")} | sizes


def long(experiment: str, words: int) -> Values:
    """One long document, predicted by a loaded model."""
    from transferlab import load
    from transferlab.documents import Annotations, Document, Entity, Question

    text = document_of(words)
    document = Document("long", text.words, text.sentences)
    if experiment == "squad":
        document.text = " ".join(text.words)
        starts = [0]
        for word in text.words:
            starts.append(starts[-1] + len(word) + 1)
        document.offsets = [(start, start + len(word)) for start, word in zip(starts, text.words, strict=False)]
        document.gold = Annotations(questions=[Question("q", "Who met Bob?")])
    elif experiment == "re":
        document.predicted = Annotations(entities=[Entity(word, word, "PERSON") for word in range(0, words, 10)])
    elif experiment == "mrpc":
        document.text = document.text_pair = " ".join(text.words)
    with tempfile.TemporaryDirectory() as folder:
        predictor = load(saved(Path(folder), experiment), device="cpu")
        with measured() as values:
            (predicted,) = predictor.predict_documents([document.validate()])
    found, of = counted(predicted.predicted)
    return {key: values[key] for key in ("cpu_seconds", "peak", "growth")} | {"found": found, "of": of}


def counted(predicted: Any) -> tuple[int, str]:
    """How many of what is predicted."""
    if predicted.relations is not None:
        return len(predicted.relations), "relations"
    if predicted.clusters is not None:
        return sum(map(len, predicted.clusters)), "mentions"
    if predicted.tags is not None:
        return len(predicted.tags), "tags"
    return (len(predicted.questions), "answers") if predicted.questions is not None else (1, "class")


def saved(place: Path, experiment: str) -> str:
    """An untrained model of an experiment on the sample."""
    from hydra import compose, initialize_config_dir

    from transferlab import building
    from transferlab.encoders.tokenizers import load_tokenizers
    from transferlab.models.saving import save_model
    from transferlab.utils.instantiate import build

    encoder = save_tiny_encoder(place / "encoder")
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose("train", overrides=[f"experiment={experiment}", f"encoder={encoder}", "features=off"])
    taskmodule, datamodule = building.corpus(cfg)
    model = build(cfg.model, **taskmodule.prepare(datamodule.documents("train"))).eval()
    _, keys = load_tokenizers({"target": encoder})
    kind = type(taskmodule)
    return str(
        save_model(
            model,
            place / "model",
            tokenizers={name: taskmodule.tokenizers[key].tokenizer for name, key in keys.items()},
            taskmodule={"_target_": f"{kind.__module__}.{kind.__qualname__}", "options": taskmodule.options()},
            facts={},
        )
    )
