"""The Gateway: listens, takes connections, and restarts when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from venue_sandbox.exchange.control import venue_control
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import VenueFault, VenueFaults
from venue_sandbox.exchange.pacing import Pacer
from venue_sandbox.servers.serving import HOST, Ports, listening
from venue_sandbox.venues.tws import (
    accounts,
    connection,
    executions,
    history,
    lookups,
    orders,
    profits,
    quotes,
    reference,
)
from venue_sandbox.venues.tws.faults import TWS_FAULTS, Restart
from venue_sandbox.venues.tws.gateway import Pusher, change_gateway
from venue_sandbox.venues.tws.ids import OrderIds
from venue_sandbox.venues.tws.session import Read, Session, Venue

__all__ = ["Options", "serving"]

REQUESTS: Mapping[int, Read] = {
    **connection.REQUESTS,
    **accounts.REQUESTS,
    **reference.REQUESTS,
    **lookups.REQUESTS,
    **profits.REQUESTS,
    **history.REQUESTS,
    **quotes.REQUESTS,
    **orders.REQUESTS,
    **executions.REQUESTS,
}


@dataclass(frozen=True, slots=True)
class Options:
    """How a Gateway is set up: ``fill_delay`` is the seconds between two steps of an order."""

    version: int
    port: int = 0
    fill_delay: float = 0.02


class Gateway:
    """A listening socket, its connections, and the change of all: a restart."""

    def __init__(self, exchange: Exchange, options: Options) -> None:
        self._port = options.port
        self._connections: dict[asyncio.Task[None], Session] = {}
        self._server: asyncio.Server | None = None
        self._restarting: asyncio.Task[None] | None = None
        self.pacer = Pacer(exchange, options.fill_delay)
        self.faults = VenueFaults(TWS_FAULTS, self._change)
        self.venue = Venue(exchange, self.pacer, self.faults, OrderIds(exchange), REQUESTS, options.version)
        exchange.observers = (Pusher(self.venue), self.pacer)

    async def listen(self) -> int:
        """Take connections; return the port, which stays the same over restarts."""
        self._server = await asyncio.start_server(self._accept, HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self._port

    def stop(self) -> None:
        """Refuse connections, and reset those there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for session in self._connections.values():
            session.abort()

    async def end(self) -> None:
        """Stop for good; return when every connection has ended."""
        if self._restarting is not None:
            self._restarting.cancel()
        self.stop()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        session = Session(self.venue, reader, writer)
        self._connections[task] = session
        try:
            await session.run()
        finally:
            del self._connections[task]

    def _change(self, fault: VenueFault) -> None:
        if isinstance(fault, Restart):
            self.stop()
            if fault.id_rollback:
                self.venue.ids.roll_back(1)
            if self._restarting is not None:
                self._restarting.cancel()
            self._restarting = asyncio.create_task(self._come_back(fault.seconds))
        else:
            change_gateway(self.venue, fault)

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.listen()


@asynccontextmanager
async def serving(exchange: Exchange, options: Options) -> AsyncGenerator[Ports]:
    """Serve an exchange as a Gateway would; yield its port and that of its control endpoint."""
    gateway = Gateway(exchange, options)
    async with listening(venue_control(exchange, gateway.faults), 0) as control_port, asyncio.TaskGroup() as group:
        # In a group, so that a venue whose orders stand still ends with the reason instead of going on.
        pacing = group.create_task(gateway.pacer.run())
        try:
            yield {"port": await gateway.listen(), "control_port": control_port}
        finally:
            pacing.cancel()
            await gateway.end()
