"""The table of rows behind metrics that no sum can hold: precision, resets, two processes."""

import json

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing

from transferlab.metrics.rows_metric import RowsMetric

ROWS = np.array([[0.1, 1.0], [0.2, 2.0], [1 / 3, 3.0]])


class SumOfRows(RowsMetric):
    def update(self, rows):
        self.add_rows(rows)

    def compute(self):
        rows = self.all_rows()
        return {"sum": float(rows.sum()), "items": len(rows)}


def test_rows_of_all_updates_in_order():
    metric = SumOfRows(2)
    assert metric.all_rows().shape == (0, 2)
    metric.update(ROWS[:2])
    metric.update(ROWS[2:])
    assert np.array_equal(metric.all_rows(), ROWS)


def test_reset_and_forward():
    metric = SumOfRows(2)
    metric.update(ROWS)
    assert metric(ROWS[:1])["items"] == 1  # forward scores the batch alone, and adds it
    assert metric.compute()["items"] == 4
    metric.reset()
    assert metric.all_rows().shape == (0, 2)
    metric.update(ROWS)
    assert metric.compute()["items"] == 3


def test_rows_stay_in_float64_in_a_module_of_any_precision():
    module = torch.nn.Module()
    module.metric = SumOfRows(2)
    module.metric.update(ROWS)
    module.to(torch.bfloat16).half()
    module.metric.update(ROWS)
    module.to(torch.bfloat16)
    assert np.array_equal(module.metric.all_rows(), np.vstack([ROWS, ROWS]))
    module.metric.reset()
    module.metric.update(ROWS)
    assert np.array_equal(module.metric.all_rows(), ROWS)


def join_rows(rank, folder):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    uneven, one_idle, idle = SumOfRows(2), SumOfRows(2), SumOfRows(2)
    uneven.update(ROWS[:1] if rank == 0 else ROWS[1:])
    if rank == 1:
        one_idle.update(ROWS)
    results = []
    for metric in (uneven, one_idle, idle):
        with metric.sync_context():
            results.append(metric.all_rows().tolist())
        metric.update(ROWS)  # on top of its own rows, not of those of all
        results.append(len(metric.all_rows()))
    (folder / f"{rank}.json").write_text(json.dumps(results))
    distributed.destroy_process_group()


@pytest.mark.slow
def test_rows_of_two_processes_one_of_them_without_any(tmp_path):
    multiprocessing.start_processes(join_rows, args=(tmp_path,), nprocs=2, start_method="fork")
    results = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert results[0] == [ROWS.tolist(), 4, ROWS.tolist(), 3, [], 3]
    assert results[1] == [ROWS.tolist(), 5, ROWS.tolist(), 6, [], 3]
