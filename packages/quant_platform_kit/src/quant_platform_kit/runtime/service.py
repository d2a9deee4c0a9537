"""A service as its app composes it: a strategy, the accounts it runs on, and where it keeps what it knows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.file_history import FileHistory
from quant_platform_kit.adapters.installed import installed_client
from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.adapters.strategies import bind, find_strategy, read_config, read_file
from quant_platform_kit.adapters.traces import open_tracer
from quant_platform_kit.domain.balances import BalanceRules
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.client import Client
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.matrix import PlatformDescription, enabled_row
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment, BoundStrategy, Strategy
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.contact_source import ContactSource
from quant_platform_kit.ports.feature_source import FeatureSource
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.ports.notifier import Notifier
from quant_platform_kit.ports.tracing import NOT_TRACED, Tracer
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.settings import ServiceSettings
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.record.seen import Seen
from quant_platform_kit.services.run.execution import ExecutionTimes
from quant_platform_kit.services.run.gateway import Reached
from quant_platform_kit.services.run.request import RunTerms

__all__ = ["Account", "Service", "Stores", "configured"]


def _leave() -> None: ...


@dataclass(frozen=True, slots=True)
class Account:
    """One account as a run needs it, made anew for every run.

    Attributes
    ----------
    mode
        How far its runs may go: what the switches allow, see `ServiceSettings`.
    clock
        What its broker's time is.
    close
        Called when the run is over, however it ended.
    seen
        What its broker's documents were held against; shared by the accounts of a login.
    contact
        What a first contact may ask beside; a run asks it only whose login it uses.
    """

    broker: Broker
    market: MarketData
    clock: Clock
    mode: Mode
    close: Callable[[], None] = _leave
    seen: Seen = field(default_factory=Seen)
    contact: ContactSource | None = None


class Stores:
    """Ledger and reports, opened when they are first needed: a service starts while its store is down."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    @property
    def ledger(self) -> VersionedStore:
        """The ledger; raises `StoreError` while it cannot be reached."""
        with self._lock:
            return self._ledger

    @property
    def reports(self) -> ReportStore:
        """The reports; raises `StoreError` while they cannot be reached."""
        with self._lock:
            return ReportStore(self._reports)

    @property
    def notices(self) -> VersionedStore:
        """Where it is kept who was told what: beside the reports."""
        with self._lock:
            return self._reports

    @cached_property
    def _ledger(self) -> VersionedStore:
        return self._open(self._settings.store_url.get_secret_value())

    @cached_property
    def _reports(self) -> VersionedStore:
        return self._open(self._settings.report_store_url.get_secret_value())

    def _open(self, url: str) -> VersionedStore:
        return open_store(url, endpoint=self._settings.storage_emulator_host if url.startswith("gs:") else None)


_SNAPSHOT_ONLY = ("_feature_snapshot_path", "_feature_snapshot_manifest_path", "_strategy_config_path")


def _never(now: datetime) -> datetime | None:
    del now
    return None


def _nobody() -> tuple[str, ...]:
    return ()


def _nobody_else(report: RunReport) -> None:
    del report


def _nothing(boundary: Boundary) -> None:
    del boundary


@dataclass(frozen=True)
class Service:
    """What an app serves.

    Attributes
    ----------
    accounts
        Returns the accounts, each with a broker that has not logged in yet.
    cautions
        Returns what will need a person soon, such as a token's age; asked after each run.
    login_ends
        Given an instant (aware UTC), returns when a person has to log in again after it; None where nobody knows.
    stale_settings
        Names of settings in the environment that the profile does not use.
    reached
        Told every boundary of a run.
    ended
        Given the report of every run that ended, and again when it is asked for again.
    features
        Where a snapshot-backed profile reads its snapshots.
    """

    settings: ServiceSettings
    platform: PlatformDescription
    strategy: BoundStrategy
    accounts: Callable[[], Sequence[Account]]
    stores: Stores
    policy: ExecutionPolicy
    terms: RunTerms
    calendar: ExchangeCalendar = field(default_factory=lambda: load_calendar("XNYS"))
    notifier: Notifier | None = None
    cautions: Callable[[], Sequence[str]] = _nobody
    login_ends: Callable[[datetime], datetime | None] = _never
    stale_settings: tuple[str, ...] = ()
    reached: Reached = _nothing
    ended: Callable[[RunReport], None] = _nobody_else
    features: FeatureSource | None = None
    tracer: Tracer = NOT_TRACED

    @property
    def name(self) -> str:
        """The service's name."""
        return self.settings.cloud_run_service

    @cached_property
    def client(self) -> Client | None:
        """The client library that is installed; None where the platform needs none."""
        return installed_client(self.platform.name, self.platform.libraries)

    @property
    def history(self) -> Adjustment:
        """What the broker's own history is to carry: what the rule reads, or what there is where it reads no prices."""
        needed, delivered = self.strategy.manifest.adjustment, self.platform.adjustments
        if self.strategy.manifest.reads_prices or needed in delivered or not delivered:
            return needed
        return min(delivered, key=lambda adjustment: adjustment.value)


