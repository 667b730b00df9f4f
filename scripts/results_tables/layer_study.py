"""The tables of ``layer_study.md``, and those of ``transferability.md`` on frozen views, from the probes of one study.

Beside its two records there is ``views_scores.csv``, the ``scores.csv`` of ``rank.py`` on the views.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from results_tables.agreement import HEADINGS, agreement, order
from results_tables.records import NONE, number, percent, read, spread
from results_tables.studies import LAYER_STUDY, TEST, VALIDATION, scores, verdicts
from results_tables.transfer import BASELINE, LITBANK, METHODS, measured
from transferlab.reporting.text_table import TextTable
from transferlab.statistics.sweep_verdicts import COLUMNS as VERDICT_COLUMNS
from transferlab.transferability.judging import judge
from transferlab.utils.errors import UserError

VIEWS = "views_scores.csv"
COLLAPSED = "paws"  # the source that learned nothing


def layer_study(place: Path) -> TextTable:
    """Test CoNLL F1 of every source and depth, mean and standard deviation over seeds, and the depth to choose."""
    test, chosen = scores(place, LAYER_STUDY, TEST), _chosen(place)
    depths = sorted(test.index.unique("depth"))
    rows = []
    for source in chosen.index:
        of_source = test.loc[source]
        cells = [spread(of_source.loc[depth].dropna()) if depth in of_source.index else NONE for depth in depths]
        depth, validation = chosen.loc[source, ["depth", "validation"]]
        rows.append([source, *cells, f"{depth:.0f} (validation {percent(validation)})"])
    columns = [f"{depth} layer{'s' if depth > 1 else ''}" for depth in depths]
    return TextTable(["source", *columns, "depth that validation chooses"], rows)


def chosen_depth(place: Path) -> TextTable:
    """Every source at the depth that validation chooses against the untouched encoder at its own."""
    return _verdicts(place, _chosen(place)["depth"])


def whole_encoder(place: Path) -> TextTable:
    """Every whole source against the whole untouched encoder."""
    depths = scores(place, LAYER_STUDY, TEST).reset_index().groupby("source", sort=False)["depth"].max()
    return _verdicts(place, depths[depths == depths[BASELINE]])


def probes_and_transfer(place: Path) -> TextTable:
    """What probes of frozen sources reached beside what fine-tuning from them did."""
    test, chosen = scores(place, LAYER_STUDY, TEST), _chosen(place)
    tuned = measured(place)[LITBANK].mean(axis=1).sort_values(ascending=False, kind="stable")
    rows = []
    for source in tuned.index.intersection(chosen.index):
        whole, depth = test.loc[source].index.max(), chosen.loc[source, "depth"]
        cells = [spread(test.loc[(source, at)].dropna()) for at in (whole, depth)]
        rows.append([source, percent(tuned[source]), cells[0], f"{cells[1]} ({depth})"])
    return TextTable(["source", "fine-tuned from it", "probe, whole", "probe, depth that validation chooses"], rows)


def views(place: Path) -> TextTable:
    """How well estimators that saw a view agree with what probes of it reached.

    There are no intervals: views of one source are not independent, and this is one target. The last column is the rank
    correlation over the views of the sources that learned their task.
    """
    probed = scores(place, LAYER_STUDY, TEST)
    whole = f"{BASELINE}_{probed.loc[BASELINE].index.max()}"
    probed.index = [f"{source}_{depth}" for source, depth in probed.index]
    predicted = read(place, VIEWS, ("source",)).set_index("source").select_dtypes("number")
    if missing := [view for view in predicted.index if view not in probed.index]:
        raise UserError(
            f"{place / VIEWS}: no probe of {', '.join(missing)} in {LAYER_STUDY.scores}; add it, or leave the view out"
        )
    judged = judge(predicted, probed.loc[predicted.index], baseline=whole)
    learned = [view for view in predicted.index if not view.startswith(f"{COLLAPSED}_")]
    without = judge(predicted.loc[learned], probed.loc[learned], baseline=whole)
    rows = [
        [METHODS.get(method, method), *agreement(judged.loc[method]), number(without.loc[method, "spearman"])]
        for method in order(judged)
    ]
    count = len(predicted.index.drop(whole, errors="ignore"))
    return TextTable(["method", f"rank of the best of {count}", *HEADINGS, f"without {COLLAPSED}"], rows)


def _chosen(place: Path) -> pd.DataFrame:
    """For each source the depth of the best mean on validation, and that mean."""
    means = scores(place, LAYER_STUDY, VALIDATION).mean(axis=1)
    best = {source: of_source.droplevel("source") for source, of_source in means.groupby(level="source", sort=False)}
    chosen = {source: (int(of_source.idxmax()), of_source.max()) for source, of_source in best.items()}
    return pd.DataFrame.from_dict(chosen, orient="index", columns=["depth", "validation"])


def _verdicts(place: Path, depths: pd.Series) -> TextTable:
    """The sources at these depths against the untouched encoder, over documents x seeds, Holm over the table."""
    settings = {str(source): (source, depth) for source, depth in depths.items()}
    compared = verdicts(place, LAYER_STUDY, settings, BASELINE)
    rows = [[one.setting, str(depths[one.setting]), *compared.cells(one)] for one in compared.comparisons]
    return TextTable(["source", "layers", *VERDICT_COLUMNS], rows)
