"""A broker without a counterparty: a durable book that fills market orders at given quotes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, OrderRejected, Refused
from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, OrderState, Side
from quant_platform_kit.domain.planning import REALISTIC, ExecutionRules
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.domain.paper_book import PaperBook

__all__ = ["PaperAccount", "PaperBroker", "open_account", "read_account"]

_JOURNAL = "book.jsonl"


@dataclass(slots=True)
class PaperAccount:
    """A book and every answer it ever gave, by client order id."""

    book: PaperBook
    funded: Decimal
    reports: dict[str, ExecutionReport] = field(default_factory=dict[str, ExecutionReport])


def open_account(folder: Path, cash: Decimal | None, currency: str = "USD") -> PaperAccount:
    """Open the account in ``folder``, or fund a new one with ``cash``.

    Raises
    ------
    InvalidInput
        A new account without positive cash, or a folder that cannot be written.
    Refused
        The account exists and was funded with another amount.
    """
    if cash is not None and not (cash.is_finite() and cash > 0):
        raise InvalidInput(f"--cash is {cash}; a paper account is funded with a positive amount")
    if not (folder / _JOURNAL).exists():
        if cash is None:
            raise InvalidInput(f"there is no paper account in {folder}; fund a new one with --cash")
        _fund(folder, cash, currency)
    account = read_account(folder)
    if cash is not None and account.funded != cash:
        raise Refused(f"--cash is {cash}, but the account in {folder} was funded with {account.funded}; use that amount")
    return account


def _fund(folder: Path, cash: Decimal, currency: str) -> None:
    line = {"event": "FUNDED", "account_id": f"PAPER-{uuid4().hex[:8].upper()}", "cash": cash, "currency": currency}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            if not (folder / _JOURNAL).exists():
                _append(folder, line)
    except OSError as error:
        raise InvalidInput(f"paper account folder {folder}: {error.strerror}; choose a folder that can be written") from error


def read_account(folder: Path) -> PaperAccount:
    """Return the account in ``folder`` as its journal tells it; a line cut off by a crash never happened.

    Raises
    ------
    InvalidInput
        No journal there, or one that is damaged.
    """
    try:
        lines = (folder / _JOURNAL).read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise InvalidInput(f"paper account {folder / _JOURNAL}: {error.strerror}") from error
    if not lines:
        raise InvalidInput(f"paper account {folder / _JOURNAL} is empty; delete the folder and fund a new account")
    try:
        head, *events = (json.loads(line) for line in lines)
        cash = Decimal(head["cash"])
        account = PaperAccount(PaperBook(head["account_id"], head["currency"], cash), cash)
        for event in events:
            _book(account, _report(event))
    except (ValueError, KeyError, ArithmeticError) as error:
        raise InvalidInput(f"paper account {folder / _JOURNAL} is damaged: {error!r}; restore it from a backup") from error
    return account


def _book(account: PaperAccount, report: ExecutionReport) -> None:
    account.reports[report.order.client_order_id] = report
    for fill in report.fills:
        account.book.apply(fill)


class PaperBroker:
    """A `Broker` on the account in ``folder``; it remembers every client order id and never fills one twice.

    Parameters
    ----------
    market
        Where the fill prices come from.
    rules
        The tradable step, commission and slippage.
    """

    def __init__(self, folder: Path, market: MarketData, clock: Clock, rules: ExecutionRules = REALISTIC) -> None:
        self._folder = folder
        self._market = market
        self._clock = clock
        self._rules = rules
        self._account_id = read_account(folder).book.account_id

    @property
    def account_id(self) -> str:
        """The account's own id."""
        return self._account_id

    def account(self) -> AccountState:
        """Return cash and units."""
        return read_account(self._folder).book.state()

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return the answer given to an order, None if it never arrived."""
        return read_account(self._folder).reports.get(client_order_id)

    def submit(self, order: Order) -> ExecutionReport:
        """Fill ``order`` at the present quote, durably before answering; an id seen before gets its old answer.

        Raises
        ------
        OrderRejected
            The id was used with other parameters, no price, a short sale, or not enough cash.
        """
        with _locked(self._folder):
            account = read_account(self._folder)
            if known := account.reports.get(order.client_order_id):
                return _same_order(known, order)
            report = self._match(account.book, order)
            _append(self._folder, _event(report))
        if report.state is OrderState.REJECTED:
            raise OrderRejected(report.text)
        return report

    def _match(self, book: PaperBook, order: Order) -> ExecutionReport:
        quote = self._market.quotes([order.symbol]).get(order.symbol)
        if quote is None:
            return ExecutionReport(order, OrderState.REJECTED, (), f"no price for {order.symbol}")
        try:
            fill = book.match(order, quote.price, self._rules, self._clock.now())
        except OrderRejected as error:
            return ExecutionReport(order, OrderState.REJECTED, (), str(error))
        return ExecutionReport(order, OrderState.FILLED, (fill,))


def _same_order(known: ExecutionReport, order: Order) -> ExecutionReport:
    if known.order != order:
        raise OrderRejected(f"client order id {order.client_order_id} was used for {known.order}; ids are used once")
    if known.state is OrderState.REJECTED:
        raise OrderRejected(known.text)
    return known


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "book.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _append(folder: Path, event: Mapping[str, object]) -> None:
    """Append one line durably, over the remains of one that a crash cut off."""
    try:
        with (folder / _JOURNAL).open("a+b") as journal:
            journal.seek(0)
            whole = journal.read().rfind(b"\n") + 1
            journal.truncate(whole)
            journal.write(canonical_json(event) + b"\n")
            journal.flush()
            os.fsync(journal.fileno())
    except OSError as error:
        raise BrokerError(f"paper account {folder / _JOURNAL}: {error.strerror}") from error


def _event(report: ExecutionReport) -> dict[str, object]:
    return {"event": "ORDER", "order": report.order, "state": report.state, "fills": report.fills, "text": report.text}


def _report(event: Mapping[str, object]) -> ExecutionReport:
    order = event["order"]
    fills = event["fills"]
    assert isinstance(order, dict)
    assert isinstance(fills, list)
    return ExecutionReport(
        order=Order(**{**order, "side": Side(order["side"]), "quantity": Decimal(order["quantity"])}),
        state=OrderState(event["state"]),
        fills=tuple(_fill(fill) for fill in fills),
        text=str(event["text"]),
    )


def _fill(line: dict[str, str]) -> Fill:
    return Fill(
        client_order_id=line["client_order_id"],
        symbol=line["symbol"],
        side=Side(line["side"]),
        quantity=Decimal(line["quantity"]),
        price=Decimal(line["price"]),
        commission=Decimal(line["commission"]),
        executed_at=datetime.fromisoformat(line["executed_at"]),
    )
