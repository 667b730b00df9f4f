"""Select a source for a target from a library of task embeddings, from Python; nothing is trained, no model is loaded.

    python src/embed.py --multirun embedding=textemb experiment=ner,re,squad,mrpc,coref library=models/task_library
    python examples/select_source.py models/task_library ner          # textemb; or: ner textemb taskemb

The first command embeds the tasks of the sample, as arrays that ``numpy.load`` reads:
``models/task_library/<task>/textemb/avg_sequence_output.npy``. With ``embedding=taskemb``, see README, there is an
array for every component of the encoder. Prints the cosine of each component, the fused score and the rank of each
source, and draws the space of tasks twice, as a map and as a graph, into the library.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from transferlab.reporting.task_space_plots import plot_task_graph, plot_task_map
from transferlab.transferability.library import LibraryError, TaskLibrary
from transferlab.transferability.prediction import task_similarities
from transferlab.transferability.ranking import component_scores, fused, ranks


def main(directory: Path, target: str, kinds: Sequence[str] = ("textemb",)) -> pd.DataFrame:
    """Print and return the ranking by these kinds of embeddings; all of one kind must be made with one setting.

    Raises:
        LibraryError: a task that has one of these kinds, or the target, lacks another one.
    """
    library = TaskLibrary(directory)
    tasks = sorted({target}.union(*(library.tasks(kind) for kind in kinds)))
    if len(tasks) < 3:
        raise LibraryError(
            f"{directory} has {' and '.join(kinds)} of {len(tasks) - 1} task(s) beside {target}; embed two at least, "
            f"with python src/embed.py embedding={kinds[0]} experiment=..."
        )
    order = [target, *(task for task in tasks if task != target)]
    tables = []
    for kind, (wanted, *sources) in {kind: library.comparable(order, kind) for kind in kinds}.items():
        names = wanted.to_compare()
        cosines = component_scores(
            {name: wanted.vectors[name].numpy() for name in names},
            {source.task: {name: source.vectors[name].numpy() for name in names} for source in sources},
            target,
        )
        tables.append(cosines.add_prefix(f"{kind} "))
        similarity = task_similarities(library, tasks, kind)
        for draw, name in ((plot_task_map, "map"), (plot_task_graph, "graph")):
            picture, _ = draw(similarity, directory / f"{kind}_{name}", targets=[target], title=kind)
            print(f"picture: {picture}")
    scores = pd.concat(tables, axis="columns")
    ranking = scores.assign(score=fused(scores))
    ranking["rank"] = ranks(ranking[["score"]])["score"]
    ranking = ranking.sort_values("rank", kind="stable")
    print(f"\nsources for {target}, the best first:\n{ranking.round(4).to_string(max_cols=8)}")
    return ranking


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:] or ("textemb",))
    except LibraryError as error:
        sys.exit(f"error: {error}")
