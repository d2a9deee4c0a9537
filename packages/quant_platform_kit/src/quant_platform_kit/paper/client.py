"""A `Broker` over the wire of the paper venue."""

from __future__ import annotations

import json
import socket
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.digests import canonical_json, plain
from quant_platform_kit.domain.errors import BrokerError, OrderRejected, Superseded
from quant_platform_kit.domain.orders import ExecutionReport, Order, check_prices
from quant_platform_kit.domain.portfolio import AccountState, Quote
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.services.record.seen import Seen

__all__ = [
    "ACCOUNT",
    "ORDER",
    "QUOTES",
    "PaperClient",
    "VenueClock",
    "control",
    "quotes_of",
    "report_of",
    "state_of",
    "venue_quotes",
]

ACCOUNT, ORDER, QUOTES = "account", "order", "quotes"
"""Subjects of the documents that are told."""

_REPORT = TypeAdapter(ExecutionReport)
_STATE = TypeAdapter(AccountState)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Quotes:
    prices: dict[str, Decimal]
    as_of: dict[str, datetime]
    now: datetime


_QUOTES = TypeAdapter(_Quotes)


class PaperClient:
    """One account at a `quant_platform_kit.paper.venue` on this machine.

    Every call ends within the traits' timeout. A call without an answer closes the connection: what arrives on it
    later must not be taken for the answer to something else.

    Parameters
    ----------
    seen
        Handed every document before it is read.

    Attributes
    ----------
    calls
        Requests so far.
    """

    def __init__(self, port: int, account_id: str, traits: BrokerTraits, seen: Seen | None = None) -> None:
        self._port = port
        self._account_id = account_id
        self._traits = replace(traits, stop_orders=True)
        self._seen = seen or Seen()
        self.calls = 0
        self._socket: socket.socket | None = None
        self._connection = 0
        self._unread = b""

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self._account_id

    @property
    def traits(self) -> BrokerTraits:
        """As given, and the venue takes stop orders."""
        return self._traits

    def connect(self) -> None:
        """Log in anew."""
        self.close()
        try:
            self._socket = socket.create_connection(("127.0.0.1", self._port), self._traits.timeout.total_seconds())
        except OSError as error:
            raise BrokerError(f"the paper venue does not answer: {error}") from error
        self._connection = self._ask({"op": "login", "account": self._account_id})["login"]

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._unread = b""

    def account(self) -> AccountState:
        """Return cash and units."""
        return state_of(self._seen.take(ACCOUNT, self._call("account")["state"]))

    def submit(self, order: Order) -> ExecutionReport:
        """Send an order; a price that is none is refused here, as the wire has no words for it."""
        check_prices(order, stop_orders=True)
        return self._report(self._call("submit", order=plain(order))["report"])

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return what the venue knows of an order."""
        found = self._call("find", client_order_id=client_order_id)["report"]
        return None if found is None else self._report(found)

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Cancel, and return where the order stands."""
        return self._report(self._call("cancel", client_order_id=client_order_id)["report"])

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return the working orders."""
        return tuple(self._report(report) for report in self._call("open_orders")["reports"])

    def send_again(self, order: Order) -> None:
        """Send an order a second time; the venue knows its id, unless it was told not to."""
        self._call("submit", order=plain(order))

    def cancel_every(self, symbol: str) -> int:
        """Cancel every working order of a symbol, as often as its id was taken; return how many there were."""
        working = [each.order.client_order_id for each in self.open_orders() if each.order.symbol == symbol]
        for identity in working:
            self.cancel(identity)
        return len(working)

    def may_have_left(self, client_order_id: str) -> bool:
        """Return True: nothing is recorded here."""
        return True

    def _report(self, document: Any) -> ExecutionReport:
        return report_of(self._seen.take(ORDER, document))

    def _call(self, operation: str, **arguments: object) -> dict[str, Any]:
        named = {"op": operation, "account": self._account_id, "connection": self._connection}
        answer = self._ask({**named, **arguments})
        if answer.get("error") == "superseded":
            raise Superseded(answer["text"])
        if "error" in answer:
            raise OrderRejected(answer["text"])
        return answer

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._socket is None:
            raise BrokerError("not connected to the paper venue")
        self.calls += 1
        try:
            self._socket.sendall(canonical_json(request) + b"\n")
            while b"\n" not in self._unread:
                chunk = self._socket.recv(2**16)
                if not chunk:
                    raise ConnectionResetError("connection closed")
                self._unread += chunk
        except OSError as error:
            self.close()
            raise BrokerError(f"the paper venue did not answer {request['op']}: {error}") from error
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)


def state_of(document: object) -> AccountState:
    """Read an account; `BrokerError` for a document that is none."""
    return _read(_STATE, document)


def report_of(document: object) -> ExecutionReport:
    """Read a report, of which a fill reported twice counts once; `BrokerError` for a document that is none."""
    report = _read(_REPORT, document)
    fills = tuple({fill.execution_id: fill for fill in report.fills}.values())
    return ExecutionReport(report.order, report.state, fills, report.text)


def quotes_of(document: object) -> dict[str, Quote]:
    """Read quotes by symbol; `BrokerError` for a document that is none."""
    told = _read(_QUOTES, document)
    return {s: Quote(s, price, told.as_of.get(s, told.now)) for s, price in told.prices.items()}


def _read(adapter: TypeAdapter[_T], document: object) -> _T:
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BrokerError(f"the paper venue's answer cannot be read: {where} {first['msg']}") from error


class VenueClock:
    """An account's time as its venue tells it; waiting takes real time.

    Attributes
    ----------
    calls
        Requests so far.
    """

    def __init__(self, port: int, account_id: str) -> None:
        self.calls = 0
        self._port, self._account_id = port, account_id
        self._real = SystemClock()

    def now(self) -> datetime:
        """Return the account's present instant, aware UTC."""
        self.calls += 1
        return datetime.fromisoformat(control(self._port, op="time", account=self._account_id)["now"])

    def monotonic(self) -> float:
        """Return the machine's seconds."""
        return self._real.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._real.sleep(seconds)


def venue_quotes(port: int, account_id: str, symbols: Collection[str], seen: Seen | None = None) -> dict[str, Quote]:
    """Return what a paper venue quotes an account; a symbol it has no price of is absent."""
    answer = control(port, op="quotes", account=account_id, symbols=sorted(symbols))
    answer = answer if seen is None else seen.take(QUOTES, answer)
    return quotes_of(answer)


def control(port: int, **request: object) -> dict[str, Any]:
    """Send one control request to a paper venue and return its answer.

    Raises
    ------
    BrokerError
        It does not answer, or refuses.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(canonical_json(request) + b"\n")
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline() or b"null")
    except OSError as error:
        raise BrokerError(f"the paper venue does not answer: {error}") from error
    if answer is None:
        raise BrokerError(f"the paper venue hung up on {request['op']}")
    if "error" in answer:
        raise BrokerError(answer["text"])
    return answer
