import math

import pytest

from transferlab.reporting.curves import plot_curves, read_metrics

SPARSE = """epoch,step,lr,train/loss_step,train/loss_epoch,val/loss,val/conll_f1
0,0,0.1,4.0,,,
0,1,0.1,2.0,,,
0,1,,,,2.5,0.25
0,1,,,3.0,,
1,3,,,,2.0,0.75
1,3,,,1.0,,
2,5,,,,1.5,0.5
"""


@pytest.fixture
def run(tmp_path):
    directory = tmp_path / "run" / "csv" / "version_0"
    directory.mkdir(parents=True)
    (directory / "metrics.csv").write_text(SPARSE)
    return tmp_path / "run"


def test_sparse_rows_become_one_row_per_epoch(run):
    epochs = read_metrics(run)
    assert list(epochs.index) == [0, 1, 2]
    assert list(epochs["val/conll_f1"]) == [0.25, 0.75, 0.5]
    assert list(epochs["train/loss_epoch"])[:2] == [3.0, 1.0] and math.isnan(epochs["train/loss_epoch"][2])
    assert epochs["train/loss_step"][0] == 3.0
    assert read_metrics(run / "csv" / "version_0" / "metrics.csv").equals(epochs)


def test_a_resumed_run_goes_on_in_a_second_file(run):
    resumed = run / "csv" / "version_1"
    resumed.mkdir()
    (resumed / "metrics.csv").write_text("epoch,step,val/conll_f1\n2,5,0.625\n3,7,0.875\n")
    assert list(read_metrics(run)["val/conll_f1"]) == [0.25, 0.75, 0.625, 0.875]


def logged(steps_per_epoch: int, validations: dict[int, float], steps: int) -> str:
    """A metrics.csv with {step: val/f1}, and a training loss that is the epoch at each of its steps."""
    lines = ["epoch,step,train/loss,val/f1"]
    for step in range(steps):
        epoch = step // steps_per_epoch
        lines.append(f"{epoch},{step},{epoch},")
        if step in validations:
            lines.append(f"{epoch},{step},,{validations[step]}")
    return "\n".join(lines) + "\n"


def test_each_validation_of_an_epoch_is_a_point(tmp_path):
    # ended early, in the middle of epoch 2
    scores = {1: 0.1, 3: 0.2, 5: 0.9, 7: 0.3, 9: 0.5}
    (tmp_path / "metrics.csv").write_text(logged(4, scores, steps=10))
    run = read_metrics(tmp_path)
    assert run["val/f1"].dropna().to_dict() == {-0.5: 0.1, 0: 0.2, 0.5: 0.9, 1: 0.3, 1.5: 0.5}
    assert run["train/loss"].dropna().to_dict() == {0: 0, 1: 1, 2: 2}
    _, svg = plot_curves({"a": tmp_path}, tmp_path / "curves", metric="val/f1")
    assert "<!-- a: 0.900 in epoch 1 -->" in svg.read_text()


def test_validations_stand_where_they_were_after_epochs_without_any(tmp_path):
    lines = ["epoch,step,val/f1", *(f"{e},{s},{s}" for e, s in [(1, 5), (1, 7), (3, 13), (3, 15)])]
    (tmp_path / "metrics.csv").write_text("\n".join(lines))
    assert read_metrics(tmp_path)["val/f1"].to_dict() == {0.5: 5, 1: 7, 2.5: 13, 3: 15}


def test_curves_are_drawn_as_png_and_svg_and_are_reproducible(run, tmp_path):
    png, svg = plot_curves({"seed 1": run, "seed 2": run}, tmp_path / "plots" / "curves.png")
    assert png.read_bytes().startswith(b"\x89PNG") and svg.name == "curves.svg"
    first = svg.read_text()
    # matplotlib notes every text that it draws as a comment
    for text in (
        "seed 1: 0.750 in epoch 1",
        "seed 2: 0.750 in epoch 1",
        "val/conll_f1, best circled",
        "loss",
        "epoch",
    ):
        assert f"<!-- {text} -->" in first
    plot_curves({"seed 1": run, "seed 2": run}, tmp_path / "plots" / "curves")
    assert svg.read_text() == first
    assert sorted(path.name for path in svg.parent.iterdir()) == ["curves.png", "curves.svg"]


def test_the_best_of_a_loss_is_its_lowest_value(run, tmp_path):
    _, svg = plot_curves({"a": run}, tmp_path / "curves", metric="val/loss")
    assert "<!-- a: 1.500 in epoch 2 -->" in svg.read_text()


def test_without_losses_there_is_one_panel(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,step,val/conll_f1\n0,1,0.5\n")
    _, svg = plot_curves({"a": tmp_path}, tmp_path / "curves")
    assert "<!-- loss -->" not in svg.read_text()


def test_errors_name_what_is_missing(run, tmp_path):
    with pytest.raises(ValueError, match=r"run 'a' .* has logged no 'val/f1'; it has lr, train/loss_step"):
        plot_curves({"a": run}, tmp_path / "curves", metric="val/f1")
    with pytest.raises(FileNotFoundError, match=r"no metrics.csv in .*nowhere; train with logger=csv"):
        read_metrics(tmp_path / "nowhere")
    (tmp_path / "metrics.csv").write_text("step,loss\n1,2\n")
    with pytest.raises(ValueError, match="has no column 'epoch'"):
        read_metrics(tmp_path / "metrics.csv")
    with pytest.raises(ValueError, match="no run to draw"):
        plot_curves({}, tmp_path / "curves")
