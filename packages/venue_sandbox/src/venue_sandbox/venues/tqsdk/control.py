"""The control endpoint: what the venue has received and done, and what a test may do to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from venue_sandbox.servers.control import CONTROL, fault_routes
from venue_sandbox.servers.faults import FaultError
from venue_sandbox.venues.tqsdk import operations
from venue_sandbox.venues.tqsdk.operations import Floor
from venue_sandbox.venues.tqsdk.settings import Treatment
from venue_sandbox.venues.tqsdk.venue import Arrival

__all__ = ["control_application"]

Document = TypeVar("Document", bound=BaseModel)
Operation = Callable[[Floor, Any], Any]
Look = Callable[[Floor, str | None], Any]


def control_application(floor: Floor) -> web.Application:
    """Return the control endpoint of a venue."""
    application = web.Application()
    faults = floor.server.faults
    application.add_routes(fault_routes(faults.arm, faults.clear, faults.requests))
    application.add_routes([_look(floor, name, look) for name, look in _LOOKS.items()])
    application.add_routes([_do(floor, name, model, do) for name, (model, do) in _OPERATIONS.items()])
    application.add_routes([web.delete(f"{CONTROL}treatment", _forget(floor))])
    return application


def _look(floor: Floor, name: str, look: Look) -> web.RouteDef:
    async def show(request: web.Request) -> web.Response:
        return web.json_response(look(floor, request.query.get("user")))

    return web.get(f"{CONTROL}{name}", show)


def _do(floor: Floor, name: str, model: type[BaseModel], do: Operation) -> web.RouteDef:
    async def run(request: web.Request) -> web.Response:
        try:
            answer = do(floor, model.model_validate_json(await request.text() or "{}"))
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in detail["loc"])
            return web.Response(status=400, text=f"{place}: {detail['msg']}\n")
        except (FaultError, json.JSONDecodeError) as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(status=204) if answer is None else web.json_response(answer)

    return web.post(f"{CONTROL}{name}", run)


def _forget(floor: Floor) -> Callable[[web.Request], Any]:
    async def clear(request: web.Request) -> web.Response:
        floor.venue.exceptions.clear()
        return web.Response(status=204)

    return clear


# --- what is looked at -----------------------------------------------------------------------------


def _arrivals(action: str) -> Look:
    def look(floor: Floor, user: str | None) -> list[dict[str, Any]]:
        return [_arrival(it) for it in floor.venue.arrivals if it.action == action and user in (None, it.user)]

    return look


def _arrival(arrival: Arrival) -> dict[str, Any]:
    document = asdict(arrival)
    request: dict[str, Any] = document.pop("request") or {}
    return {**document, **{name: value for name, value in request.items() if name != "id"}}


def _of_books(shown: Callable[[Any], Any]) -> Look:
    def look(floor: Floor, user: str | None) -> dict[str, Any]:
        return {name: shown(book) for name, book in floor.venue.books.items() if user in (None, name)}

    return look


def _orders(floor: Floor, user: str | None) -> list[dict[str, Any]]:
    """Return every order of the day, also those that are shown no more, with the id that the client gave it."""
    return [
        {**book.order_shown(order), "number": order.number, "client_order_id": order.request.id}
        for name, book in floor.venue.books.items()
        if user in (None, name)
        for order in book.orders.values()
    ]


def _filled(floor: Floor, user: str | None) -> list[dict[str, Any]]:
    """Return how many lots have traded, by user, symbol, side, offset and the id that the client gave."""
    lots: Counter[tuple[str, str, str, str, str]] = Counter()
    for name, book in floor.venue.books.items():
        for trade in book.trades.values():
            request = book.orders[trade.order].request
            lots[(name, request.symbol, request.direction, request.offset, request.id)] += trade.volume
    names = ("user", "symbol", "direction", "offset", "client_order_id")
    return [
        {**dict(zip(names, key, strict=True)), "volume": volume}
        for key, volume in lots.items()
        if user in (None, key[0])
    ]


def _state(floor: Floor, user: str | None) -> dict[str, Any]:
    venue, sockets = floor.venue, floor.server.sockets
    return {
        "trading_day": venue.day.text,
        "now": venue.clock.now().isoformat(),
        "gateway": asdict(venue.gateway),
        "duplicates": venue.settings.duplicates,
        "enforce_hours": venue.settings.enforce_hours,
        "td": [it.user for it in sockets.of("td", user)],
        "md": len(sockets.of("md")),
        "expired": sorted(venue.expired),
    }


def _quotes(floor: Floor, user: str | None) -> dict[str, Any]:
    return {symbol: asdict(quote) for symbol, quote in floor.venue.quotes.items()}


_LOOKS: dict[str, Look] = {
    "inserts": _arrivals("insert"),
    "cancels": _arrivals("cancel"),
    "orders": _orders,
    "trades": _of_books(lambda book: list(book.shown_trades().values())),
    "positions": _of_books(lambda book: book.shown_positions()),
    "account": _of_books(lambda book: book.account_shown()),
    "snapshot": _of_books(lambda book: {"orders": book.shown_orders(), "trades": book.shown_trades()}),
    "filled": _filled,
    "state": _state,
    "quotes": _quotes,
}

_OPERATIONS: dict[str, tuple[type[BaseModel], Operation]] = {
    "treatment": (Treatment, operations.treat),
    "tick": (operations.Tick, operations.tick),
    "fill": (operations.Fill, operations.fill),
    "orders": (operations.OtherOrder, operations.other_order),
    "positions": (operations.SetPosition, operations.set_position),
    "account": (operations.SetFunds, operations.set_funds),
    "clock": (operations.SetClock, operations.set_clock),
    "roll": (operations.Roll, operations.roll),
    "failover": (operations.Failover, operations.failover),
    "expire": (operations.Expire, operations.expire),
    "settings": (operations.Change, operations.change),
    "restart": (operations.Restart, operations.restart),
}
