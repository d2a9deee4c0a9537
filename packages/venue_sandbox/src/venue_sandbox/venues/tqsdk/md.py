"""The market data server: quotes, and what the query service says of contracts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from venue_sandbox.venues.tqsdk.contracts import descriptions
from venue_sandbox.venues.tqsdk.quotes import quote_document
from venue_sandbox.venues.tqsdk.sockets import Message, Socket, Sockets
from venue_sandbox.venues.tqsdk.trading_time import ZONE
from venue_sandbox.venues.tqsdk.venue import Venue

__all__ = ["MarketDataServer"]

SYMBOL = re.compile(r'"([A-Z]+\.[^"\\,]+)\\?"')
LISTED = re.compile(r"multi_symbol_info\(class: \[FUTURE\], expired: false\)")
"""What `query_quotes(ins_class="FUTURE", expired=False)` asks: the one query without names that is served."""
FIRST: Message = {"mdhis_more_data": False, "quotes": {}, "ins_list": "", "charts": {}}


@dataclass(slots=True)
class MarketDataServer:
    """Answers the market data connections."""

    venue: Venue
    sockets: Sockets

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection."""
        return await self.sockets.serve(request, "md", lambda feed: feed.push([FIRST]), self.read)

    def read(self, socket: Socket, message: Message) -> None:
        """Do what a message asks for."""
        match message.get("aid"):
            case "subscribe_quote":
                self._subscribe(socket, str(message.get("ins_list", "")))
            case "ins_query":
                self._query(socket, message)
            case "set_chart":
                self._chart(socket, message)
            case _:
                pass

    def quoted(self, symbols: Iterable[str]) -> None:
        """Tell those who have subscribed to symbols."""
        moved = frozenset(symbols)
        for socket in self.sockets.of("md"):
            if wanted := {it for it in socket.symbols if _underlying(self.venue, it) in moved}:
                socket.feed.push([{"quotes": self._quotes(wanted)}])

    def _subscribe(self, socket: Socket, names: str) -> None:
        known = frozenset(name for name in names.split(",") if _underlying(self.venue, name) in self.venue.quotes)
        socket.symbols = known
        socket.feed.push([{"quotes": self._quotes(known), "ins_list": names, "mdhis_more_data": False}])

    def _quotes(self, symbols: Iterable[str]) -> dict[str, Any]:
        now = self.venue.clock.now().astimezone(ZONE)
        return {it: quote_document(it, self.venue.quotes[_underlying(self.venue, it)], now) for it in sorted(symbols)}

    def _query(self, socket: Socket, message: Message) -> None:
        """Describe the symbols that a query names; forget one that has become empty, and never answer it again."""
        name, query = message.get("query_id", ""), message.get("query", "")
        if not query:
            socket.feed.push([{"symbols": {name: None}}])
            return
        variables = message.get("variables", {})
        known = descriptions(self.venue.contracts.values(), frozenset(self.venue.expired))
        asked = dict.fromkeys(SYMBOL.findall(f"{query} {json.dumps(variables)}"))
        if LISTED.search(query):
            asked |= dict.fromkeys(
                symbol for symbol, it in known.items() if it["class"] == "FUTURE" and not it["expired"]
            )
        found = [known[symbol] for symbol in asked if symbol in known]
        answer = {"query_id": name, "query": query, "variables": variables, "result": {"multi_symbol_info": found}}
        socket.feed.push([{"symbols": {name: answer}}])

    def _chart(self, socket: Socket, message: Message) -> None:
        """Answer that there is no history."""
        chart = {"state": message, "left_id": -1, "right_id": -1, "more_data": False, "ready": True}
        socket.feed.push([{"charts": {message.get("chart_id", ""): chart}, "mdhis_more_data": False}])


def _underlying(venue: Venue, symbol: str) -> str:
    """Return the symbol whose quote a symbol has: of the main contract of a product, that of the contract."""
    if not symbol.startswith("KQ.m@"):
        return symbol
    exchange, _, code = symbol.removeprefix("KQ.m@").partition(".")
    return next(
        (it.symbol for it in venue.contracts.values() if (it.product.exchange, it.product.code) == (exchange, code)), ""
    )
