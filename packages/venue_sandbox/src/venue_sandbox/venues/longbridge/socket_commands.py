"""What the two websockets answer, and what they are told without asking."""

from __future__ import annotations

import json
from collections.abc import Mapping

from venue_sandbox.exchange.orders import Execution, VenueOrder
from venue_sandbox.venues.longbridge import messages
from venue_sandbox.venues.longbridge.calls import NO_ACCESS
from venue_sandbox.venues.longbridge.context import LongBridgeContext
from venue_sandbox.venues.longbridge.messages import QuoteCommand, TradeCommand
from venue_sandbox.venues.longbridge.order_documents import order_event
from venue_sandbox.venues.longbridge.protobuf import Message
from venue_sandbox.venues.longbridge.quotes import QUERIES, Query, quote_values
from venue_sandbox.venues.longbridge.sockets import NOT_SERVED, Answered, Command, Denied, Kind, Socket, Sockets, Values
from venue_sandbox.venues.longbridge.symbols import named, symbol_of

__all__ = ["COMMANDS", "Pusher", "asking"]

PRIVATE = "private"
JSON_CONTENT = 1
DIRECT = 1
QUOTE = 1
"""The sub type of quotes; depth, brokers and trades are others."""
ORDER_CHANGED = "order_changed_lb"


class Pusher:
    """Observes an exchange, and tells the sockets of it that have subscribed."""

    def __init__(self, context: LongBridgeContext, sockets: Sockets) -> None:
        self._context = context
        self._sockets = sockets

    def order_changed(self, order: VenueOrder) -> None:
        """Tell of an order."""
        self._tell(order, None)

    def executed(self, order: VenueOrder, execution: Execution) -> None:
        """Tell of a fill."""
        self._tell(order, execution)

    def account_changed(self, account: str, symbol: str | None) -> None:
        """Nothing to do: balances are not pushed."""

    def price_changed(self, symbol: str) -> None:
        """Tell of a price."""
        for socket in self._sockets.of("quote"):
            if named(symbol) in socket.subscribed:
                _push_quote(socket, symbol)

    def _tell(self, order: VenueOrder, execution: Execution | None) -> None:
        event = {"event": ORDER_CHANGED, "data": order_event(self._context.exchange, order, execution)}
        notification = {
            "topic": PRIVATE,
            "content_type": JSON_CONTENT,
            "dispatch_type": DIRECT,
            "data": json.dumps(event).encode(),
        }
        body = messages.NOTIFICATION.encode(notification)
        for socket in self._sockets.of("trade"):
            if PRIVATE in socket.subscribed and socket.account == order.ticket.account:
                for _ in range(2 if order.number in self._context.venue.twice else 1):
                    socket.push(TradeCommand.NOTIFY, body)


def _push_quote(socket: Socket, symbol: str) -> None:
    exchange = socket.context.exchange
    quote = exchange.quote(symbol)
    if quote is not None:
        values = {**quote_values(exchange, exchange.listing.instruments[symbol], quote), "current_turnover": "0"}
        socket.push(QuoteCommand.PUSH_QUOTE, messages.PUSH_QUOTE.encode(values))


# --- trade -------------------------------------------------------------------------------------------


def _subscribe(socket: Socket, values: Values) -> Answered:
    wanted = list(dict.fromkeys(values["topics"]))
    failed = [{"topic": topic, "reason": "the topic is not known"} for topic in wanted if topic != PRIVATE]
    taken = [topic for topic in wanted if topic == PRIVATE]
    socket.subscribed.update(taken)
    return Answered(messages.TOPICS_RESULT, {"success": taken, "fail": failed, "current": sorted(socket.subscribed)})


def _unsubscribe(socket: Socket, values: Values) -> Answered:
    socket.subscribed.difference_update(values["topics"])
    return Answered(messages.TOPICS_RESULT, {"current": sorted(socket.subscribed)})


# --- quotes ------------------------------------------------------------------------------------------


def asking(query: Query) -> Command:
    """Return the command of a query."""

    def run(socket: Socket, values: Values) -> Answered:
        return Answered(query.answer, query.find(socket.context.exchange, values))

    return Command(query.operation, query.request, run)


def _subscribe_quotes(socket: Socket, values: Values) -> Answered:
    exchange = socket.context.exchange
    listed = [name for name in values["symbol"] if exchange.listing.find(symbol_of(name))]
    if unknown := sorted(set(values["symbol"]) - set(listed)):
        raise Denied(NOT_SERVED, f"symbol not found: {', '.join(unknown)}")
    if not values["sub_type"] or set(values["sub_type"]) - {QUOTE}:
        raise Denied(NO_ACCESS, f"of the sub types {values['sub_type']} the sandbox has quotes only ({QUOTE})")
    socket.subscribed.update(listed)

    def first() -> None:
        for name in listed:
            _push_quote(socket, symbol_of(name))

    return Answered(Message(), {}, first if values["is_first_push"] else None)


def _unsubscribe_quotes(socket: Socket, values: Values) -> Answered:
    if not values["sub_type"] or QUOTE in values["sub_type"]:
        socket.subscribed.difference_update(set(socket.subscribed) if values["unsub_all"] else values["symbol"])
    return Answered(Message(), {})


def _subscriptions(socket: Socket, values: Values) -> Answered:
    held = [{"symbol": name, "sub_type": [QUOTE]} for name in sorted(socket.subscribed)]
    return Answered(messages.SUBSCRIPTIONS, {"sub_list": held})


COMMANDS: Mapping[Kind, Mapping[int, Command]] = {
    "trade": {
        TradeCommand.SUBSCRIBE: Command("trade_subscribe", messages.TOPICS, _subscribe),
        TradeCommand.UNSUBSCRIBE: Command("trade_unsubscribe", messages.TOPICS, _unsubscribe),
    },
    "quote": {
        **{number: asking(query) for number, query in QUERIES.items()},
        QuoteCommand.SUBSCRIPTIONS: Command("quote_subscriptions", Message(), _subscriptions),
        QuoteCommand.SUBSCRIBE: Command("quote_subscribe", messages.SUBSCRIBE, _subscribe_quotes),
        QuoteCommand.UNSUBSCRIBE: Command("quote_unsubscribe", messages.UNSUBSCRIBE, _unsubscribe_quotes),
    },
}
