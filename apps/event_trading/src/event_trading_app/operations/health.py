"""The page of a service for its supervisor: ``/healthz``, and ``/metrics`` for Prometheus."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.redaction import redact

from event_trading_app.operations.metrics import Metrics

__all__ = ["Health", "served"]

SHUTDOWN_SECONDS = 0.5
WAITING = "waiting"
"""What the state of a stage begins with that waits for something that is down."""


@dataclass(slots=True)
class Health:
    """What a service says of itself.

    Attributes
    ----------
    phase
        ``starting``, ``working`` or ``stopping``.
    details
        More, such as the mode and the account.
    state
        Returns what its stage does, empty where it has none.
    """

    service: str
    phase: str = "starting"
    details: dict[str, str] = field(default_factory=dict[str, str])
    state: Callable[[], str] = str

    @property
    def good(self) -> bool:
        """Whether it works: a stage that waits for something that is down does not."""
        return self.phase == "working" and not self.state().startswith(WAITING)


@asynccontextmanager
async def served(health: Health, metrics: Metrics, host: str, port: int) -> AsyncGenerator[int]:
    """Serve the page as long as the context lasts; yield its port.

    Raises
    ------
    InvalidInput
        Nobody can listen there.
    """

    async def healthz(_: web.Request) -> web.Response:
        state = {"state": redact(told)} if (told := health.state()) else {}
        document = {"service": health.service, "phase": health.phase, **state, **health.details}
        return web.json_response(document, status=200 if health.good else 503)

    async def figures(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/metrics", figures)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise InvalidInput(f"host {host}, port {port}: {error}; choose a free port") from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
