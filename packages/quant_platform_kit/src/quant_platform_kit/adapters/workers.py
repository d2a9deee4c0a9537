"""The same work on many independent items: in this process, in several, or on a Dask cluster."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["ALONE", "Workers", "spread"]

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
        Large arrays in it are mapped into the processes, or sent to a cluster once.
    batch
        Items that are given away and come back together; None for four batches a worker.

    Raises
    ------
    InvalidInput
        The cluster cannot be reached. What ``work`` raises is raised here.
    """
    if workers == ALONE or len(items) < 2:
        yield from (work(shared, item) for item in items)
        return
    joblib = _joblib()
    with _backend(joblib, shared, workers) as count:
        size = batch or -(-len(items) // (count * _BATCHES_EACH))
        batches = [items[start : start + size] for start in range(0, len(items), size)]
        parent = 0 if workers.scheduler or workers.dask else os.getpid()
        calls = (joblib.delayed(_batch)(work, shared, batch, parent) for batch in batches)
        parallel = joblib.Parallel(n_jobs=count, batch_size=1, max_nbytes=_SHARED_FROM, return_as="generator")
        for results in parallel(calls):
            yield from results


def _batch(work: Callable[[Shared, Item], Result], shared: Shared, items: Sequence[Item], parent: int) -> list[Result]:
    if parent:
        _end_with(parent)
    return [work(shared, item) for item in items]


@cache
def _end_with(parent: int) -> None:
    """End this process when the one it works for is gone: one that was killed does not say so."""
    threading.Thread(target=_wait_for_the_end, args=(parent,), daemon=True).start()


def _wait_for_the_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOKS_EVERY)
    os._exit(1)


def _joblib() -> Any:
    try:
        return import_module("joblib")
    except ImportError:
        raise InvalidInput("several processes need joblib: install quant-platform-kit[sweep]") from None


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
