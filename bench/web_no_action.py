"""A trigger that finds nothing to do: what ``POST /run`` takes, against what its store round trips take.

A service with a paper account on a folder, over real HTTP in this process, on each store. Every call of the stores is
timed; the bound is twice their sum.
"""

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, cast

import uvicorn
from loguru import logger
from pydantic import SecretStr
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.price_files import FileMarketData, price_table
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.paper.broker import PaperBroker, open_account
from quant_platform_kit.paper.platform import description
from quant_platform_kit.ports.versioned_store import Stored, VersionedStore
from quant_platform_kit.runtime.run_accounts import Trigger
from quant_platform_kit.runtime.service import Account, Service, Stores
from quant_platform_kit.runtime.settings import ServiceSettings
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.request import RunTerms
from quant_platform_kit.testing.synthetic import synthetic_prices
from quant_platform_kit.web.app import create_app
from venue_sandbox.servers.loopback import ask

from chaos import stores

WARM_UP, RUNS = 5, 25
BOUND = 2.0
CALENDAR = load_calendar("XNYS")
FIRST, LAST = date(2018, 1, 2), date(2023, 12, 29)

_T = TypeVar("_T")


@dataclass
class TimedStore:
    """A store that adds up the time of its calls."""

    store: VersionedStore
    seconds: float = 0.0
    trips: int = 0

    def create(self, key: str, data: bytes) -> int:
        """Create."""
        return self._timed(lambda: self.store.create(key, data))

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Replace."""
        return self._timed(lambda: self.store.replace(key, data, generation))

    def get(self, key: str) -> Stored | None:
        """Get."""
        return self._timed(lambda: self.store.get(key))

    def keys(self, prefix: str) -> list[str]:
        """List."""
        return self._timed(lambda: self.store.keys(prefix))

    def now(self) -> datetime:
        """Tell the time."""
        return self._timed(self.store.now)

    def _timed(self, call: Callable[[], _T]) -> _T:
        began = time.perf_counter()
        try:
            return call()
        finally:
            self.seconds += time.perf_counter() - began
            self.trips += 1


class _Timed(Stores):
    """The stores of a service, timed."""

    def __init__(self, settings: ServiceSettings, store: TimedStore, reports: TimedStore) -> None:
        super().__init__(settings)
        self._both = (store, reports)

    @property
    def ledger(self) -> VersionedStore:
        """The ledger."""
        return self._both[0]

    @property
    def reports(self) -> ReportStore:
        """The reports."""
        return ReportStore(self._both[1])

    @property
    def notices(self) -> VersionedStore:
        """The notices."""
        return self._both[1]


def measure() -> dict[str, Any]:
    """Return per store the median ratio of a trigger to its store round trips."""
    logger.remove()
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for kind in stores.KINDS:
            folder = Path(name) / kind
            folder.mkdir()
            with stores.serve(kind, folder) as place:
                ledger, reports = place.open()
                figures[kind] = _figures(TimedStore(ledger), TimedStore(reports), folder)
    worst = max(figure["ratio"] for figure in figures.values())
    return {"stores": figures, "bound": BOUND, "met": worst <= BOUND}


def _figures(ledger: TimedStore, reports: TimedStore, folder: Path) -> dict[str, float]:
    clock = FrozenClock(CALENDAR.hours(date(2023, 6, 1)).open)
    service = _service(ledger, reports, folder, clock)
    config = uvicorn.Config(create_app(service), port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port: int = cast("Any", server).servers[0].sockets[0].getsockname()[1]
    try:
        days = CALENDAR.between(date(2023, 6, 2), LAST)[: WARM_UP + RUNS]
        measured = [_trigger(port, day, clock, (ledger, reports)) for day in days]
    finally:
        server.should_exit = True
        thread.join()
    counted = [(wall, inside, trips) for outcome, wall, inside, trips in measured[WARM_UP:] if outcome == "no_action"]
    assert len(counted) > RUNS / 2, "a strategy that decides at month ends has mostly nothing to do"
    return {
        "ratio": round(statistics.median(wall / inside for wall, inside, _ in counted), 2),
        "trigger_ms": round(1000 * statistics.median(wall for wall, _, _ in counted), 2),
        "round_trips": statistics.median(trips for _, _, trips in counted),
    }


def _trigger(
    port: int, day: date, clock: FrozenClock, both: tuple[TimedStore, TimedStore]
) -> tuple[str, float, float, int]:
    """Return the outcome, seconds of a trigger, seconds of its round trips, and their number."""
    clock.instant = CALENDAR.hours(day).open + timedelta(hours=1)
    for store in both:
        store.seconds, store.trips = 0.0, 0
    began = time.perf_counter()
    answer = ask(port, "POST", "/run", headers={"X-CloudScheduler-ScheduleTime": Trigger(clock.instant).slot})
    seconds = time.perf_counter() - began
    outcome = answer.document["runs"][0]["report"]["outcome"]
    return outcome, seconds, sum(store.seconds for store in both), sum(store.trips for store in both)


def _service(ledger: TimedStore, reports: TimedStore, folder: Path, clock: FrozenClock) -> Service:
    strategy = bind(find_strategy("dual_momentum"))
    prices = synthetic_prices(strategy.manifest.symbols, CALENDAR, FIRST, LAST)
    table = price_table(prices, prices.symbols, "close", CALENDAR)
    market = FileMarketData(table, CALENDAR, clock)
    open_account(folder / "book", Decimal(100_000))
    settings = ServiceSettings(  # pyright: ignore[reportCallIssue] - the rest has defaults
        strategy_profile=strategy.manifest.profile,
        store_url=SecretStr("file:///-"),
        report_store_url=SecretStr("file:///-"),
    )

    def accounts() -> tuple[Account, ...]:
        return (Account(PaperBroker(folder / "book", market, clock), market, clock, Mode.PAPER),)

    return Service(
        settings=settings,
        platform=read_platform(description()),
        strategy=strategy,
        accounts=accounts,
        stores=_Timed(settings, ledger, reports),
        policy=ExecutionPolicy(),
        terms=RunTerms(),
        calendar=CALENDAR,
    )
