"""One client's connection, and what all connections share."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn
from zoneinfo import ZoneInfo

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import VenueFaults
from venue_sandbox.exchange.instruments import Instrument
from venue_sandbox.exchange.orders import VenueOrder
from venue_sandbox.exchange.pacing import Pacer
from venue_sandbox.exchange.treatment import Treatment
from venue_sandbox.servers.control import reset_on_close
from venue_sandbox.venues.tws.calls import CALLS
from venue_sandbox.venues.tws.codec import GREETING, BadFrame, Fields, Value, frame, read_frame
from venue_sandbox.venues.tws.fault_injection import NO_REQUEST, Request, inject
from venue_sandbox.venues.tws.ids import OrderIds, client_of

__all__ = ["OLDEST_VERSION", "VERSIONS", "Read", "Session", "Summary", "Venue"]

VERSIONS = (176, 178)
OLDEST_VERSION = 164
ADVANCED_REJECT_SINCE = 166
UNKNOWN_MESSAGE = 505
UNREADABLE = 320
BAD_MESSAGE = 507
BAD_LENGTH = "Bad Message Length"
UNKNOWN = -1
START_MESSAGE = 71
RANGE = re.compile(r"v(\d+)\.\.(\d+)(?: .*)?")
LIVE = "live"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a request for message 63 wants: an account (None for all) and its tags."""

    account: str | None
    tags: frozenset[str]


@dataclass(slots=True)
class Venue:
    """What all connections share.

    Attributes
    ----------
    requests
        The reader of each message a client may send.
    sessions
        Connections by client id, once they have said it.
    market_data
        What may be seen of a symbol, or of all others under None: live, delayed or none.
    twice
        Client and order id of orders of which everything is told twice.
    cut
        Numbers of orders whose client loses its connection when they have filled as far as they may.
    """

    exchange: Exchange
    pacer: Pacer
    faults: VenueFaults
    ids: OrderIds
    requests: Mapping[int, Read]
    version: int = VERSIONS[0]
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("America/New_York"))
    sessions: dict[int, Session] = field(default_factory=dict[int, "Session"])
    market_data: dict[str | None, str] = field(default_factory=lambda: {None: LIVE})
    twice: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    cut: set[int] = field(default_factory=set[int])

    def owner(self, order: VenueOrder) -> Session | None:
        """Return the connection of the client that sent an order."""
        return self.sessions.get(client_of(order))

    def seen(self, symbol: str) -> str:
        """Return whether quotes of a symbol are live, delayed or none."""
        return self.market_data.get(symbol, self.market_data[None])


