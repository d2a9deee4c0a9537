"""The paper broker as a process of its own: durable, with connections, working orders and faults on demand.

``python -m quant_platform_kit.paper.venue --folder DIR`` binds a free loopback port, prints ``{"port": N}`` and
speaks one JSON object a line. A login makes every older connection of the account powerless. With ``--dedupe off`` a
repeated client order id makes a second order, as at a broker that does not know such ids.

The venue tells the time, of each account on its own: real time, or moved by as much as ``clock`` was told. With a price
file it quotes the close of the session the account is in, and refuses orders outside its hours. ``prices`` overrides
the file: for all accounts, or for the ``account`` named. Prices that were set, ages of quotes and what was arranged for
orders are forgotten when the process ends; all else is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.digests import canonical_json, plain
from quant_platform_kit.domain.errors import OrderRejected
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, check_prices
from quant_platform_kit.domain.paper_book import marketable
from quant_platform_kit.domain.planning import ExecutionRules
from quant_platform_kit.paper.accounts import ONE, Fault, VenueAccount
from quant_platform_kit.paper.prices import Closes

__all__ = ["Fault", "PaperVenue", "funding", "main"]

_ORDER = TypeAdapter(Order)


STANDARD_INPUT = 0
_FAULTY = {Fault.REJECT: "the venue does not like it", Fault.CASH_SHORT: "not enough cash"}
_SILENT = frozenset({Fault.SILENT, Fault.SILENT_DROP, Fault.DELAYED_ACCEPT, Fault.DROP_AFTER})


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a request gets: a document, silence, or a cut connection; and whether every other connection is cut."""

    document: dict[str, Any] | None
    hang_up: bool = False
    cut_others: bool = False


