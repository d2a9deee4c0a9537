"""What a run is asked for, and the world it is run in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.client import Client
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.reconciliation import Discrepancy
from quant_platform_kit.domain.runs import RunClaim, RunReport
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.feature_source import FeatureSource
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.ports.tracing import NOT_TRACED, Tracer
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.record.seen import Seen
from quant_platform_kit.services.run.execution import ExecutionTimes
from quant_platform_kit.services.run.gateway import Reached

__all__ = ["Handover", "RunPorts", "RunRequest", "RunTerms"]


class Handover(StrEnum):
    """What happens to holdings that an earlier profile bought and the present one does not manage."""

    REFUSE = "refuse"
    SELL = "sell"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is asked for.

    Attributes
    ----------
    service, holder
        The service that runs, and the worker of it, named in leases and audit.
    scheduled_at
        When the trigger was due (aware UTC); None on the command line.
    enter_now
        Let a new account execute the decision that would still be held, instead of waiting for the next.
    block_on
        Discrepancies of the account that block the run; all are reported.
    ahead_of
        Of a probe: the mode of the runs that it looks ahead to.
    client
        By which the broker is reached; None where the platform needs no client library.
    """

    strategy: BoundStrategy
    key: RunKey
    service: str = "cli"
    holder: str = "cli"
    scheduled_at: datetime | None = None
    enter_now: bool = False
    handover: Handover = Handover.REFUSE
    block_on: frozenset[Discrepancy] = frozenset(each for each in Discrepancy if each.blocks)
    ahead_of: Mode = Mode.PAPER
    client: Client | None = None

    @property
    def aims_at(self) -> Mode:
        """The mode that the run is about: its own, or the one that a probe looks ahead to."""
        return self.ahead_of if self.key.mode is Mode.PROBE else self.key.mode

    def claim(self, as_of: date, at: datetime) -> RunClaim:
        """Return who the run belongs to.

        Parameters
        ----------
        as_of
            The completed session to decide on (exchange-local date).
        at
            When it is claimed, aware UTC.
        """
        manifest = self.strategy.manifest
        return RunClaim(
            key=self.key,
            profile=manifest.profile,
            display_name=manifest.display_name,
            input_mode=manifest.input_mode,
            config=self.strategy.config_values,
            as_of=as_of,
            service=self.service,
            claimed_at=at,
        )


@dataclass(frozen=True, slots=True)
class RunTerms:
    """Times of a run: fills, the lease, and how old a trigger may be to still decide."""

    execution: ExecutionTimes = field(default_factory=ExecutionTimes)
    lease: timedelta = timedelta(seconds=60)
    max_age: timedelta = timedelta(minutes=30)


def _nothing(boundary: Boundary) -> None:
    del boundary


def _nobody(report: RunReport) -> None:
    del report


@dataclass(frozen=True, slots=True)
class RunPorts:
    """Everything of the world a run touches.

    Attributes
    ----------
    reached
        Told every `Boundary`.
    published
        Told every report that is published, of runs that were recovered too.
    features
        Where a snapshot-backed profile reads its snapshots; None for the others.
    seen
        What the broker's documents were held against.
    whose
        Whose login the broker is reached by, once it is connected: `ContactSource.whose`; empty where nobody knows.
    """

    broker: Broker
    market: MarketData
    store: VersionedStore
    reports: ReportStore
    clock: Clock
    calendar: ExchangeCalendar
    reached: Reached = _nothing
    published: Callable[[RunReport], None] = _nobody
    features: FeatureSource | None = None
    tracer: Tracer = NOT_TRACED
    seen: Seen = field(default_factory=Seen)
    whose: Callable[[], str] = str
