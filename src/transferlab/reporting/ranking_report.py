"""What ``rank.py`` leaves behind: tables on the terminal, a Markdown report, CSV files and pictures."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from transferlab.documents import write_atomically
from transferlab.reporting.judgement_plot import plot_agreement
from transferlab.reporting.judgement_tables import (
    comparison_sentences,
    comparison_table,
    explanation,
    judgement_table,
    perfect_predictor,
    reliability_sentence,
    unavailable_sentences,
    unscored_sentences,
)
from transferlab.reporting.task_space_plots import plot_task_graph, plot_task_map
from transferlab.reporting.text_table import TextTable
from transferlab.reporting.transfer_plots import plot_gain_distribution, plot_gain_grid, plot_predictions
from transferlab.reporting.transfer_tables import ranking_table, reasons_list, training_table
from transferlab.utils.escaping import markdown
from transferlab.utils.terminal import VisibleConsole

log = logging.getLogger(__name__)


class RankingReport:
    """Collects what was predicted for each target, and what was measured.

    Args:
        directory: of the files.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.console = VisibleConsole()
        self.lines = ["# Sources, ranked", ""]
        self.written: dict[str, str] = {}
        self._frames: dict[str, list[pd.DataFrame]] = {}
        self._gains: dict[str, pd.DataFrame] = {}

    def add(
        self,
        target: str,
        scores: pd.DataFrame,
        ranks: pd.DataFrame,
        *,
        measured: pd.DataFrame | None,
        gains: pd.DataFrame | None,
        layers: pd.DataFrame,
        components: pd.DataFrame,
        reasons: Mapping[str, Mapping[str, str]],
        items: Mapping[str, Any],
        left_out: Sequence[str] = (),
        trainings: pd.DataFrame | None = None,
    ) -> None:
        """A target.

        Args:
            target: its name.
            scores, ranks: sources x methods.
            measured, gains: sources x seeds; None where nothing was measured, or nothing to gain over.
            layers: source, method, layer and score of the estimators.
            components: source, embedding, component and cosine.
            reasons: why methods have no score.
            items: what the estimators looked at.
            left_out: sources that were trained on the corpus of the target.
            trainings: what sources were trained on, and how many of the target's documents are among it.
        """
        table = ranking_table(target, ranks, measured, gains)
        self.console.print(table.rich())
        self.lines += [f"## {markdown(target)}", "", table.markdown()]
        if left_out:
            self.lines += [f"Left out, trained on the corpus of the target: {markdown(', '.join(left_out))}.", ""]
        if trainings is not None and len(trainings):
            self.lines += [training_table(trainings).markdown()]
            self._keep("trainings", target, trainings)
        if items:
            looked = f"{items['items']} {items['items_are']} of {items['examples']} examples ({items['split']} split)"
            self.lines += [f"Estimators looked at {looked}, drawn with seed {items['seed']}.", ""]
        if without := reasons_list(reasons):
            self.lines += ["Without a score:", "", *(f"* {markdown(line)}" for line in without), ""]
            for line in without:
                log.info("without a score: %s", line)
        self._keep("scores", target, scores.rename_axis("source").reset_index())
        self._keep("layers", target, layers)
        self._keep("components", target, components)
        if measured is not None:
            self._keep("measured", target, measured.rename_axis("source").reset_index())
        if gains is not None and gains.notna().any(axis=None):
            self._gains[target] = gains
            name = "predictions_" + re.sub(r"[^\w.+-]", "_", target)
            self._picture(name, plot_predictions(scores, gains, self.directory / name, scores=measured, title=target))

    def judge(
        self,
        judged: pd.DataFrame,
        reliability: pd.DataFrame,
        static: Mapping[str, str],
        unavailable: Mapping[str, str],
        *,
        measure: str,
    ) -> None:
        """How well every candidate's order agrees with what was measured, and how sure that is.

        Args:
            judged: rows by target and candidate, with measures and their intervals; rows of means over targets stand
                under a name that is no target's.
            reliability: of what was measured, a row per target.
            static: what the static baselines among the candidates are.
            unavailable: why others are not among them.
            measure: the one that is drawn.
        """
        self.lines += ["## How well they predicted", "", *explanation(static)]
        for name in judged.index.get_level_values("target").unique():
            own = pd.DataFrame(judged.xs(name, level="target"))
            is_target = name in reliability.index
            perfect = perfect_predictor(reliability.loc[[name]] if is_target else reliability)
            self._show(
                judgement_table(str(name), own, perfect), judgement_table(str(name), own, perfect, intervals=False)
            )
            if is_target:
                self._say([*unscored_sentences(own), reliability_sentence(reliability.loc[name].to_dict())])
        self._say(unavailable_sentences(unavailable))
        self._keep("judged", None, judged.reset_index())
        self._keep("reliability", None, reliability.reset_index())
        drawn = plot_agreement(judged, self.directory / "agreement", measure=measure, targets=list(reliability.index))
        self._picture("agreement", drawn)

    def compare(self, compared: pd.DataFrame, *, fewest_targets: int, fewest_sources: int) -> None:
        """Verdicts on the candidates, or why there are none.

        Args:
            compared: a row per candidate beside the reference.
            fewest_targets: that a verdict needs.
            fewest_sources: that each of these targets needs.
        """
        if compared["targets"].max() >= fewest_targets:
            self._show(comparison_table(compared))
        self._say(comparison_sentences(compared, fewest_targets, fewest_sources))
        self._keep("compared", None, compared.reset_index())

    def space(self, kind: str, similarities: pd.DataFrame, targets: Sequence[str]) -> None:
        """The tasks as embeddings of one kind see them: a map, and who is nearest to whom."""
        self._picture(f"map_{kind}", plot_task_map(similarities, self.directory / f"map_{kind}", targets=targets))
        name = f"graph_{kind}"
        self._picture(name, plot_task_graph(similarities, self.directory / name, targets=targets))
        self._keep(f"similarities_{kind}", None, similarities.rename_axis("task").reset_index())

    def write(self) -> dict[str, str]:
        """Write everything; return the paths by name. Where no target was added there is nothing to write."""
        if not self._frames:
            return {}
        if self._gains:
            means = pd.DataFrame({target: gains.mean(axis=1) for target, gains in self._gains.items()})
            self._picture("gains", plot_gain_grid(means, self.directory / "gains"))
            self._picture("gain_distribution", plot_gain_distribution(means, self.directory / "gain_distribution"))
        for name, frames in self._frames.items():
            path = self.directory / f"{name}.csv"
            write_atomically(path, [pd.concat(frames, ignore_index=True).to_csv(index=False)])
            self.written[name] = str(path)
        pictures = [f"![{name}]({Path(path).name})" for name, path in self.written.items() if path.endswith(".png")]
        self.lines += ["## Pictures", "", *[line for picture in pictures for line in (picture, "")]] if pictures else []
        path = self.directory / "ranking.md"
        write_atomically(path, ["\n".join(self.lines)])
        self.written = {"report": str(path), **self.written}
        for name, place in self.written.items():
            log.info("%s: %s", name, place)
        return self.written

    def _show(self, table: TextTable, printed: TextTable | None = None) -> None:
        self.console.print((printed or table).rich())
        self.lines += [table.markdown()]

    def _say(self, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            self.console.print(sentence)
            self.lines += [markdown(sentence), ""]

    def _keep(self, name: str, target: str | None, frame: pd.DataFrame) -> None:
        if len(frame):
            frames = self._frames.setdefault(name, [])
            frames.append(frame if target is None else frame.assign(target=target))

    def _picture(self, name: str, paths: tuple[Path, Path]) -> None:
        self.written[name] = str(paths[0])
