"""Several processes as one: each takes its share of every batch, and they exchange sums.

`torchrun --nproc-per-node N -m train.run ...` starts them, on one machine or on several. Averages are never exchanged:
shares differ in size. Without torchrun there is one process, its share is everything, and nothing here changes a bit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from models.errors import UserError
from models.initialise import random_stream

TIMEOUT = timedelta(seconds=50)
"""How long a process waits for another: all are gone within a minute of a machine's death. A process that dies by
itself is noticed at once, by its closed connections and by torchrun. Between GPUs it is NCCL's watchdog that ends those
who wait, with its own words instead of ours; nothing that was saved is lost."""
SAVING = timedelta(minutes=30)
"""How long the others wait where the first process may be writing gigabytes to a slow disk."""

Item = TypeVar("Item")
_patient: list[dist.ProcessGroup] = []


class LostProcessError(UserError):
    """Another process of the run ended, or did not answer in time."""

    exit_code = 1


def local_index() -> int | None:
    """This process's number among those that torchrun started on this machine; None without torchrun."""
    return int(os.environ["LOCAL_RANK"]) if dist.is_torchelastic_launched() else None


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Inside, the processes that torchrun started are one: over NCCL between GPUs, over gloo between CPUs.

    torchrun lets the group be made once: entered again inside, this changes nothing. After an error it is not
    destroyed, since NCCL would wait for what the others can no longer send; they learn of the error from the
    connections that close with this process.
    """
    if dist.is_initialized() or not dist.is_torchelastic_launched():
        yield
        return
    with _answered():
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
        _patient.append(dist.new_group(backend="gloo", timeout=SAVING))
    if device.type == "cuda":  # connect now, and not within the first update: what is wrong shows before any work
        all_reduce_([torch.zeros(1, device=device)])
        torch.cuda.synchronize(device)
    yield
    _patient.clear()
    dist.destroy_process_group()


def world_size() -> int:
    """How many processes make the run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_main_process() -> bool:
    """Whether this is the process that writes; the others write nothing."""
    return rank() == 0


def shard(items: Sequence[Item]) -> Sequence[Item]:
    """This process's part; each item is in exactly one process's part. Neighbours, alike in length, are dealt out."""
    return items[rank() :: world_size()]


def all_reduce_(tensors: Iterable[Tensor]) -> None:
    """Each tensor is, in place and in every process, the sum over all processes."""
    if world_size() > 1:
        with _answered():
            for work in [dist.all_reduce(tensor, async_op=True) for tensor in tensors]:
                work.wait()


def all_reduce_gradients_(model: nn.Module, *more: Tensor) -> None:
    """The gradients of all that learns, and the tensors given beside, are sums over all processes."""
    if world_size() > 1:
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        for parameter in learning:
            if parameter.grad is None:  # this process's shard was empty
                parameter.grad = torch.zeros_like(parameter)
        all_reduce_([*(parameter.grad for parameter in learning if parameter.grad is not None), *more])


def broadcast_(tensors: Iterable[Tensor]) -> None:
    """Each tensor is, in place, as the first process has it."""
    if world_size() > 1:
        with _answered():
            for work in [dist.broadcast(tensor, src=0, async_op=True) for tensor in tensors]:
                work.wait()


def all_reduce_max(number: int, after_saving: bool = False) -> int:
    """The largest of the processes' numbers, in every process; none returns before all have asked.

    Args:
        after_saving: the first process may have written a checkpoint before; the others wait for it up to `SAVING`.
    """
    if world_size() == 1:
        return number
    found = torch.tensor(number)
    with _answered(SAVING if after_saving else TIMEOUT):
        dist.all_reduce(found, dist.ReduceOp.MAX, group=_patient[0] if after_saving else None)
    return int(found)


def barrier(after_saving: bool = False) -> None:
    """None returns before all have come here; `after_saving` is that of `all_reduce_max`."""
    all_reduce_max(0, after_saving)


def all_gather_rows(rows: Sequence[Tensor], places: Sequence[int], count: int) -> Tensor:
    """The rows of all processes, each at its place, in every process.

    Args:
        rows: this process's float32 rows on the host, in batches; none where its share is empty.
        places: where each of them belongs.
        count: rows of all processes.
    """
    width = all_reduce_max(rows[0].shape[1] if rows else 0)
    gathered = torch.zeros(count, width)
    if rows:
        gathered[torch.tensor(places)] = torch.cat(list(rows))
    all_reduce_([gathered])
    return gathered


def seed_update(dropout: torch.Generator, device: torch.device, seed: int, step: int) -> None:
    """Of several processes, and on a GPU, an update's dropout follows from seed, rank and step: nothing is replayed.

    One process on a CPU draws from one stream all along, whose state is in the checkpoint.
    """
    number = random_stream(seed, f"dropout {rank()} {step}").initial_seed()
    if world_size() > 1:
        dropout.manual_seed(number)
    if device.type == "cuda":  # its kernels draw from the device's own stream
        torch.cuda.manual_seed(number)


@contextmanager
def _answered(limit: timedelta = TIMEOUT) -> Iterator[None]:
    """Inside, a process that does not answer becomes a user's error.

    Raises:
        LostProcessError: it ended, or is late by more than `limit`.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        said = str(error).rpartition("Last error:\n")[2]  # NCCL puts its reason there
        reason = said.partition("\n")[0].split(". ")[0]  # what follows is advice about bugs
        raise LostProcessError(
            f"another process of the run ended, or did not answer for {limit.seconds} s ({reason})"
        ) from None