class PaperVenue:
    """Accounts, prices and faults; every change is on disk before it is answered."""

    def __init__(
        self, folder: Path, *, dedupe: bool, delay: float, rules: ExecutionRules, closes: Closes | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._dedupe, self._delay, self._rules, self._closes = dedupe, delay, rules, closes
        self._clock = SystemClock()
        self.accounts: dict[str, VenueAccount] = {}
        self.prices: dict[str, Decimal] = {}
        path = folder / "venue.jsonl"
        for line in path.read_bytes().splitlines() if path.exists() else ():
            self._apply(json.loads(line))
        self._journal = path.open("ab", buffering=0)
        self._operations: dict[str, Callable[[dict[str, Any]], _Answer]] = {
            "fund": self._fund,
            "prices": self._set_prices,
            "fault": self._plan_faults,
            "adjust": self._adjust,
            "arrange": self._arrange,
            "release": self._release,
            "split": self._split,
            "stale": self._age_quotes,
            "cut": self._cut,
            "clock": self._set_clock,
            "time": self._time,
            "quotes": self._quotes,
            "dump": self._dump,
            "login": self._login,
            "submit": self._submit,
            "find": self._find,
            "cancel": self._cancel,
            "open_orders": self._open_orders,
            "account": self._account,
        }

    def handle(self, request: dict[str, Any]) -> _Answer:
        """Do what a request asks; requests of a superseded connection are refused."""
        operation = self._operations[request["op"]]
        if request.get("account", "") not in {"", *self.accounts} and request["op"] != "fund":
            return _Answer({"error": "rejected", "text": f"account {request['account']} is not known here"})
        connection = request.get("connection")
        if connection is not None and connection != self.accounts[request["account"]].connection:
            return _Answer({"error": "superseded", "text": "a newer login took this account's connection"})
        return operation(request)

    # --- control ---------------------------------------------------------------------------------

    def _fund(self, request: dict[str, Any]) -> _Answer:
        """Open an account, unless it is there; ``other_cash`` is cash in other currencies."""
        event = {"event": "FUNDED", "account": request["account"], "cash": request["cash"]}
        if other_cash := request.get("other_cash"):
            event["other_cash"] = other_cash
        if request["account"] not in self.accounts:
            self._commit(event)
        return _Answer({})

    def _set_prices(self, request: dict[str, Any]) -> _Answer:
        """Set prices of all accounts or, with an ``account``, of one."""
        prices = {symbol: Decimal(price) for symbol, price in request["prices"].items()}
        if name := request.get("account"):
            self.accounts[name].prices |= prices
        else:
            self.prices |= prices
        for each in [name] if name else self.accounts:
            self._meet_prices(each)
        return _Answer({})

    def _plan_faults(self, request: dict[str, Any]) -> _Answer:
        account = self.accounts[request["account"]]
        account.faults = deque(Fault(name) for name in request["faults"])
        return _Answer({})

    def _adjust(self, request: dict[str, Any]) -> _Answer:
        """Change a holding or the cash behind the platform's back."""
        self._commit({"event": "ADJUSTED", **{name: request[name] for name in ("account", "quantities", "cash")}})
        return _Answer({})

    def _arrange(self, request: dict[str, Any]) -> _Answer:
        """Have the order of an id fill to a share only, when it comes, and then wait until it is released."""
        self.accounts[request["account"]].shares[request["client_order_id"]] = Decimal(request["share"])
        return _Answer({})

    def _release(self, request: dict[str, Any]) -> _Answer:
        """Fill every working order that the prices allow."""
        account = self.accounts[request["account"]]
        account.held.clear()
        for number in account.working:
            self._fill(request["account"], number)
        return _Answer({})

    def _split(self, request: dict[str, Any]) -> _Answer:
        """Split a symbol in an account, as over night: its working orders end, units and price change."""
        name, symbol = request["account"], request["symbol"]
        account = self.accounts[name]
        for number in account.working:
            if account.orders[number].order.symbol == symbol:
                ended = replace(account.orders[number], state=OrderState.CANCELLED, text=f"{symbol} was split")
                self._keep(name, number, ended)
        self._commit({"event": "SPLIT", "account": name, "symbol": symbol, "ratio": request["ratio"]})
        return _Answer({})

    def _age_quotes(self, request: dict[str, Any]) -> _Answer:
        """Have an account's quotes of a symbol be older than now."""
        self.accounts[request["account"]].ages[request["symbol"]] = timedelta(seconds=request["seconds"])
        return _Answer({})

    def _cut(self, request: dict[str, Any]) -> _Answer:
        return _Answer({}, cut_others=True)

    def _set_clock(self, request: dict[str, Any]) -> _Answer:
        """Set an account's time to an instant, from which it runs on."""
        ahead = datetime.fromisoformat(request["instant"]) - self._clock.now()
        self._commit({"event": "CLOCK", "account": request["account"], "ahead": ahead.total_seconds()})
        self._meet_prices(request["account"])
        return _Answer({})

    def _time(self, request: dict[str, Any]) -> _Answer:
        return _Answer({"now": self._now(request["account"]).isoformat()})

    def _quotes(self, request: dict[str, Any]) -> _Answer:
        """Tell prices, the time, and of which symbols they are older."""
        now, ages = self._now(request["account"]), self.accounts[request["account"]].ages
        prices = {symbol: self._price(request["account"], symbol) for symbol in request["symbols"]}
        known = {symbol: str(price) for symbol, price in prices.items() if price is not None}
        as_of = {symbol: (now - ages[symbol]).isoformat() for symbol in known if symbol in ages}
        return _Answer({"prices": known, "as_of": as_of, "now": now.isoformat()})

    def _now(self, account: str) -> datetime:
        return self._clock.now() + self.accounts[account].ahead

    def _price(self, name: str, symbol: str) -> Decimal | None:
        account = self.accounts[name]
        if symbol in account.prices:
            return account.prices[symbol]
        price = self.prices.get(symbol)
        if price is None and self._closes is not None:
            price = self._closes.at(self._now(name), symbol)
        return None if price is None else account.after_splits(symbol, price)

    def _dump(self, request: dict[str, Any]) -> _Answer:
        account = self.accounts[request["account"]]
        return _Answer({"orders": plain(account.orders), "state": plain(account.book.state())})

    # --- the broker's own calls --------------------------------------------------------------------

    def _login(self, request: dict[str, Any]) -> _Answer:
        account = self.accounts[request["account"]]
        account.connection += 1
        return _Answer({"login": account.connection})

    def _account(self, request: dict[str, Any]) -> _Answer:
        return _Answer({"state": plain(self.accounts[request["account"]].book.state())})

    def _find(self, request: dict[str, Any]) -> _Answer:
        account = self.accounts[request["account"]]
        number = account.find(request["client_order_id"])
        return _Answer({"report": None if number is None else plain(account.orders[number])})

    def _open_orders(self, request: dict[str, Any]) -> _Answer:
        account = self.accounts[request["account"]]
        return _Answer({"reports": [plain(report) for report in account.orders if not report.state.terminal]})

    def _cancel(self, request: dict[str, Any]) -> _Answer:
        account = self.accounts[request["account"]]
        number = account.find_working(request["client_order_id"])
        if number is None:
            return _Answer({"error": "rejected", "text": "order not known"})
        if number in account.races:
            account.races.discard(number)
            self._fill(request["account"], number)
        if not account.orders[number].state.terminal:
            self._keep(request["account"], number, replace(account.orders[number], state=OrderState.CANCELLED))
        return _Answer({"report": plain(account.orders[number])})

    def _submit(self, request: dict[str, Any]) -> _Answer:
        name, order = request["account"], _ORDER.validate_python(request["order"])
        account = self.accounts[name]
        if self._dedupe and (known := account.find(order.client_order_id)) is not None:
            if account.orders[known].order != order:
                return _Answer({"error": "rejected", "text": f"id {order.client_order_id} was used for another order"})
            return _told(account.orders[known])
        fault = account.faults.popleft() if account.faults else None
        if fault is Fault.DELAYED_ACCEPT:
            asyncio.get_running_loop().call_later(self._delay, self._accept, name, order, None)
        elif fault is not Fault.SILENT_DROP:
            self._accept(name, order, fault)
        if fault in _SILENT:
            return _Answer(None, hang_up=fault is Fault.DROP_AFTER)
        report = account.orders[-1]
        if fault is Fault.DUPLICATE_EVENT:
            report = replace(report, fills=report.fills * 2)
        return _told(report)

    def _accept(self, name: str, order: Order, fault: Fault | None) -> None:
        account = self.accounts[name]
        number = len(account.orders)
        if refused := self._refusal(name, order, fault):
            self._keep(name, number, ExecutionReport(order, OrderState.REJECTED, (), refused))
            return
        self._keep(name, number, ExecutionReport(order, OrderState.ACKNOWLEDGED))
        share = account.shares.pop(order.client_order_id, None)
        if share is not None:
            self._fill(name, number, share)
        if share is not None or fault is Fault.UNFILLED:
            account.held.add(number)
        elif fault is Fault.LATE_FILL:
            asyncio.get_running_loop().call_later(self._delay, self._fill, name, number)
        elif fault is Fault.FILL_RACES_CANCEL:
            account.races.add(number)
        elif fault is Fault.PARTIAL_FILL:
            self._fill(name, number, share=Decimal("0.5"))
            self._keep(name, number, replace(account.orders[number], state=OrderState.CANCELLED))
        else:
            self._fill(name, number)

    def _refusal(self, name: str, order: Order, fault: Fault | None) -> str | None:
        """Return why an order is not taken, None if it is."""
        now, price = self._now(name), self._price(name, order.symbol)
        if self._closes is not None and not self._closes.is_open(now):
            return f"the session is closed at {now:%Y-%m-%d %H:%M} UTC"
        if price is None:
            return f"no price for {order.symbol}"
        if order.quantity <= 0 or self._rules.whole(order.quantity) != order.quantity:
            return f"quantity {order.quantity}: it is a positive multiple of {self._rules.quantity_step}"
        try:
            check_prices(order, stop_orders=True)
            self.accounts[name].refuse_twice_sold(order)
            if not marketable(order, price):
                self.accounts[name].book.match(order, price, self._rules, now)
        except OrderRejected as error:
            return str(error)
        return _FAULTY.get(fault) if fault else None

    def _meet_prices(self, name: str) -> None:
        """Fill the orders that wait for the price that is there now."""
        account = self.accounts[name]
        for number in account.working:
            if account.waits_for_price(number):
                self._fill(name, number)

    def _fill(self, name: str, number: int, share: Decimal = ONE) -> None:
        """Fill a share of what is left of an order, if the price allows; an order that cannot be paid ends."""
        account = self.accounts[name]
        report = account.orders[number]
        left = report.order.quantity - report.filled_quantity
        quantity = self._rules.whole(left * share)
        price = self._price(name, report.order.symbol)
        if report.state.terminal or not quantity or price is None or not marketable(report.order, price):
            return
        part = replace(report.order, quantity=quantity)
        try:
            fill = account.book.match(part, price, self._rules, self._now(name))
        except OrderRejected as error:
            self._keep(name, number, replace(report, state=OrderState.REJECTED, text=str(error)))
            return
        fill = replace(fill, execution_id=f"{name}-{number}-{len(report.fills) + 1}")
        state = OrderState.FILLED if quantity == left else OrderState.PARTIALLY_FILLED
        self._keep(name, number, replace(report, state=state, fills=(*report.fills, fill)))

    # --- the journal -------------------------------------------------------------------------------

    def _keep(self, name: str, number: int, report: ExecutionReport) -> None:
        self._commit({"event": "ORDER", "account": name, "number": number, "report": plain(report)})

    def _commit(self, event: dict[str, Any]) -> None:
        self._journal.write(canonical_json(event) + b"\n")
        os.fsync(self._journal.fileno())
        self._apply(event)

    def _apply(self, event: dict[str, Any]) -> None:
        if event["event"] == "FUNDED":
            self.accounts[event["account"]] = VenueAccount.funded(event)
        else:
            self.accounts[event["account"]].apply(event)


def _told(report: ExecutionReport) -> _Answer:
    """Answer a submit with where the order stands."""
    if report.state is OrderState.REJECTED:
        return _Answer({"error": "rejected", "text": report.text})
    return _Answer({"report": plain(report)})


async def _serve(venue: PaperVenue, port: int, *, stop_at_eof: bool) -> None:
    talking: dict[asyncio.Task[Any] | None, asyncio.StreamWriter] = {}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking[asyncio.current_task()] = writer
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                answer = venue.handle(json.loads(line))
                if answer.document is not None:
                    writer.write(canonical_json(answer.document) + b"\n")
                    await writer.drain()
                for other in list(talking.values()) if answer.cut_others else ():
                    if other is not writer:
                        other.close()
                if answer.hang_up:
                    break
        writer.close()
        del talking[asyncio.current_task()]

    server = await asyncio.start_server(talk, "127.0.0.1", port, limit=2**20)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if stop_at_eof:
        asyncio.get_running_loop().add_reader(STANDARD_INPUT, _at_end, stop)
    sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()
    for writer in talking.values():
        writer.close()
    await asyncio.gather(*filter(None, talking), return_exceptions=True)


def _at_end(stop: asyncio.Event) -> None:
    if not os.read(STANDARD_INPUT, 1 << 16):
        stop.set()
        asyncio.get_running_loop().remove_reader(STANDARD_INPUT)


def funding(text: str) -> tuple[str, Decimal]:
    """Read ``ID=CASH``, an account and what it begins with."""
    account, _, cash = text.partition("=")
    try:
        amount = Decimal(cash)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not account or not amount.is_finite() or amount <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not ID=CASH with more than 0, such as PAPER-1=100000")
    return account, amount


def main() -> None:
    """Run the venue until SIGTERM."""
    parser = argparse.ArgumentParser(prog="paper_venue", description="A paper broker on a loopback port.")
    parser.add_argument("--folder", type=Path, required=True, help="where the journal is kept")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dedupe", choices=("on", "off"), default="on")
    parser.add_argument("--delay", type=float, default=0.1, help="seconds of a delayed accept or late fill")
    parser.add_argument("--prices", type=Path, help="price file to quote closes from")
    parser.add_argument("--price-field", default="adj_close", help="close or adj_close")
    parser.add_argument(
        "--account", type=funding, action="append", default=[], metavar="ID=CASH", help="open it unless it is there"
    )
    parser.add_argument("--stop-at-eof", action="store_true", help="stop when standard input ends")
    arguments = parser.parse_args()
    closes = Closes(arguments.prices, arguments.price_field) if arguments.prices else None
    dedupe = arguments.dedupe == "on"
    venue = PaperVenue(arguments.folder, dedupe=dedupe, delay=arguments.delay, rules=ExecutionRules(), closes=closes)
    for account, cash in arguments.account:
        venue.handle({"op": "fund", "account": account, "cash": str(cash)})
    asyncio.run(_serve(venue, arguments.port, stop_at_eof=arguments.stop_at_eof))


if __name__ == "__main__":
    main()