@dataclass(slots=True)
class Session:
    """A connection: who is at the other end, what it has subscribed to, and a way to write to it.

    Attributes
    ----------
    client
        The client id; None until it is told.
    version
        The server version agreed on.
    account_updates, multi_updates
        The account it hears of by message 6, and accounts by request id that it hears of by message 73.
    multi_positions, summaries, profits
        By request id: accounts (None for all) whose positions it hears of by message 71; accounts and tags of which it
        hears by message 63; accounts and their instruments (None for all) whose profit it hears of.
    ledger_only
        The requests for message 73 that want cash and stocks by currency only.
    tickers
        Instruments by request id whose prices it hears of.
    silenced
        Numbers of orders it hears nothing of until it asks, changes or cancels.
    """

    venue: Venue
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    client: int | None = None
    version: int = 0
    account_updates: str | None = None
    multi_updates: dict[int, str] = field(default_factory=dict[int, str])
    ledger_only: set[int] = field(default_factory=set[int])
    multi_positions: dict[int, str | None] = field(default_factory=dict[int, str | None])
    summaries: dict[int, Summary] = field(default_factory=dict[int, "Summary"])
    profits: dict[int, tuple[str, Instrument | None]] = field(default_factory=dict[int, tuple[str, Instrument | None]])
    positions: bool = False
    tickers: dict[int, Instrument] = field(default_factory=dict[int, Instrument])
    data_type: int = 1
    silenced: set[int] = field(default_factory=set[int])
    _muted: bool = False

    @property
    def exchange(self) -> Exchange:
        """The exchange behind the wire."""
        return self.venue.exchange

    async def run(self) -> None:
        """Serve until the connection ends."""
        try:
            if await self._is_greeted():
                await self._serve()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            if self.client is not None and self.venue.sessions.get(self.client) is self:
                del self.venue.sessions[self.client]
            self.writer.close()

    async def _serve(self) -> None:
        """Answer messages until one has no length that could be right, as nothing after it can be read."""
        while True:
            try:
                fields = Fields(await read_frame(self.reader))
            except BadFrame as error:
                self.error(NO_REQUEST, BAD_MESSAGE, f"{BAD_LENGTH} {error}")
                return
            self._receive(fields)
            await self.writer.drain()

    def send(self, *values: Value) -> None:
        """Write a message, unless the connection has ended or is to hear nothing."""
        if not self._muted and not self.writer.is_closing():
            self.writer.write(frame(values))

    def error(self, request: int, code: int, text: str) -> None:
        """Write message 4; ``request`` is the id it is about, -1 for none."""
        extra = ("",) if self.version >= ADVANCED_REJECT_SINCE else ()
        self.send(4, 2, request, code, text, *extra)

    def abort(self) -> None:
        """Reset the connection."""
        reset_on_close(self.writer.transport)
        self.writer.transport.abort()

    def close(self) -> None:
        """Close the connection after what was written."""
        self.writer.close()

    @contextmanager
    def muted(self) -> Generator[None]:
        """Let nothing be written."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False

    def hears(self, order: VenueOrder) -> bool:
        """Whether the session is told what happens to an order; one that comes up while it is muted is silenced."""
        if self._muted:
            self.silenced.add(order.number)
        return order.number not in self.silenced

    async def _is_greeted(self) -> bool:
        """Agree on a version; what is not the protocol at all is not answered."""
        try:
            await self._greet()
        except BadFrame:
            return False
        return True

    async def _greet(self) -> None:
        if await self.reader.readexactly(len(GREETING)) != GREETING:
            raise BadFrame("no greeting")
        spoken = RANGE.fullmatch(await read_frame(self.reader))
        if spoken is None:
            raise BadFrame("no range of versions")
        self.version = min(self.venue.version, int(spoken[2]))
        if self.version < max(OLDEST_VERSION, int(spoken[1])):
            self._refuse()
        now = self.exchange.now().astimezone(self.venue.zone)
        self.send(self.version, f"{now:%Y%m%d %H:%M:%S} {self.venue.zone.key}")

    def _refuse(self) -> NoReturn:
        self.error(NO_REQUEST, 503, "The TWS is out of date and must be upgraded.")
        raise BadFrame("no common version")

    def _receive(self, fields: Fields) -> None:
        """Answer a message; one that cannot be read, or is refused, is an error that names its request."""
        call = CALLS.get(fields.integer_at(0, UNKNOWN))
        place = None if call is None else call.request_at
        about = NO_REQUEST if place is None else fields.integer_at(place, NO_REQUEST)
        try:
            number = fields.integer()
            if self.client is None and number != START_MESSAGE:
                raise BadFrame("the client has not said who it is")
            read = self.venue.requests.get(number)
            request = None if read is None else read(self, fields)
        except BadFrame as error:
            self.error(about, UNREADABLE, f"Error reading request. {error}")
            return
        if request is not None:
            inject(self, request, self.venue.faults.take(request.facts))
        elif call is None:
            self.error(NO_REQUEST, UNKNOWN_MESSAGE, f"Fatal Error: Unknown message id. {number}")
        elif call.treatment is Treatment.REFUSED:
            self.error(about, call.code, call.text)


Read = Callable[[Session, Fields], Request]
