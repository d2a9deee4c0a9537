"""A broker without a counterparty: a durable book that fills orders at given quotes.

An order that waits for its limit or its stop works on; it meets the quotes of every later look at the account.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, OrderRejected, Refused
from quant_platform_kit.domain.orders import (
    ExecutionReport,
    Order,
    OrderState,
    check_prices,
    raise_if_rejected,
    refuse_used_id,
)
from quant_platform_kit.domain.paper_book import PaperBook, marketable, refuse_twice_sold
from quant_platform_kit.domain.planning import REALISTIC, ExecutionRules
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.market_data import MarketData

__all__ = ["PaperAccount", "PaperBroker", "has_account", "open_account", "read_account"]

_JOURNAL = "book.jsonl"


@dataclass(frozen=True, slots=True)
class _Funding:
    """The journal's first line; every other line is an `ExecutionReport`, the newest of an order counts."""

    account_id: str
    cash: Decimal
    currency: str


_FUNDING = TypeAdapter(_Funding)
_REPORT = TypeAdapter(ExecutionReport)


@dataclass(slots=True)
class PaperAccount:
    """A book and the newest answer about every order it was given, by client order id."""

    book: PaperBook
    funded: Decimal
    reports: dict[str, ExecutionReport] = field(default_factory=dict[str, ExecutionReport])

    def record(self, report: ExecutionReport) -> None:
        """Take over an answer, and book the fills that are new in it."""
        known = self.reports.get(report.order.client_order_id)
        self.reports[report.order.client_order_id] = report
        for fill in report.fills[len(known.fills) if known else 0 :]:
            self.book.apply(fill)

    @property
    def working(self) -> tuple[ExecutionReport, ...]:
        """The orders that may still trade."""
        return tuple(report for report in self.reports.values() if not report.state.terminal)

    @property
    def last_traded(self) -> datetime | None:
        """When it last filled an order, aware UTC."""
        return max((fill.executed_at for report in self.reports.values() for fill in report.fills), default=None)


def has_account(folder: Path) -> bool:
    """Whether there is an account in ``folder``."""
    return (folder / _JOURNAL).exists()


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
    if not has_account(folder):
        if cash is None:
            raise InvalidInput(f"there is no paper account in {folder}; fund a new one with --cash")
        _fund(folder, cash, currency)
    with _locked(folder):
        account = read_account(folder)
    if cash is not None and account.funded != cash:
        raise Refused(f"--cash is {cash}; the account in {folder} was funded with {account.funded}: use that amount")
    return account


def _fund(folder: Path, cash: Decimal, currency: str) -> None:
    funding = _Funding(f"PAPER-{uuid4().hex[:8].upper()}", cash, currency)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            if not has_account(folder):
                _append(folder, funding)
    except OSError as error:
        raise InvalidInput(
            f"paper account folder {folder}: {error.strerror}; choose a folder that can be written"
        ) from error


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
        raise InvalidInput(
            f"paper account {folder / _JOURNAL}: {error.strerror}; name the folder of --book of its runs"
        ) from error
    if not lines:
        raise InvalidInput(f"paper account {folder / _JOURNAL} is empty; delete the folder and fund a new account")
    try:
        funding = _FUNDING.validate_json(lines[0])
        reports = [_REPORT.validate_json(line) for line in lines[1:]]
    except ValidationError as error:
        raise InvalidInput(f"paper account {folder / _JOURNAL} is damaged: {error.title}; restore a backup") from error
    account = PaperAccount(PaperBook(funding.account_id, funding.currency, funding.cash), funding.cash)
    for report in reports:
        account.record(report)
    return account


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

    @property
    def traits(self) -> BrokerTraits:
        """Everything a call does is done when it returns."""
        return BrokerTraits(visibility_window=timedelta(0), stop_orders=True)

    def connect(self) -> None:
        """Do nothing: the account is a folder, and every call locks it."""

    def account(self) -> AccountState:
        """Return cash and units."""
        return self._up_to_date().book.state()

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return where an order stands, None if it never arrived."""
        return self._up_to_date().reports.get(client_order_id)

    def submit(self, order: Order) -> ExecutionReport:
        """Fill ``order`` at the present quote, durably before answering; an id seen before gets its old answer.

        Raises
        ------
        OrderRejected
            The id was used with other parameters, no price, a short sale, units that a stop is to sell, a limit or
            stop that is no price, or not enough cash.
        """
        check_prices(order, stop_orders=True)
        with _locked(self._folder):
            account = read_account(self._folder)
            if known := account.reports.get(order.client_order_id):
                refuse_used_id(known.order, order)
                return raise_if_rejected(known)
            refuse_twice_sold(order, account.working, account.book.quantities.get(order.symbol, Decimal(0)))
            report = self._match(account.book, order)
            _append(self._folder, report)
        if report.state is OrderState.REJECTED:
            raise OrderRejected(report.text)
        return report

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Cancel a working order, and return where it stands."""
        with _locked(self._folder):
            known = read_account(self._folder).reports.get(client_order_id)
            if known is None:
                raise OrderRejected(f"order {client_order_id} is not known")
            if not known.state.terminal:
                known = replace(known, state=OrderState.CANCELLED)
                _append(self._folder, known)
        return known

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return the orders that wait for their price."""
        return self._up_to_date().working

    def may_have_left(self, client_order_id: str) -> bool:
        """Return True: nothing is recorded here but the order itself."""
        return True

    def _up_to_date(self) -> PaperAccount:
        """Return the account after its working orders have met the present quotes."""
        account = read_account(self._folder)
        if not account.working:
            return account
        with _locked(self._folder):
            account = read_account(self._folder)
            for working in account.working:
                report = self._match(account.book, working.order)
                if report.state is OrderState.FILLED:
                    _append(self._folder, report)
                    account.record(report)
        return account

    def _match(self, book: PaperBook, order: Order) -> ExecutionReport:
        quote = self._market.quotes([order.symbol]).get(order.symbol)
        if quote is None:
            return ExecutionReport(order, OrderState.REJECTED, (), f"no price for {order.symbol}")
        try:
            fill = book.match(order, quote.price, self._rules, self._clock.now())
        except OrderRejected as error:
            return ExecutionReport(order, OrderState.REJECTED, (), str(error))
        if not marketable(order, quote.price):
            return ExecutionReport(order, OrderState.ACKNOWLEDGED)
        return ExecutionReport(order, OrderState.FILLED, (fill,))


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    try:
        lock = (folder / "book.lock").open("ab")
    except OSError as error:
        raise BrokerError(f"paper account {folder}: {error.strerror} ({error.filename})") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _append(folder: Path, event: _Funding | ExecutionReport) -> None:
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
