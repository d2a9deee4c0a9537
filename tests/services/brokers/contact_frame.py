"""A venue, the service of its broker, and what a contact finds there: made once, and put back after every fault."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.cli.broker import Visits, visits_of
from quant_platform_kit.domain.sessions import CalendarTable, ExchangeCalendar
from quant_platform_kit.services.operate.contact.checklist import contact_of
from quant_platform_kit.services.operate.contact.reading import read
from quant_platform_kit.services.operate.contact.result import Contact, State
from quant_platform_kit.testing.synthetic import synthetic_prices
from venue_sandbox.demo.market import write_prices
from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.registry import STANDS
from venue_sandbox.stands.stand import ACCOUNT, Opening, Stand

from .rewriting import FrameRewriter, HttpRewriter, Rewriter, rewriting

__all__ = ["AT", "PROFILE", "SYMBOLS", "World", "lines_of", "opened"]

CALENDAR = load_calendar("XNYS")
PROFILE = "dual_momentum"
SYMBOLS = ("AGG", "BIL", "EFA", "SPY")
AT = datetime(2023, 6, 2, 14, 0, tzinfo=UTC)
"""In the middle of a session."""
GROUP = {"ACCOUNT_GROUP": "all", "IB_ACCOUNT_GROUP_CONFIG": json.dumps({"all": [ACCOUNT]})}
FIXED: Mapping[str, Mapping[str, str]] = {
    "alpaca": {"ALPACA_ACCOUNT": ACCOUNT, "ALPACA_TIMEOUT_SECONDS": "2.5"},
    "schwab": {"SCHWAB_ACCOUNT": ACCOUNT, "SCHWAB_TIMEOUT_SECONDS": "2.5"},
    "ibkr": {**GROUP, "IBKR_TIMEOUT_SECONDS": "2.5"},
    "longbridge": {"LONGBRIDGE_TIMEOUT_SECONDS": "3"},
    "paper": {},
}
"""So that a login that fails is a line, and what is silent is not waited for."""
ADDRESSES = {
    "alpaca": ("ALPACA_DATA_URL", "ALPACA_TRADING_URL"),
    "schwab": ("SCHWAB_API_URL",),
    "longbridge": ("LONGBRIDGE_HTTP_URL",),
}


def lines_of(contact: Contact) -> dict[str, State]:
    """Return the state of every line; all orders are one subject, as only some brokers keep our names of them."""
    return {
        line.subject.partition(" ")[0] if line.subject.startswith("order ") else line.subject: line.state
        for line in contact.lines
    }


@dataclass
class World:
    """One broker.

    Attributes
    ----------
    rewriter
        In front of the venue; None at the paper venue.
    settings
        Of the service.
    asked
        Changes what the checklist is about.
    jump
        How far the broker's clock goes on once the service's was read.
    first
        A contact where nothing is wrong.
    green
        Its lines.
    """

    name: str
    stand: Stand
    folder: Path
    prices: Path
    rewriter: Rewriter | None
    monkeypatch: pytest.MonkeyPatch
    settings: dict[str, str] = field(default_factory=dict[str, str])
    calendar: Callable[[CalendarTable], CalendarTable] = lambda table: table
    jump: timedelta | None = None
    first: Contact = field(init=False)
    green: Mapping[str, State] = field(default_factory=dict[str, State])
    undo: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])

    def reset(self) -> None:
        """Put everything back."""
        for step in reversed(self.undo):
            step()
        self.undo.clear()
        self.stand.server.clear() if self.name != "paper" else None
        self.stand.set_clock(ACCOUNT, AT)
        if self.rewriter is not None:
            self.rewriter.rule = None
        self.calendar, self.jump = (lambda table: table), None
        self.settings = {
            "STRATEGY_PROFILE": PROFILE,
            "CLOUD_RUN_SERVICE": f"{self.name}-service",
            "STORE_URL": (self.folder / "store").as_uri(),
            "REPORT_STORE_URL": (self.folder / "reports").as_uri(),
            **self.stand.settings(ACCOUNT),
            **FIXED[self.name],
            **self._by_way_of_rewriter(),
        }
        if self.name != "paper":
            self.settings["PRICE_HISTORY_PATH"] = str(self.prices)

    def _by_way_of_rewriter(self) -> dict[str, str]:
        if isinstance(self.rewriter, FrameRewriter):
            return {"IBKR_GATEWAY_PORT": str(self.rewriter.port)}
        if self.rewriter is None:
            return {}
        return dict.fromkeys(ADDRESSES[self.name], f"http://127.0.0.1:{self.rewriter.port}")

    @contextmanager
    def visits(self) -> Generator[Visits]:
        """Compose the service."""
        with self.monkeypatch.context() as patch:
            for name, value in self.settings.items():
                patch.setenv(name, value)
            with visits_of(self.name) as visits:
                ours = visits.asked.calendar
                if (table := self.calendar(ours.table)) is ours.table:
                    yield visits
                else:
                    yield replace(visits, asked=replace(visits.asked, calendar=ExchangeCalendar(table)))

    def contact(self) -> Contact:
        """Look at the account."""
        with self.visits() as visits:
            (met,) = visits.accounts
            if self.jump is not None:
                met.clock.now()
                self.stand.set_clock(ACCOUNT, AT + self.jump)
            return contact_of(read(met, visits.asked, datetime.now(UTC)), "library", "1")

    def changes(self) -> dict[str, State | None]:
        """Look at the account, and return the lines that are others than where nothing is wrong, None for one less."""
        found = lines_of(self.contact())
        names = {*found, *self.green}
        return {name: found.get(name) for name in sorted(names) if found.get(name) != self.green.get(name)}

    # --- what goes wrong --------------------------------------------------------------------------

    def fault(self, kind: str, **fields: Any) -> None:
        """Arm a fault of the venue, or change something there at once."""
        self.stand.server.fault(kind, **fields)

    def documents(self, rule: Callable[[str, Any], Any]) -> None:
        """Rewrite what the venue answers over HTTP."""
        assert isinstance(self.rewriter, HttpRewriter)
        self.rewriter.rule = rule

    def messages(self, rule: Callable[[list[bytes]], list[bytes]]) -> None:
        """Rewrite what the Gateway says."""
        assert isinstance(self.rewriter, FrameRewriter)
        self.rewriter.rule = rule

    def file(self, change: Callable[[list[list[str]]], list[list[str]]]) -> None:
        """Take another price file: ``change`` is given its rows, the head first."""
        rows = [line.split(",") for line in self.prices.read_text().splitlines()]
        other = self.folder / "other.csv"
        other.write_text("".join(",".join(row) + "\n" for row in change(rows)))
        self.settings["PRICE_HISTORY_PATH"] = str(other)

    def nobody_answers(self) -> None:
        """Let the service look for its broker where nobody listens."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        Server.opened.add(port)
        where = {"ibkr": "IBKR_GATEWAY_PORT", "paper": "PAPER_VENUE_PORT"}.get(self.name)
        if where is None:
            self.settings.update(dict.fromkeys(ADDRESSES[self.name], f"http://127.0.0.1:{port}"))
        else:
            self.settings[where] = str(port)


@contextmanager
def opened(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[World]:
    """Open a venue with an account, and look at it once."""
    market = synthetic_prices(set(SYMBOLS), CALENDAR, date(2021, 12, 1), date(2023, 7, 31))
    prices = write_prices(market, folder / "prices.csv")
    funded = {ACCOUNT: {"USD": Decimal(100_000)}}
    kinds = {"alpaca": HttpRewriter, "schwab": HttpRewriter, "longbridge": HttpRewriter, "ibkr": FrameRewriter}
    with STANDS[name].open(Opening(folder=folder, accounts=funded, prices=prices, clock=AT)) as stand:
        if name == "paper":
            yield _looked_at(World(name, stand, folder, prices, None, monkeypatch))
            return
        with rewriting(kinds[name], stand.server.port) as rewriter:
            yield _looked_at(World(name, stand, folder, prices, rewriter, monkeypatch))


def _looked_at(world: World) -> World:
    world.reset()
    world.first = world.contact()
    world.green = lines_of(world.first)
    return world
