"""Prediction with a saved coreference model: documents and words per second, and memory, by length and batch size.

The measure of speed is the encoder alone on the same rows: what prediction takes beyond it is ours.
"""

from __future__ import annotations

import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from measuring import Measuring, Values, measured
from results import Section, table
from texts import coreference_documents, document_of, litbank_directory

TITLE = "prediction with a saved coreference model"

# of experiment=litbank_coref, with a trained encoder: the outputs of frozen ones may be stored
MODEL = {
    "ffnn_size": 150,
    "max_span_width": 20,
    "top_span_ratio": 0.3,
    "keep_singletons": True,
    "mention_loss_coef": 1.0,
    "use_metadata": False,
    "normalize_embeddings": True,
    "max_rows_per_pass": 32,
}
LITBANK = 20  # documents, of 2,000 words each; of the sample, all
SHORT, LONG = 2000, 20000  # words of one document
BATCH_SIZES = (1, 8)


def run(measuring: Measuring) -> Section:
    """Every text, those of many documents in batches of 1 and of 8."""
    texts = ["sample", *(["litbank"] if litbank_directory() else [])]
    lengths = [100, 200] if measuring.quick else [SHORT, LONG]
    jobs: dict[str, Values] = {}
    for text in texts[:1] if measuring.quick else texts:
        for batch_size in BATCH_SIZES:
            jobs[f"{text}, batches of {batch_size}"] = {"text": text, "batch_size": batch_size}
    for words in lengths:
        jobs[f"one document of {words} words"] = {"text": words, "batch_size": 1}
    with tempfile.TemporaryDirectory() as folder:
        measuring.once("inference.save", folder=folder)
        for arguments in jobs.values():
            few = 4 if measuring.quick else LITBANK if arguments["text"] == "litbank" else None
            arguments |= {"folder": folder, "most": few}
        found = measuring.take_turns("inference.measure", jobs)
    rows = []
    for name, values in found.items():
        seconds, beyond = values["seconds"], 1 - values["encoder"] / values["seconds"]
        speeds = [values["documents"] / seconds, values["words"] / seconds]
        rows.append([name, values["words"], seconds, *speeds, f"{beyond:.0%}", values["peak"], values["growth"]])
    columns = "text | words | s | documents / s | words / s | not the encoder | peak MiB | growth MiB"
    return Section("\n\n".join([introduction(), table(columns, rows), *comparisons(found, lengths)]))


def introduction() -> str:
    """What was measured."""
    missing = "" if litbank_directory() else " LitBank is not here (LITBANK_DIR names it)."
    return (
        "`transferlab.load(...).predict_documents` with minilm and the head of experiment=litbank_coref, untrained: "
        f"{MODEL['ffnn_size']} hidden units, 0.3 kept spans for each word. Tokenization is part of it, reading is not. "
        f"Of LitBank the first {LITBANK} documents; the single documents are such texts one after another. Growth is "
        "above the state with the loaded model and the documents. 'Not the encoder' is the part of the time that is "
        f"left when the encoder alone reads the same rows in the same batches.{missing}"
    )


def comparisons(found: dict[str, Values], lengths: list[int]) -> list[str]:
    """What batches are worth, and how memory grows."""
    lines = []
    for name, values in found.items():
        if name.endswith("of 1"):
            ratio = values["seconds"] / found[f"{name[:-1]}8"]["seconds"]
            lines.append(f"- {name.split(',')[0]}: batches of 8 are {ratio:.2f} times as fast as batches of 1.")
    short, long = (found[f"one document of {words} words"] for words in lengths)
    longer, time_ratio = lengths[1] / lengths[0], long["seconds"] / short["seconds"]
    growth = long["growth"] / max(short["growth"], 1)
    lines.append(
        f"- {longer:.0f} times the words in one document: {time_ratio:.1f} times the time, {growth:.1f} times the "
        "growth of memory."
    )
    return ["\n".join(lines)]


def save(folder: str) -> Values:
    """Save an untrained model."""
    import torch

    from transferlab.encoders.tokenizers import load_tokenizers
    from transferlab.models.coreference_model import CoreferenceModel
    from transferlab.models.saving import save_model
    from transferlab.taskmodules.coreference import CoreferenceTaskModule

    torch.manual_seed(0)
    encoders = {"target": "minilm"}
    model = CoreferenceModel(pretrained_models=encoders, **MODEL)
    tokenizers, keys = load_tokenizers(encoders)
    save_model(
        model,
        Path(folder) / "model",
        tokenizers={name: tokenizers[key] for name, key in keys.items()},
        taskmodule={
            "_target_": "transferlab.taskmodules.coreference.CoreferenceTaskModule",
            "options": CoreferenceTaskModule(tokenizers).options(),
        },
        facts={"scores": {}, "data": {}, "command": "none"},
    )
    return {}


def measure(folder: str, text: str | int, batch_size: int, most: int | None) -> Values:
    """Predict, then let the encoder alone read the same rows."""
    import transferlab

    predictor = transferlab.load(Path(folder) / "model", device="cpu")
    documents = [document_of(text)] if isinstance(text, int) else list(islice(coreference_documents(text), most))
    list(predictor.predict_documents([document_of(50)]))  # imports on first use
    with measured() as values:
        predicted = list(predictor.predict_documents(documents, batch_size=batch_size))
    assert all(document.predicted is not None for document in predicted)
    return values | {
        "encoder": encoder_alone(predictor, documents, batch_size),
        "documents": len(documents),
        "words": sum(len(document.words) for document in documents),
    }


def encoder_alone(predictor: Any, documents: list[Any], batch_size: int) -> float:
    """Seconds of the encoder on the rows of the documents."""
    import torch

    taskmodule, multi_encoder = predictor.taskmodule, predictor.model.multi_encoder
    examples = [example for document in documents for example in taskmodule.encode(document)]
    seconds = 0.0
    for start in range(0, len(examples), batch_size):
        batch = taskmodule.collate(examples[start : start + batch_size], training=False)
        (rows,) = batch.inputs.values()
        (encoder,) = multi_encoder.encoders.values()
        started = time.perf_counter()
        with torch.no_grad():
            encoder(rows.input_ids, rows.attention_mask, rows.token_type_ids)
        seconds += time.perf_counter() - started
    return seconds
