"""The same work on many independent items: in this process, in several, or on a Dask cluster."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["ALONE", "Workers", "spread"]

_BATCHES_EACH = 4
"""Batches per worker: fewer wait for the slowest one, more carry what is shared more often."""
_ANSWERS_WITHIN = 10
"""Seconds in which a cluster answers."""

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
    """

    processes: int = 1
    scheduler: str = ""


ALONE = Workers()


def spread(
    work: Callable[[Shared, Item], Result], shared: Shared, items: Sequence[Item], workers: Workers
) -> Iterator[Result]:
    """Yield ``work(shared, item)`` of each item, in their order, each as soon as it and those before are done.

    Parameters
    ----------
    work
        A function of a module.

    Raises
    ------
    InvalidInput
        The cluster cannot be reached. What ``work`` raises is raised here.
    """
    if workers == ALONE or len(items) < 2:
        yield from (work(shared, item) for item in items)
        return
    joblib: Any = import_module("joblib")
    with _backend(joblib, shared, workers) as count:
        size = -(-len(items) // (count * _BATCHES_EACH))
        batches = [items[start : start + size] for start in range(0, len(items), size)]
        calls = (joblib.delayed(_batch)(work, shared, batch) for batch in batches)
        for results in joblib.Parallel(n_jobs=count, batch_size=1, return_as="generator")(calls):
            yield from results


def _batch(work: Callable[[Shared, Item], Result], shared: Shared, items: Sequence[Item]) -> list[Result]:
    return [work(shared, item) for item in items]


@contextmanager
def _backend(joblib: Any, shared: object, workers: Workers) -> Generator[int]:
    """Let joblib use the workers; gives how many there are."""
    if not workers.scheduler:
        with joblib.parallel_config(backend="loky"):
            yield workers.processes
        return
    with _cluster(workers.scheduler) as client, joblib.parallel_config(backend="dask", scatter=[shared]):
        yield max(1, len(client.scheduler_info(n_workers=-1)["workers"]))


@contextmanager
def _cluster(address: str) -> Generator[Any]:
    try:
        distributed: Any = import_module("distributed")
        logging.getLogger("distributed.client").setLevel(logging.ERROR)  # what it tries again is nobody's news
    except ImportError:
        raise InvalidInput("a Dask cluster needs Dask: install snapshot-pipelines[dask]") from None
    try:
        host, _, port = address.rpartition("/")[2].rpartition(":")
        socket.create_connection((host, int(port)), _ANSWERS_WITHIN).close()  # a client that fails talks for long
        client = distributed.Client(address, timeout=_ANSWERS_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"no Dask scheduler answers at {address}: {error}; start one or correct it") from None
    with client, client.as_current():
        yield client
