"""Transfer that was measured and ranks that were predicted: their records, and the tables of single targets."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from results_tables.records import NONE, percent, rank, read, signed
from transferlab.reporting.text_table import TextTable
from transferlab.transferability.measured import measured_transfer
from transferlab.transferability.ranking import FUSION

MEASURED = "transferability_measured.csv"
FIRST, AGAIN = (
    "transferability_ranks.csv",
    "transferability_ranks_again.csv",
)  # of the first sources, and of their twins
RANK_COLUMNS = ("target", "source", "method", "layer", "rank")
LITBANK, WNUT17, SEMEVAL = "litbank_coref_tuned", "wnut17", "semeval2010_task8"
SCORES = {LITBANK: "CoNLL F1", WNUT17: "F1", SEMEVAL: "macro F1"}
BASELINE, OWN_CORPUS = "minilm", "litbank_ner"
METHODS = {  # as in the records -> in the tables
    "textemb": "TextEmb",
    "taskemb": "TaskEmb",
    "logme": "LogME",
    "hscore": "H-score",
    "nleep": "NLEEP",
    "transrate": "TransRate",
    "knn": "nearest neighbours",
    "linear_probe": "linear probe",
    "leep": "LEEP",
    "fusion": FUSION,
}
LAYERS = {"": "", "last": ", last layer", "best": ", best layer"}


def litbank_transfer(place: Path) -> TextTable:
    """LitBank coreference from each source, and where the methods rank it."""
    return _transfer(place, LITBANK)


def wnut17_transfer(place: Path) -> TextTable:
    """The same of WNUT-17."""
    return _transfer(place, WNUT17)


def semeval2010_transfer(place: Path) -> TextTable:
    """The same of SemEval-2010."""
    return _transfer(place, SEMEVAL)


def _transfer(place: Path, target: str) -> TextTable:
    """Scores in percent, the gain over the untouched encoder, and the predicted ranks; the best source first."""
    transfer, ranks = measured(place)[target], _ranks(place, FIRST, target)
    untouched = transfer.loc[BASELINE]
    gains = 100 * (transfer.mean(axis=1) / untouched.mean() - 1)
    methods = list(dict.fromkeys(method for method, _ in ranks))
    layers = {method: [layer for name, layer in ranks if name == method] for method in methods}
    rows = []
    for source in gains.drop(BASELINE).sort_values(ascending=False, kind="stable").index:
        cells = [", ".join(rank(ranks.loc[source, (name, layer)]) for layer in layers[name]) for name in methods]
        marked = f"{source} †" if (target, source) == (LITBANK, OWN_CORPUS) else source
        rows.append([marked, *map(percent, transfer.loc[source]), signed(gains[source]), *cells])
    rows.append([f"{BASELINE}, no source", *map(percent, untouched), NONE, *[NONE] * len(methods)])
    seeds = [f"{SCORES[target]}, seed {seed}" for seed in transfer]
    named = [f"{METHODS[name]} ({', '.join(layers[name])})".removesuffix(" ()") for name in methods]
    return TextTable(["source", *seeds, "gain %", *named], rows)


def measured(place: Path) -> dict[str, pd.DataFrame]:
    """target -> sources x seeds, fractions; the untouched encoder among the sources."""
    return measured_transfer(place / MEASURED)


def predicted(place: Path, record: str, target: str) -> pd.DataFrame:
    """Predictions [sources, variants of methods] of those that ranked every source; larger is better."""
    ranks = _ranks(place, record, target)
    named = [METHODS[method] + LAYERS[layer] for method, layer in ranks]
    return (-ranks).set_axis(named, axis="columns").dropna(axis="columns")


def _ranks(place: Path, record: str, target: str) -> pd.DataFrame:
    """Ranks [sources, (method, layer)] in the order of METHODS."""
    ranks = read(place, record, RANK_COLUMNS)
    table = ranks[ranks["target"] == target].pivot(index="source", columns=["method", "layer"], values="rank")
    order = [(method, layer) for method in METHODS for layer in LAYERS]
    return table[[column for column in order if column in table]]
