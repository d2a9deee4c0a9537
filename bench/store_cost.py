"""What the ledger costs on each store: round trips by design, and time against the bare operations.

A bare operation is one INSERT with COMMIT, one conditional upload, or one exclusive create with fsync. The bounds: a
ledger write takes at most 1.5 times the bare one, and a run of 20 orders makes at most twice the round trips of its
bare writes (intent and answer of every order).
"""

import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)
from quant_platform_kit.paper.broker import PaperBroker, open_account
from quant_platform_kit.ports.versioned_store import Stored, VersionedStore
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.request import RunPorts, RunRequest
from quant_platform_kit.services.run.run_cycle import run_cycle
from sqlalchemy import create_engine, text

from chaos import stores

WRITES, ROUNDS, ORDERS = 40, 5, 20
TIME_BOUND, TRIP_BOUND = 1.5, 2.0
DATA = b'{"at":"2023-12-01T15:00:00+00:00","epoch":1,"execution":null,"note":"","state":"SENT"}'


@dataclass
class CountingStore:
    """A store that counts its round trips by operation."""

    store: VersionedStore
    trips: Counter[str] = field(default_factory=Counter[str])

    def create(self, key: str, data: bytes) -> int:
        """Create."""
        self.trips["create"] += 1
        return self.store.create(key, data)

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Replace."""
        self.trips["replace"] += 1
        return self.store.replace(key, data, generation)

    def get(self, key: str) -> Stored | None:
        """Get."""
        self.trips["get"] += 1
        return self.store.get(key)

    def keys(self, prefix: str) -> list[str]:
        """List."""
        self.trips["list"] += 1
        return self.store.keys(prefix)

    def now(self) -> datetime:
        """Tell the time."""
        self.trips["now"] += 1
        return self.store.now()


class _Twenty:
    """Five per cent in each of twenty symbols."""

    class Config(BaseModel):
        """No settings."""

    manifest = StrategyManifest(
        profile="twenty",
        display_name="Twenty",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.MARKET_HISTORY}),
        managed=tuple(f"S{n:02}" for n in range(ORDERS)),
        history_sessions=1,
        sources=("benchmark",),
    )

    def evaluate(self, ctx: StrategyContext, config: object) -> StrategyDecision:
        """Decide."""
        return self.manifest.rebalance(ctx, dict.fromkeys(self.manifest.managed, 0.045))


def measure() -> dict[str, Any]:
    """Return per store the median ratio of a ledger write to a bare one, and the round trips of a run."""
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for kind in stores.KINDS:
            folder = Path(name) / kind
            folder.mkdir()
            with stores.serve(kind, folder) as place:
                ratios[kind] = round(_ratio(place.open()[0], _bare(kind, place, folder)), 2)
        trips = _trips(Path(name))
    bare = 2 * ORDERS
    total = sum(trips.values())
    return {
        "write_over_bare": ratios,
        "time_bound": TIME_BOUND,
        "round_trips_per_order": {"list": 1, "create": 2},
        "run_of_20_orders": dict(trips),
        "round_trips_over_bare": round(total / bare, 2),
        "trip_bound": TRIP_BOUND,
        "met": max(ratios.values()) <= TIME_BOUND and total <= TRIP_BOUND * bare,
    }


def _ratio(store: VersionedStore, bare: Callable[[int], object]) -> float:
    ratios: list[float] = []
    for number in range(ROUNDS):
        theirs = _seconds(lambda n, number=number: bare(number * WRITES + n))
        ours = _seconds(lambda n, number=number: store.create(f"runs/r/orders/{number:03}-{n:03}.001", DATA))
        ratios.append(ours / theirs)
    return statistics.median(ratios)


def _seconds(write: Callable[[int], object]) -> float:
    began = time.perf_counter()
    for n in range(WRITES):
        write(n)
    return time.perf_counter() - began


def _bare(kind: str, place: stores.StorePlace, folder: Path) -> Callable[[int], object]:
    if kind == "file":
        return lambda n: _bare_file(folder / f"bare-{n}")
    if kind == "gs":
        return _bare_upload(place)
    engine = create_engine(place.ledger, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE bare (key text PRIMARY KEY, data text, generation bigint)"))
        if kind == "sqlite":
            connection.execute(text("PRAGMA synchronous=FULL"))
    insert = text("INSERT INTO bare VALUES (:key, :data, 1)")

    def write(n: int) -> None:
        with engine.connect() as connection:
            connection.execute(insert, {"key": f"bare/{n}", "data": DATA.decode()})

    return write


def _bare_file(path: Path) -> None:
    """Create a file exclusively, and make it and its name durable."""
    with path.open("xb") as file:
        file.write(DATA)
        file.flush()
        os.fsync(file.fileno())
    handle = os.open(path.parent, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _bare_upload(place: stores.StorePlace) -> Callable[[int], object]:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    client = storage.Client("bench", AnonymousCredentials(), client_options={"api_endpoint": place.endpoint})
    bucket = client.bucket("quant")
    return lambda n: bucket.blob(f"bare/{n}").upload_from_string(DATA, if_generation_match=0)


def _trips(folder: Path) -> Counter[str]:
    """Count the round trips of one run with twenty orders, on an account that has had one: the first asks for more."""
    calendar = load_calendar("XNYS")
    strategy = bind(_Twenty())
    session = calendar.session(date(2023, 11, 30))
    clock = FrozenClock(calendar.hours(session.next).open + timedelta(hours=1))
    account = open_account(folder / "book", Decimal(1_000_000))
    market = _Market(calendar, clock)
    ledger, reports = CountingStore(_file(folder / "store")), CountingStore(_file(folder / "reports"))
    broker = PaperBroker(folder / "book", market, clock)
    ports = RunPorts(broker, market, ledger, ReportStore(reports), clock, calendar)
    for mode in (Mode.DRY_RUN, Mode.PAPER):
        ledger.trips.clear()
        reports.trips.clear()
        key = RunKey(account.book.account_id, session.next, "bench", mode)
        report = run_cycle(RunRequest(strategy, key), ports, ExecutionPolicy())
    assert len(report.orders) == ORDERS, report.outcome
    return ledger.trips + reports.trips


def _file(folder: Path) -> VersionedStore:
    from quant_platform_kit.adapters.file_store import FileStore

    return FileStore(folder)


class _Market:
    """Every symbol at 100."""

    def __init__(self, calendar: Any, clock: FrozenClock) -> None:
        self._calendar, self._clock = calendar, clock

    def history(self, symbols: Any, until: date, sessions: int) -> Any:
        """Return one session."""
        import numpy as np
        from quant_platform_kit.domain.prices import PriceHistory, PriceTable

        dates = np.array([until], dtype="datetime64[D]")
        return PriceHistory(PriceTable(dates, symbols, {"close": np.full((1, len(symbols)), 100.0)}))

    def quotes(self, symbols: Any) -> Any:
        """Return the price as of now."""
        from quant_platform_kit.domain.portfolio import Quote

        return {symbol: Quote(symbol, Decimal(100), self._clock.now()) for symbol in symbols}
