"""A full rebalance of thirty names at a broker: thirty sells and thirty buys, held to the broker's own limits.

The account holds thirty stocks of which the next decision wants none. Quotes and newest closes of all sixty are asked
for as for a profile that reads no prices. It has to end within the time that a trigger over HTTP may take.
"""

import statistics
import tempfile
import time
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.sql_store import SqlStore
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import Side
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.request import RunPorts, RunRequest
from quant_platform_kit.services.run.run_cycle import run_cycle
from venue_sandbox.stands.longbridge import LongBridgeClients
from venue_sandbox.stands.stand import ACCOUNT, Clients, Opening, Stand, Waits

from bench.libraries import of_library

__all__ = ["measure"]

NAMES, ROUNDS = 30, 3
BOUND_SECONDS = 300
CASH = Decimal(1_000_000)
WAITS = Waits(20.0, timedelta(seconds=0.4))
TRADE_CALLS = 30
LIMITS = {"longbridge": ("--trade-calls-per-30s", str(TRADE_CALLS))}
"""Of a venue that takes any number of calls unless it is told otherwise."""
PAUSE_SECONDS = 35
"""So that the limit knows nothing of the run before, as on another day."""
SYMBOLS = tuple(f"S{n:02}" for n in range(2 * NAMES))
CALENDAR = load_calendar("XNYS")
SESSIONS = (date(2023, 6, 2), date(2023, 6, 5))
OPENS = timedelta(hours=14)


class _Turns:
    """Holds the first thirty names on one day and the others on the next."""

    class Config(BaseModel):
        """No settings."""

    manifest = StrategyManifest(
        profile="turns",
        display_name="Turns",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.PORTFOLIO_SNAPSHOT}),
        managed=SYMBOLS,
        history_sessions=0,
        cadence=Cadence.SESSION,
        sources=("benchmark",),
    )

    def evaluate(self, ctx: StrategyContext, config: object) -> StrategyDecision:
        """Decide."""
        chosen = SYMBOLS[:NAMES] if ctx.session.next == SESSIONS[0] else SYMBOLS[NAMES:]
        return self.manifest.rebalance(ctx, dict.fromkeys(chosen, 0.98 / NAMES))


def measure(library: str) -> dict[str, Any]:
    """Return how long the rebalance takes, in seconds, and what was asked of the venue."""
    kind, subject = of_library(library)
    rounds = list[dict[str, Any]]()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        prices = _prices(Path(name))
        for n in range(1 if library in LIMITS else ROUNDS):
            folder = Path(name) / str(n)
            folder.mkdir()
            funded = {ACCOUNT: {"USD": CASH}}
            limits = LIMITS.get(kind.name, ())
            opening = Opening(folder=folder, accounts=funded, prices=prices, clock=_at(SESSIONS[0]), options=limits)
            with kind.open(opening) as stand, closing(SqlStore(f"sqlite:///{folder}/store.db")) as store:
                rounds.append(_rebalance(stand, stand.clients(WAITS, subject.library), store))
    seconds = statistics.median(one["seconds"] for one in rounds)
    return {**rounds[-1], "seconds": round(seconds, 2), "bound": BOUND_SECONDS, "met": seconds <= BOUND_SECONDS}


def _at(session: date) -> datetime:
    return datetime.combine(session, datetime.min.time(), UTC) + OPENS


def _prices(folder: Path) -> Path:
    path = folder / "prices.csv"
    days: Collection[date] = CALENDAR.between(date(2023, 5, 1), date(2023, 6, 6))
    rows = (f"{day},{symbol},50,50,50\n" for day in days for symbol in SYMBOLS)
    path.write_text("date,symbol,open,close,adj_close\n" + "".join(rows))
    return path


def _rebalance(stand: Stand, clients: Clients, store: SqlStore) -> dict[str, Any]:
    """Return how long a run takes that sells all there is and buys as many others."""
    if isinstance(clients, LongBridgeClients):
        clients = replace(clients, trade_calls=TRADE_CALLS)
    _run(clients, store, SESSIONS[0])
    time.sleep(PAUSE_SECONDS if stand.name in LIMITS else 0)
    stand.set_clock(ACCOUNT, _at(SESSIONS[1]))
    before = _requests(stand)
    began = time.perf_counter()
    report = _run(clients, store, SESSIONS[1])
    seconds = time.perf_counter() - began
    asked = {name: count - before.get(name, 0) for name, count in _requests(stand).items()}
    return {
        "seconds": seconds,
        "sells_seconds": _span(report, Side.SELL),
        "buys_seconds": _span(report, Side.BUY),
        "requests": {name: count for name, count in sorted(asked.items()) if count},
    }


def _requests(stand: Stand) -> dict[str, int]:
    return {} if stand.name == "paper" else stand.server.control("GET", "requests")


def _span(report: RunReport, side: Side) -> float:
    """Return the seconds from the first order of a side sent to the last one known as filled."""
    orders = [order for order in report.orders if order.side is side]
    sent, ended = (
        [at for at in instants if at] for instants in zip(*((o.sent_at, o.ended_at) for o in orders), strict=True)
    )
    return round((max(ended) - min(sent)).total_seconds(), 2)


def _run(clients: Clients, store: SqlStore, session: date) -> RunReport:
    account = clients.account(ACCOUNT, store)
    key = RunKey(ACCOUNT, session, "bench", Mode.PAPER)
    try:
        ports = RunPorts(account.broker, account.market, store, ReportStore(store), account.clock, CALENDAR)
        report = run_cycle(RunRequest(bind(_Turns()), key), ports, ExecutionPolicy(TargetMode.WEIGHT))
    finally:
        account.close()
    assert report.outcome is Outcome.COMPLETED, (report.reasons, _unfilled(report))
    sides: Sequence[Side] = [order.side for order in report.orders if order.filled]
    wanted = 0 if session == SESSIONS[0] else NAMES
    assert (sides.count(Side.SELL), sides.count(Side.BUY)) == (wanted, NAMES), _unfilled(report)
    return report


def _unfilled(report: RunReport) -> list[str]:
    return [f"{one.symbol} {one.state.value}: {one.text}" for one in report.orders if not one.filled]
