"""Where concrete classes meet: a run on the paper platform out of a price file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.price_files import FileMarketData, LongPrices, price_table
from quant_platform_kit.adapters.strategies import bind, catalog, strategy_of
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.matrix import reasons_against
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.paper.broker import PaperBroker, has_account, open_account, read_account
from quant_platform_kit.paper.platform import description
from quant_platform_kit.ports.feature_source import FeatureSource
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.research.replay import Finder
from quant_platform_kit.services.run.request import Handover, RunPorts, RunRequest
from quant_platform_kit.services.run.run_cycle import run_cycle

__all__ = ["PaperRun", "run_on_paper", "strategy_finder"]


def strategy_finder(reference: str | None) -> Finder:
    """Return what finds a profile's strategy: the user's own if it is of that profile, else the installed one."""
    own = strategy_of(reference) if reference is not None else None

    def find(profile: str, config: Mapping[str, object]) -> BoundStrategy:
        if own is not None and own.manifest.profile == profile:
            return bind(own, config)
        if profile not in catalog():
            hint = f"{reference} is of profile {own.manifest.profile}" if own else "add --strategy FILE.py:CLASS"
            raise InvalidInput(f"profile {profile} is not installed; {hint}")
        return bind(catalog()[profile], config)

    return find


@dataclass(frozen=True, slots=True)
class PaperRun:
    """A run on the paper platform: decide on ``as_of``, trade at the close of the session after it.

    Attributes
    ----------
    book
        Folder of the account: its book, store and reports.
    cash
        Funds a new account, and must equal what an existing one was funded with.
    accept_changes
        Take note of what changed in the account outside the platform, and go on.
    enter_now, handover
        As in `RunRequest`.
    features
        Where a snapshot-backed profile reads its snapshots.
    """

    strategy: BoundStrategy
    prices: LongPrices
    price_field: str
    as_of: date
    book: Path
    cash: Decimal | None
    policy: ExecutionPolicy
    accept_changes: bool = False
    enter_now: bool = False
    handover: Handover = Handover.REFUSE
    features: FeatureSource | None = None


def run_on_paper(run: PaperRun, slot: str = "cli") -> RunReport:
    """Run once on the paper platform.

    Raises
    ------
    InvalidInput, Refused
        Before anything is changed: the profile is not eligible, ``as_of`` is no session or has no session after it
        in the file, the cash does not fit the account, or the account has traded later than this.
    """
    manifest = run.strategy.manifest
    if reasons := reasons_against(manifest, read_platform(description())):
        raise Refused(f"{manifest.profile} cannot run on paper: {'; '.join(reasons)}")
    calendar = load_calendar("XNYS")
    session = calendar.session(run.as_of)
    table = price_table(run.prices, _symbols(run), run.price_field, calendar)
    if session.next not in table.sessions:
        raise InvalidInput(
            f"--as-of {run.as_of} trades on {session.next}, which has no prices in {run.prices.path}; "
            f"they run from {table.sessions[0]} to {table.sessions[-1]}"
        )
    clock = FrozenClock(calendar.hours(session.next).close)
    market = FileMarketData(table, calendar, clock)
    account = open_account(run.book, run.cash)
    reports = ReportStore(FileStore(run.book / "reports"))
    key = RunKey(account.book.account_id, session.next, slot, Mode.PAPER)
    if account.last_traded and account.last_traded > clock.now() and not reports.find(key.run_id):
        raise Refused(
            f"--as-of {run.as_of}: the account in {run.book} traded on {account.last_traded:%Y-%m-%d} already"
        )
    broker = PaperBroker(run.book, market, clock, run.policy.rules)
    ports = RunPorts(broker, market, FileStore(run.book / "store"), reports, clock, calendar, features=run.features)
    request = RunRequest(run.strategy, key, enter_now=run.enter_now, handover=run.handover)
    if run.accept_changes:
        request = replace(request, block_on=frozenset())
    return run_cycle(request, ports, run.policy)


def _symbols(run: PaperRun) -> set[str]:
    """Return what prices are needed of: the profile's symbols, and what the account holds besides.

    Which stocks a snapshot holds is known when the run reads it: of a snapshot-backed profile, all that the files have.
    """
    if run.strategy.manifest.features:
        return set(run.prices.symbols)
    held = read_account(run.book).book.quantities if has_account(run.book) else {}
    return {*run.strategy.manifest.symbols, *(symbol for symbol in held if symbol in run.prices.symbols)}
