"""What the processes of a distributed run exchange; each function is the plain thing where there is one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

NO_TIMEOUT = timedelta(days=365)


def rank() -> int:
    """Which of the processes this is, from 0."""
    return distributed.get_rank() if _initialized() else 0


def summed(values: Tensor) -> Tensor:
    """The sums of ``values`` over all processes, each of which must call this with as many."""
    if not _initialized():
        return values
    total = values.detach().clone()
    distributed.all_reduce(total)
    return total


def of_all_processes(value: Any) -> list[Any]:
    """The ``value`` of each process, by its rank; all of them must call this."""
    if not _initialized():
        return [value]
    gathered: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(gathered, value)
    return gathered


def joint_mean(means: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
    """This process's share in means over the items of all processes, and those means.

    DDP averages the gradients of all processes, however many items each has read. The average of the gradients of the
    shares is the gradient of the joint mean, as one process would have it that reads all of these items at once.

    Args:
        means: [...] over the items of this process, any finite number where it has none.
        items: [...] their counts.

    Returns:
        the shares [...] and, without gradients, the joint means [...]; 0 where no process has an item.
    """
    if not _initialized():
        return means, means.detach()
    sums = summed(torch.stack([means.detach() * items, items.to(means.dtype)]))
    total = sums[1].clamp(min=1)
    return means * (items * distributed.get_world_size() / total), sums[0] / total


def log_weight(items: int) -> int:
    """The ``batch_size`` of so many items for Lightning's ``log`` with ``sync_dist``.

    Lightning divides the sum of all processes' by their number and rounds it down: by up to a percent, means of small
    splits would be wrong.
    """
    return items * (distributed.get_world_size() if _initialized() else 1)


@contextmanager
def main_process_first() -> Iterator[None]:
    """Let the other processes go through a block when the first one has, however long that takes."""
    if not _initialized():
        yield
        return
    group = distributed.new_group(backend="gloo", timeout=NO_TIMEOUT)  # NCCL would give up after some minutes
    main = rank() == 0
    if not main:
        distributed.barrier(group)
    yield
    if main:
        distributed.barrier(group)
    distributed.destroy_process_group(group)


def _initialized() -> bool:
    return distributed.is_available() and distributed.is_initialized()
