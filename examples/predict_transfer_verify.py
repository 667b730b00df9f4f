"""Predict, transfer, verify, from Python: which source should help entities, what it did, and who was right.

    make transfer                                            # trains sources, embeds tasks, transfers; on the sample
    python examples/predict_transfer_verify.py logs/transfer/<time>

Prints tables and writes a picture beside the script's argument.
"""

from __future__ import annotations

import sys
from pathlib import Path

from transferlab.reporting.transfer_plots import plot_predictions
from transferlab.transferability import rank
from transferlab.transferability.judging import judge
from transferlab.transferability.measured import measured_transfer, relative_gain

TARGET = "ner"  # an experiment of configs/experiment
SOURCES = ("re", "squad", "mrpc")
METHODS = ("textemb", "taskemb", "logme", "hscore", "knn")


def main(made: Path) -> None:
    """Compare predictions with the sweep that ``make transfer`` has left in a folder."""
    models = {name: str(made / "models" / "pretrained" / name) for name in SOURCES}

    # predict: nothing is trained; a row per source, the best first
    library = made / "models" / "task_embeddings"
    predicted = rank(TARGET, models, method=METHODS, library=library)
    print(f"predicted for {TARGET} (larger is better):\n{predicted.round(3).to_string()}\n")

    # transfer: scores of the target, trained from each source and from the untouched encoder
    sweep = next((made / "transfer_sample" / "multiruns").iterdir())
    measured = measured_transfer(sweep)[TARGET].loc[[*SOURCES, "minilm"]]
    gains = relative_gain(measured, baseline="minilm")
    print(f"measured, {measured.attrs['score']} by seed:\n{measured.round(4).to_string()}\n")
    print(f"gain over no transfer, %:\n{gains.round(1).to_string()}\n")

    # verify: rank of the truly best source, regret, rank correlation; 'random' is what guessing gets
    scores = predicted.drop(columns=["score", "rank"])
    verdict = judge(scores, measured, baseline="minilm")
    print(verdict[["best_rank", "regret_1", "spearman"]].round(2).to_string())
    picture, _ = plot_predictions(scores, gains, made / "predict_transfer_verify", title=TARGET)
    print(f"\npicture: {picture}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1], "transfer_sample").is_dir():
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
