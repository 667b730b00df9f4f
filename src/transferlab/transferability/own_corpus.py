"""Which sources were trained on the documents of a target, measured by the texts themselves.

A source counts as trained on the target's own corpus where the documents that one of the target's splits shares with
the training documents of it, or of a model that it started from, hold at least ``OWN_SHARE`` of the text of that split.
A source that was saved before these were recorded counts so only where its config names the same corpus beyond doubt.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig, OmegaConf

from transferlab.data.span_overlap import spans_of
from transferlab.data.text_overlap import Array, Overlap, Texts, TrainingTexts, overlap, texts_of
from transferlab.encoders.lineage import description_of, records_of
from transferlab.encoders.sources import EncoderError, resolve
from transferlab.models.descriptions import as_named
from transferlab.models.registry import READERS
from transferlab.transferability.library import KINDS, LibraryError, TaskLibrary
from transferlab.utils.config_checks import check_targets
from transferlab.utils.errors import UserError, user_error_of
from transferlab.utils.instantiate import build

log = logging.getLogger(__name__)

OWN_SHARE = 0.1
FEWEST = 20  # documents that a sample must tell of before its share counts
COLUMNS = [
    "source",
    "corpus",
    "start",
    "split",
    "shared",
    "judged",
    "documents",
    "share",
    "own",
    "spans",
    "gold_spans",
    "unknown",
]
_LITBANK = {"litbank", "litbank_ner"}
_NAMES = ("variable", "hub", "task")  # keys of a dataset that name its corpus
_ANY_CORPUS = {"TABLE_DIR", "COLUMNS_DIR"}  # variables that stand for whatever one likes
_ONE_CORPUS = {"glue", "squad", "semeval2010_task8", "tacred", "conll2012"}  # readers


@dataclass(frozen=True)
class Training:
    """Documents that a source was trained on, and how many of the target's are among them.

    Attributes:
        source: its name.
        corpus: name of their corpus; None where they are not recorded.
        start: the saved model that was trained on them and that the source started from; None: the source itself.
        documents: how many there were; None where they are not recorded.
        splits: the target's documents among them, by split; empty where that could not be measured.
        own: whether this is the target's own corpus.
        spans: how many of their annotated spans were kept, and how many of these are gold spans of the target; None
            where one of both has none.
        unknown: why nothing was measured.
    """

    source: str
    corpus: str | None
    start: str | None
    documents: int | None = None
    splits: Mapping[str, Overlap] = field(default_factory=dict)
    own: bool = False
    spans: tuple[int, int] | None = None
    unknown: str = ""

    @property
    def touches(self) -> bool:
        """Whether any document of the target is among them, as far as is known."""
        return self.own or any(found.shared for found in self.splits.values())

    def __str__(self) -> str:
        """In words and numbers."""
        whose = self.source if self.start is None else f"{self.source}, which started from {self.start}"
        if self.unknown:
            return f"{whose}: {self.unknown}"
        found = ", ".join(f"{counts} of the {split} split" for split, counts in self.splits.items())
        spans = "; {1} of {0} annotated spans are gold spans of the target".format(*self.spans) if self.spans else ""
        return f"{whose}: trained on {self.documents} documents of {self.corpus}; among them {found}{spans}"


def trainings(cfg: DictConfig, sources: Mapping[str, str], library: TaskLibrary) -> list[Training]:
    """What each source was trained on, and how much of it is the target's; the corpus is read if any source tells.

    Args:
        cfg: the training config of the target.
        sources: {name: place}.
        library: what the embedding of a source's task says stands for a model that says nothing, or is not there.
    """
    recorded = {name: _records(name, place, library) for name, place in sources.items()}
    ours: Any = OmegaConf.to_container(cfg.dataset, resolve=True)
    texts: Mapping[str, Texts] = {}
    gold = spans_of([])
    unread = ""
    if any("ids" in record for records, _ in recorded.values() for record in records):
        texts, gold, unread = _texts_of(cfg)
    measured: dict[str, Mapping[str, Overlap]] = {}  # depths of a source share their records
    found = []
    for name, (records, place) in recorded.items():
        for record in records:
            theirs = record.get("data")
            if "ids" not in record:
                same = _same_by_name(theirs, ours)
                unknown = "its config names the target's own corpus; " * same + "its documents are not recorded"
                found.append(Training(name, None, record.get("from"), own=same, unknown=unknown))
                continue
            try:
                seen = TrainingTexts.from_dict(record, place)
            except UserError as error:
                found.append(Training(name, None, None, own=_same_by_name(theirs, ours), unknown=str(error)))
                continue
            if unread:
                same = _same_by_name(theirs, ours)
                unknown = "its config names the target's own corpus; " * same + f"not measured, {unread}"
                found.append(Training(name, seen.corpus, seen.source, seen.documents, own=same, unknown=unknown))
                continue
            if record["ids"] not in measured:
                measured[record["ids"]] = {split: overlap(own, seen) for split, own in texts.items()}
            splits = measured[record["ids"]]
            own = any(map(_is_own, splits.values()))
            spans = (
                (len(seen.spans), int(np.isin(seen.spans, gold).sum()))
                if own and len(seen.spans) and len(gold)
                else None
            )
            found.append(Training(name, seen.corpus, seen.source, seen.documents, splits, own, spans))
    return found


def _is_own(found: Overlap) -> bool:
    return found.judged >= min(FEWEST, found.documents) and found.share >= OWN_SHARE


def _records(name: str, place: str, library: TaskLibrary) -> tuple[list[dict[str, Any]], str]:
    """The records of a source with the config of its own corpus, and where they stand."""
    description = description_of(place)
    if "trained_on" in description:
        own = {"data": description.get("data")}
        return [record if "from" in record else record | own for record in records_of(description)], place
    for kind in KINDS if description or not _is_found(place) else ():
        if name in library.tasks(kind):
            try:
                about = library.about(name, kind)
            except LibraryError:  # says so itself when it is compared
                continue
            own = {"data": about.get("made_from", {}).get("dataset")}
            return [record | own for record in records_of(about)], str(library.path(name, kind))
    return records_of(description) if description else [], place


def _is_found(place: str) -> bool:
    """Whether there is an encoder of a source, else it is known by its embeddings alone."""
    try:
        resolve(place)
    except EncoderError:
        return False
    return True


def _texts_of(cfg: DictConfig) -> tuple[dict[str, Texts], Array, str]:
    """The texts of the target by split and its gold spans, or why they cannot be read."""
    check_targets(cfg.dataset, "dataset")
    try:
        reader = build(cfg.dataset)
        documents = {split: list(reader.read(split)) for split in reader.splits}
    except Exception as error:
        if (known := user_error_of(error)) is None:
            raise
        return {}, spans_of([]), f"the target's corpus cannot be read: {known}"
    gold = spans_of(document for of_split in documents.values() for document in of_split)
    return {split: texts_of(of_split) for split, of_split in documents.items()}, gold, ""


def _same_by_name(theirs: Any, ours: Mapping[str, Any]) -> bool:
    """Whether two configs of a dataset, the first as a file has it, certainly name one corpus."""
    there, own = (as_named(data, READERS) if isinstance(data, dict) else {} for data in (theirs, ours))
    reader, stated, our_reader, here = there.get("name"), there.get("options"), own["name"], own["options"]
    if not isinstance(reader, str) or not isinstance(stated, dict):
        return False
    if {reader, our_reader} <= _LITBANK:
        return True
    if reader != our_reader or any(stated.get(key) != here.get(key) for key in _NAMES):
        return False
    places = [options.get("data_dir") for options in (stated, here)]
    if None in places:
        named = here["variable"] not in _ANY_CORPUS if here.get("variable") else our_reader in _ONE_CORPUS
        return places == [None, None] and named
    absolute = [Path(str(place)).expanduser() for place in places]
    same_place = all(place.is_absolute() for place in absolute) and len({place.resolve() for place in absolute}) == 1
    return same_place and stated.get("files") == here.get("files")


def own_sources(found: Sequence[Training]) -> list[str]:
    """Names of the sources that were trained on the target's own corpus; the log says what is known of all."""
    for training in found:
        if training.own:
            log.warning("%s: the target's own corpus", training)
        elif training.touches or training.unknown:
            log.info("%s", training)
    return list(dict.fromkeys(training.source for training in found if training.own))


def as_table(found: Sequence[Training]) -> pd.DataFrame:
    """A row for each source, corpus that it or its start was trained on, and split of the target."""
    rows: list[dict[str, Any]] = []
    for one in found:
        known: dict[str, Any] = {
            "source": one.source,
            "corpus": one.corpus,
            "start": one.start,
            "own": one.own,
            "unknown": one.unknown,
        }
        if one.spans is not None:
            known["spans"], known["gold_spans"] = one.spans
        rows += [known | {"split": split} | asdict(counts) for split, counts in one.splits.items()] or [known]
    return pd.DataFrame(rows, columns=COLUMNS)
