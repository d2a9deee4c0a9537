"""Whether a service lives, and whether its stores take writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Semaphore

from anyio import CapacityLimiter, fail_after, to_thread
from fastapi import FastAPI, Response

from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.services.observe.readiness import make_sure_it_writes
from quant_platform_kit.web.answers import as_json, described
from quant_platform_kit.web.errors import stopping

__all__ = ["add_health"]

READY_THREADS = 8
"""Threads of ``/ready``, which no trigger that hangs takes."""
READY_SECONDS = 10.0
"""How long ``/ready`` waits for the stores."""


def add_health(
    app: FastAPI, stores: Callable[[], Sequence[VersionedStore]], about: Mapping[str, object], stop: StopSignal
) -> None:
    """Add ``/health`` and ``/ready``.

    Parameters
    ----------
    stores
        What has to take writes.
    about
        What ``/ready`` says beside that it is.
    stop
        Set when the process is told to stop.
    """

    async def health() -> Response:
        return as_json({"status": "stopping" if stop.is_set else "ok"})

    limiter, free = CapacityLimiter(READY_THREADS), Semaphore(READY_THREADS)

    def stores_write() -> None:
        try:
            for store in stores():
                make_sure_it_writes(store)
        finally:
            free.release()

    async def ready() -> Response:
        if stop.is_set:
            return stopping()
        if not free.acquire(blocking=False):
            raise StoreError(f"the stores do not answer: {READY_THREADS} earlier calls wait for them")
        try:
            with fail_after(READY_SECONDS):
                await to_thread.run_sync(stores_write, abandon_on_cancel=True, limiter=limiter)
        except TimeoutError:
            raise StoreError(f"the stores do not answer within {READY_SECONDS:g} s") from None
        return as_json({"ready": True, **about})

    app.add_api_route("/health", health, methods=["GET"], responses=described(200))
    app.add_api_route("/ready", ready, methods=["GET"], responses=described(200, 503))
