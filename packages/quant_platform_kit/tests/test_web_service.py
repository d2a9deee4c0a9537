"""What a service says of itself, and the house that all tests of the HTTP surface ask: a service, all in memory.

Monday's decision buys AAA and BBB in Tuesday's session, the one that is on.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.paper_book import PaperBook
from quant_platform_kit.ports.notifier import Notification
from quant_platform_kit.services.execution import ExecutionTimes
from quant_platform_kit.services.reports import ReportStore
from quant_platform_kit.services.run_request import RunTerms
from quant_platform_kit.testing.clock import FrozenClock
from quant_platform_kit.testing.paper_platform import description
from quant_platform_kit.web.service import Service
from quant_platform_kit.web.settings import ServiceSettings
from quant_platform_kit.web.stopping import StopSignal

from .exactly_once import CALENDAR, PLAIN, Desk, MemoryStore, following, moment, prices

MON, TUE = date(2023, 11, 27), date(2023, 11, 28)
DUE = "2023-11-28T20:45:00Z"
TIME = "X-CloudScheduler-ScheduleTime"
CLOSES = {"AAA": [100.0, 102.0, 104.0, 103.0, 105.0], "BBB": [50.0, 50.0, 51.0, 51.5, 53.0]}
DECISIONS = {MON: {"AAA": 0.6, "BBB": 0.4}, TUE: {"AAA": 0.2, "BBB": 0.8}}


class Postbox:
    """A notifier that keeps what it is given, or fails as the test says."""

    def __init__(self) -> None:
        self.sent: list[Notification] = []
        self.error: BaseException | None = None

    def send(self, notification: Notification) -> None:
        """Keep a message."""
        if self.error is not None:
            raise self.error
        self.sent.append(notification)

    @property
    def keys(self) -> list[str]:
        """The kinds of what was sent, oldest first."""
        return [notification.key.partition("/")[0] for notification in self.sent]


class MemoryStores:
    """The stores of a service, in memory."""

    def __init__(self, clock: FrozenClock) -> None:
        self.ledger, self.notices = MemoryStore(clock), MemoryStore(clock)

    @property
    def reports(self) -> ReportStore:
        """The reports, beside the notices."""
        return ReportStore(self.notices)


class House:
    """A service, the accounts it runs on, and its door.

    Parameters
    ----------
    accounts
        Their ids.
    settings
        Of the service.
    """

    def __init__(self, *accounts: str, strategy: Any = None, **settings: Any) -> None:
        self.clock = FrozenClock(moment("2023-11-28 20:45"))
        self.stores = MemoryStores(self.clock)
        self.postbox = Postbox()
        self.table = prices(MON, **CLOSES)
        market = FileMarketData(self.table, CALENDAR, self.clock)
        self.desks = {name: Desk(self.clock, market, PaperBook(name, "USD", Decimal(10_000))) for name in accounts}
        known = {"strategy_profile": "scripted", "store_url": "file:///s", "report_store_url": "file:///r"}
        self.service = Service(
            settings=ServiceSettings(**{**known, "cloud_run_service": "house", **settings}),
            platform=read_platform(description()),
            strategy=strategy or following(DECISIONS),
            accounts=self.accounts,
            stores=self.stores,  # pyright: ignore[reportArgumentType]
            policy=ExecutionPolicy(rules=PLAIN),
            terms=RunTerms(ExecutionTimes(timedelta(0))),
            calendar=CALENDAR,
            notifier=self.postbox,
        )
        self.stop = StopSignal()
        self.mode = Mode.PAPER
