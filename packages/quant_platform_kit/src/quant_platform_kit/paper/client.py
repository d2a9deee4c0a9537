"""A `Broker` over the wire of the paper venue."""

from __future__ import annotations

import json
import socket
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.digests import canonical_json, plain
from quant_platform_kit.domain.errors import BrokerError, OrderRejected, Superseded
from quant_platform_kit.domain.orders import ExecutionReport, Order
from quant_platform_kit.domain.paper_book import refuse_bad_limit
from quant_platform_kit.domain.portfolio import AccountState, Quote
from quant_platform_kit.domain.silence import BrokerTraits

__all__ = ["PaperClient", "VenueClock", "control", "venue_quotes"]

_REPORT = TypeAdapter(ExecutionReport)
_STATE = TypeAdapter(AccountState)


class PaperClient:
    """One account at a `quant_platform_kit.paper.venue` on this machine.

    Every call ends within the traits' timeout. A call without an answer closes the connection: what arrives on it
    later must not be taken for the answer to something else.
    """

    def __init__(self, port: int, account_id: str, traits: BrokerTraits) -> None:
        self._port = port
        self._account_id = account_id
        self._traits = traits
        self._socket: socket.socket | None = None
        self._connection = 0
        self._unread = b""

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self._account_id

    @property
    def traits(self) -> BrokerTraits:
        """As given."""
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
        return _STATE.validate_python(self._call("account")["state"])

    def submit(self, order: Order) -> ExecutionReport:
        """Send an order; a limit that is no price is refused here, as the wire has no words for it."""
        refuse_bad_limit(order)
        return _report(self._call("submit", order=plain(order))["report"])

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return what the venue knows of an order."""
        found = self._call("find", client_order_id=client_order_id)["report"]
        return None if found is None else _report(found)

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Cancel, and return where the order stands."""
        return _report(self._call("cancel", client_order_id=client_order_id)["report"])

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return the working orders."""
        return tuple(_report(report) for report in self._call("open_orders")["reports"])

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


def _report(document: dict[str, Any]) -> ExecutionReport:
    """Read a report; a fill reported twice counts once."""
    report = _REPORT.validate_python(document)
    fills = tuple({fill.execution_id: fill for fill in report.fills}.values())
    return ExecutionReport(report.order, report.state, fills, report.text)


class VenueClock:
    """An account's time as its venue tells it; waiting takes real time."""

    def __init__(self, port: int, account_id: str) -> None:
        self._port, self._account_id = port, account_id
        self._real = SystemClock()

    def now(self) -> datetime:
        """Return the account's present instant, aware UTC."""
        return datetime.fromisoformat(control(self._port, op="time", account=self._account_id)["now"])

    def monotonic(self) -> float:
        """Return the machine's seconds."""
        return self._real.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._real.sleep(seconds)


def venue_quotes(port: int, account_id: str, symbols: Collection[str]) -> dict[str, Quote]:
    """Return what a paper venue quotes an account; a symbol it has no price of is absent."""
    answer = control(port, op="quotes", account=account_id, symbols=sorted(symbols))
    as_of = {symbol: datetime.fromisoformat(instant) for symbol, instant in answer["as_of"].items()}
    now = datetime.fromisoformat(answer["now"])
    return {s: Quote(s, Decimal(price), as_of.get(s, now)) for s, price in answer["prices"].items()}


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
