"""The same work on many independent items: in this process, in several, or on a Dask cluster."""

from __future__ import annotations

import logging
import os
import pickle
import re
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["ALL_CORES", "ALONE", "Workers", "parse_workers", "spread"]

_BATCHES_EACH = 4
"""Batches per worker: fewer wait for the slowest one, more carry what is shared more often."""
_ANSWERS_WITHIN = 10
"""Seconds in which a cluster answers."""
_LOOKS_EVERY = 0.5
"""Seconds between two looks whether the process that is worked for is still there."""
_SHARED_FROM = 65_536
"""Bytes from which an array is mapped into the processes of this machine instead of copied to each."""

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Workers:
    """Who works.

    Attributes
    ----------
    processes
        How many on this machine; 1 is this one.
    scheduler
        Address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``, whose workers are taken instead.
    dask
        Whether the processes are those of a Dask cluster that is started on this machine.
    """

    processes: int = 1
    scheduler: str = ""
    dask: bool = False


ALONE = Workers()
ALL_CORES = Workers(os.cpu_count() or 1)
_MOST_PROCESSES = 256


def parse_workers(text: str) -> Workers:
    """Read who works: a number of processes, or the address of a scheduler; `InvalidInput` for anything else."""
    if text.isdecimal() and 1 <= int(text) <= _MOST_PROCESSES:
        return Workers(int(text))
    if re.fullmatch(r"tcp://[^/:]+:[0-9]{1,5}", text):
        return Workers(scheduler=text)
    raise InvalidInput(
        f"{text!r} is neither a number of processes, 1 to {_MOST_PROCESSES}, nor an address such as tcp://10.0.0.5:8786"
    )


def spread(
    work: Callable[[Shared, Item], Result],
    shared: Shared,
    items: Sequence[Item],
    workers: Workers,
    batch: int | None = None,
) -> Iterator[Result]:
    """Yield ``work(shared, item)`` of each item, in their order, each as soon as it and those before are done.

    Parameters
    ----------
    work
        A function of a module.
    shared
        Its large arrays are mapped into the processes of this machine; a cluster is sent it once.
    batch
        Items that are given away and come back together; None for four batches a worker.

    Raises
    ------
    InvalidInput
        The cluster cannot be reached, or the extra is not installed. What ``work`` raises is raised here.
    """
    if workers == ALONE or len(items) < 2:
        yield from (work(shared, item) for item in items)
        return
    joblib = _module("joblib")
    on_cluster = bool(workers.scheduler or workers.dask)
    carried = shared if on_cluster else _Packed.of(shared)
    with _backend(joblib, carried, workers) as count:
        size = batch or -(-len(items) // (count * _BATCHES_EACH))
        batches = [items[start : start + size] for start in range(0, len(items), size)]
        calls = (joblib.delayed(_batch)(work, carried, batch) for batch in batches)
        parallel = joblib.Parallel(n_jobs=count, batch_size=1, max_nbytes=_SHARED_FROM, return_as="generator")
        for results in parallel(calls):
            yield from results


def _batch(work: Callable[[Any, Item], Result], carried: object, items: Sequence[Item]) -> list[Result]:
    shared = carried.unpacked() if isinstance(carried, _Packed) else carried
    return [work(shared, item) for item in items]


@dataclass(frozen=True, slots=True)
class _Packed:
    """What processes of this machine share: pickled once, its arrays beside it, so that they are mapped, not copied.

    Attributes
    ----------
    parent
        The process that is worked for.
    """

    head: bytes
    buffers: list[NDArray[np.uint8]]
    parent: int

    @classmethod
    def of(cls, shared: object) -> Self:
        """Pack an object."""
        buffers: list[pickle.PickleBuffer] = []
        head = _module("cloudpickle").dumps(shared, protocol=5, buffer_callback=buffers.append)
        return cls(head, [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers], os.getpid())

    def unpacked(self) -> Any:
        """Return the object in the process of a worker, which ends with the one that it works for."""
        _end_with(self.parent)
        return pickle.loads(self.head, buffers=self.buffers)


@cache
def _end_with(parent: int) -> None:
    """End this process when the one it works for is gone: one that was killed does not say so."""
    threading.Thread(target=_wait_for_the_end, args=(parent,), daemon=True).start()


def _wait_for_the_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOKS_EVERY)
    os._exit(1)


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise InvalidInput(f"several processes need {name}: install quant-platform-kit[sweep]") from None


@contextmanager
def _backend(joblib: Any, shared: object, workers: Workers) -> Generator[int]:
    """Let joblib use the workers; gives how many there are."""
    if not workers.scheduler and not workers.dask:
        with joblib.parallel_config(backend="loky"):
            yield workers.processes
        return
    with _client(workers) as client, joblib.parallel_config(backend="dask", scatter=[shared]):
        yield max(1, len(client.scheduler_info(n_workers=-1)["workers"]))


@contextmanager
def _client(workers: Workers) -> Generator[Any]:
    try:
        distributed: Any = import_module("distributed")
        logging.getLogger("distributed.client").setLevel(logging.ERROR)  # what it tries again is nobody's news
    except ImportError:
        raise InvalidInput("a Dask cluster needs Dask: install quant-platform-kit[dask]") from None
    with _cluster(distributed, workers) if workers.dask else nullcontext(workers.scheduler) as address:
        try:
            host, _, port = address.rpartition("/")[2].rpartition(":")
            socket.create_connection((host, int(port)), _ANSWERS_WITHIN).close()  # a client that fails talks for long
            client = distributed.Client(address, timeout=_ANSWERS_WITHIN, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InvalidInput(f"no Dask scheduler answers at {address}: {error}; start one or correct it") from None
        with client, client.as_current():
            yield client


@contextmanager
def _cluster(distributed: Any, workers: Workers) -> Generator[str]:
    """Start a cluster that only this machine reaches; gives its address."""
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": logging.ERROR}
    with distributed.LocalCluster(n_workers=workers.processes, threads_per_worker=1, **options) as cluster:
        yield cluster.scheduler_address