def configured(
    settings: ServiceSettings,
    platform: PlatformDescription,
    accounts: Callable[[], Sequence[Account]],
    own: Strategy | None = None,
) -> Service:
    """Return the service that settings describe.

    Parameters
    ----------
    own
        The strategy of ``STRATEGY_PROFILE``, where it is not an installed one.

    Raises
    ------
    InvalidInput
        The profile is not known, its configuration is not valid, or it lacks a price source.
    Refused
        The platform may not run it.
    """
    bound = _bound(settings, own)
    row = enabled_row(bound.manifest, platform)
    needed = bound.manifest.adjustment
    if row.needs_source and not settings.price_history_path:
        raise InvalidInput(
            f"STRATEGY_PROFILE {row.profile} needs {needed.value} prices, which {platform.name} does not deliver: set "
            "PRICE_HISTORY_PATH to a price file that has them, as `quant prices pull` makes one"
        )
    if settings.price_history_path and needed not in platform.price_source:
        raise InvalidInput(f"PRICE_HISTORY_PATH is set, but {platform.name} takes no {needed.value} prices from a file")
    return Service(
        settings=settings,
        platform=platform,
        strategy=bound,
        accounts=_sourced(settings, needed, accounts) if settings.price_history_path else accounts,
        stores=Stores(settings),
        policy=_policy(settings, platform),
        terms=_terms(settings),
        notifier=_notifier(settings),
        stale_settings=() if bound.manifest.features else _stale(settings),
        features=_features(settings) if bound.manifest.features else None,
        tracer=open_tracer(settings.traces_url.get_secret_value(), settings.cloud_run_service),
    )


def _features(settings: ServiceSettings) -> FeatureSource:
    """Return where a snapshot-backed profile reads its snapshots under these settings."""
    from quant_platform_kit.adapters.feature_loader import FeatureLoader
    from quant_platform_kit.adapters.snapshot_places import SnapshotSettings

    manifest = settings.of_platform("feature_snapshot_manifest_path")
    where = SnapshotSettings(settings.platform_prefix, manifest, settings.of_platform("feature_snapshot_path"))
    return FeatureLoader(where, load_calendar("XNYS"), endpoint=settings.storage_emulator_host)


def _sourced(
    settings: ServiceSettings, needed: Adjustment, accounts: Callable[[], Sequence[Account]]
) -> Callable[[], Sequence[Account]]:
    """Return the accounts with the history of the price file."""
    path, calendar = Path(settings.price_history_path), load_calendar("XNYS")

    def sourced() -> Sequence[Account]:
        made = accounts()
        return [replace(each, market=FileHistory(path, needed, calendar, each.market)) for each in made]

    return sourced


def _bound(settings: ServiceSettings, given: Strategy | None) -> BoundStrategy:
    """Return the strategy under these settings."""
    try:
        strategy = given or find_strategy(settings.strategy_profile)
    except InvalidInput as error:
        raise InvalidInput(f"STRATEGY_PROFILE: {error}") from error
    path, own = settings.of_platform("strategy_config_path"), settings.strategy_config
    items = [item for item in (path, *own.split(",")) if item]
    try:
        return bind(strategy, read_config(items, lambda name: _content(name, settings)))
    except InvalidInput as error:
        named = f"STRATEGY_CONFIG is {own!r}"
        if path or not own:
            setting = f"{settings.platform_prefix}STRATEGY_CONFIG_PATH"
            named = f"{setting} is {path!r}" if path else f"{setting} is not set"
        raise InvalidInput(f"{named}: {error}") from error


def _content(name: str, settings: ServiceSettings) -> bytes:
    """Return the content of a configuration file, on this machine or beside published snapshots."""
    if not name.startswith("gs:"):
        return read_file(name.removeprefix("file://"))
    from quant_platform_kit.adapters.snapshot_stores import open_snapshots, split_address

    folder, key = split_address(name)
    found = open_snapshots(folder, endpoint=settings.storage_emulator_host).get(key)
    if found is None:
        raise InvalidInput(f"there is no file {name}; correct the path")
    return found.data


def _stale(settings: ServiceSettings) -> tuple[str, ...]:
    """Return the settings that only a snapshot-backed profile uses and that are set."""
    return tuple(name.upper() for name, value in settings if name.endswith(_SNAPSHOT_ONLY) and value)


def _policy(settings: ServiceSettings, platform: PlatformDescription) -> ExecutionPolicy:
    """Return how decisions become orders under these settings."""
    limits = RiskLimits(
        max_order_notional=settings.max_order_notional,
        max_turnover=settings.max_turnover,
        max_weight=settings.max_weight,
        max_price_move=settings.max_price_move,
        max_price_age=timedelta(seconds=settings.max_price_age_seconds),
        price_basis=settings.price_basis,
        price_jump=settings.price_jump,
        price_jump_alone=settings.price_jump_alone,
    )
    return ExecutionPolicy(
        platform.native_mode,
        limits=limits,
        allocation_fraction=settings.allocation_fraction,
        balances=BalanceRules(
            settings.balance_tolerance_share,
            settings.balance_tolerance,
            settings.debit_accounts,
            settings.cash_accounts,
        ),
    )


def _terms(settings: ServiceSettings) -> RunTerms:
    """Return the times of a run under these settings."""
    times = ExecutionTimes(timedelta(seconds=settings.fill_timeout_seconds))
    return RunTerms(times, timedelta(seconds=settings.lease_seconds), settings.run_max_age)


def _notifier(settings: ServiceSettings) -> Notifier | None:
    """Return whom to tell under these settings."""
    urls = settings.notify_urls.get_secret_value().split()
    return AppriseNotifier(urls) if urls else None
