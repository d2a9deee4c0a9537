"""What a contact reads, each thing once; what could not be read is remembered with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

from quant_platform_kit.domain.balances import BalanceRules
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.orders import ExecutionReport
from quant_platform_kit.domain.portfolio import AccountState, Quote
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.domain.sessions import ExchangeCalendar, SessionHours
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.domain.strategy import StrategyManifest
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.contact_source import AccountFacts, ContactSource, Instrument, Limits, LoginFacts
from quant_platform_kit.services.operate.contact.documents import Documents

__all__ = ["STEPS", "Asked", "Met", "Reading", "Told", "read"]

DAYS_AHEAD = 7
"""Days whose hours the broker is asked for, today among them."""
STEPS = 6
COMPARED_SESSIONS = 260
"""Sessions of the broker's history that are held against the price file: a year, in which every fund pays out."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Met:
    """An account as its service composes it, and how it is looked at.

    Attributes
    ----------
    source
        None where the app tells nothing beyond broker and prices.
    account_state
        Returns the account, asked for again where its figures do not add up.
    filed
        Returns the price file's closes of symbols up to a session, as far as the broker's history goes back and with
        what that carries; None without ``PRICE_HISTORY_PATH``.
    documents
        What the broker's documents are held against; None where they are not.
    """

    broker: Broker
    clock: Clock
    source: ContactSource | None
    account_state: Callable[[], AccountState]
    filed: Callable[[date, int], PriceHistory] | None = None
    documents: Documents | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the checklist is about: the profile, and the rules that a run of it would go by.

    Attributes
    ----------
    platform
        Its name.
    fill_timeout
        How long a run waits for the fills of a phase.
    stale_settings
        Names of settings that the profile does not use.
    """

    platform: str
    manifest: StrategyManifest
    calendar: ExchangeCalendar
    balances: BalanceRules = field(default_factory=BalanceRules)
    limits: RiskLimits = field(default_factory=RiskLimits)
    fill_timeout: timedelta = timedelta(seconds=120)
    stale_settings: tuple[str, ...] = ()

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol of the profile, ascending."""
        return self.manifest.symbols


@dataclass(frozen=True, slots=True)
class Told:
    """What was answered, by what was asked; None is what was not.

    Attributes
    ----------
    login
        None if it failed: then nothing else was asked.
    now, clock
        The broker's own time, and what time it was then by the clock that the service goes by (aware UTC).
    quoted_at
        What time it was by that clock when quotes were asked for.
    history, filed
        The broker's own closes, and those of the price file.
    """

    login: LoginFacts | None = None
    now: datetime | None = None
    clock: datetime | None = None
    account: AccountState | None = None
    facts: AccountFacts | None = None
    orders: tuple[ExecutionReport, ...] | None = None
    instruments: Mapping[str, Instrument] | None = None
    quotes: Mapping[str, Quote] | None = None
    quoted_at: datetime | None = None
    history: PriceHistory | None = None
    filed: PriceHistory | None = None
    hours: Mapping[date, SessionHours | None] | None = None
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one account.

    Attributes
    ----------
    made
        When, aware UTC, by this machine's clock: by it a login ends.
    failed
        Why something was not read, by its name in `Told`.
    until
        The newest session that has closed (exchange-local date).
    days
        Those whose hours were asked for.
    has_file
        Whether the service takes its history from a file.
    """

    account_id: str
    asked: Asked
    made: datetime
    traits: BrokerTraits
    told: Told
    failed: Mapping[str, str]
    calls: int = 0
    until: date | None = None
    days: tuple[date, ...] = ()
    has_file: bool = False
    documents: Documents | None = None

    @property
    def is_open(self) -> bool:
        """Whether the session is open by the clock that the service goes by."""
        return self.told.clock is not None and self.asked.calendar.is_open(self.told.clock)


@dataclass(slots=True)
class _Questions:
    """Asks one thing after another, and goes on where one is not answered."""

    failed: dict[str, str] = field(default_factory=dict[str, str])

    def ask(self, name: str, question: Callable[[], _T]) -> _T | None:
        """Return an answer; None, with the reason kept, for a question that failed."""
        try:
            return question()
        except QuantError as error:
            self.failed[name] = str(error)
        except Exception as error:  # noqa: BLE001 - an answer that was never seen may break any mapper
            said = " ".join(redact(str(error)).split())[:200]
            self.failed[name] = f"the answer cannot be read ({type(error).__name__}: {said})"
        return None


def read(met: Met, asked: Asked, made: datetime, on_step: Callable[[], object] = lambda: None) -> Reading:
    """Log in at the broker, and read everything that the checklist is about; nothing is sent or written.

    Parameters
    ----------
    made
        Now, aware UTC, by this machine's clock.
    on_step
        Called after each of `STEPS` steps; fewer are made where the login fails.
    """
    broker, source, questions, documents = met.broker, met.source, _Questions(), met.documents
    if documents is not None:
        documents.names = True
    login = questions.ask("login", lambda: _log_in(broker, source))
    if login is None:
        failed = questions.failed
        return Reading(broker.account_id, asked, made, broker.traits, Told(), failed, documents=documents)
    on_step()
    clock = questions.ask("clock", met.clock.now)
    now = questions.ask("now", source.now) if source else None
    until = questions.ask("until", lambda: asked.calendar.last_closed(clock)) if clock else None
    days = _days(asked.calendar, clock)
    on_step()
    account = questions.ask("account", met.account_state)
    facts = questions.ask("facts", source.facts) if source and account else None
    orders = questions.ask("orders", broker.open_orders)
    on_step()
    symbols = list(asked.symbols)
    instruments = questions.ask("instruments", lambda: source.instruments(symbols)) if source and symbols else None
    quoted_at = questions.ask("clock", met.clock.now)
    quotes = questions.ask("quotes", lambda: source.market.quotes(symbols)) if source and symbols else None
    on_step()
    history, filed = _histories(met, asked, questions, until)
    on_step()
    hours = questions.ask("hours", lambda: source.hours(days)) if source and days else None
    limits = questions.ask("limits", source.limits) if source else None
    on_step()
    told = Told(
        login, now, clock, account, facts, orders, instruments, quotes, quoted_at, history, filed, hours, limits
    )
    calls = source.calls if source else 0
    return Reading(
        account_id=broker.account_id,
        asked=asked,
        made=made,
        traits=broker.traits,
        told=told,
        failed=questions.failed,
        calls=calls,
        until=until,
        days=days,
        has_file=met.filed is not None,
        documents=documents,
    )


def _log_in(broker: Broker, source: ContactSource | None) -> LoginFacts:
    broker.connect()
    return source.login() if source else LoginFacts("")


def _days(calendar: ExchangeCalendar, clock: datetime | None) -> tuple[date, ...]:
    """Return today and the days after it, as far as the calendar knows them."""
    if clock is None:
        return ()
    first = calendar.local_date(clock)
    days = (first + timedelta(days=n) for n in range(DAYS_AHEAD))
    return tuple(day for day in days if calendar.table.first <= day <= calendar.table.last)


def _histories(
    met: Met, asked: Asked, questions: _Questions, until: date | None
) -> tuple[PriceHistory | None, PriceHistory | None]:
    """Return the broker's closes up to a session, and those of the price file."""
    symbols = list(asked.symbols)
    if until is None or met.source is None or not symbols:
        return None, None
    market, filed = met.source.market, met.filed
    sessions = max(asked.manifest.history_sessions, COMPARED_SESSIONS if filed else 1)
    history = questions.ask("history", lambda: market.history(symbols, until, sessions))
    return history, questions.ask("filed", lambda: filed(until, sessions)) if filed else None
