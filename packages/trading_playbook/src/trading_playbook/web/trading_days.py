"""Session after session: waits for the next one, makes its terms, and runs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from loguru import logger
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from quant_platform_kit.domain.errors import Interrupted, Refused
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.notifier import Notification, Severity
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.services.observe.notifying import Notices

from trading_playbook.backtest import check_length, moving_average
from trading_playbook.days import TradingDay, trading_day
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.live.alerts import LINE
from trading_playbook.live.events import Noted, Terms
from trading_playbook.live.installed import LiveVenue
from trading_playbook.live.ports import LivePorts
from trading_playbook.live.running import Wanted, Worker, run_session
from trading_playbook.live.session import LiveSession

__all__ = ["LiveSettings", "TradingDays", "terms_of"]

BEFORE = timedelta(minutes=15)
"""How long before the open a session begins."""
AFTER = timedelta(minutes=2)


class LiveSettings(BaseSettings):
    """What live sessions can be told. The names in the environment are those of the fields, in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    playbook_risk: Decimal = Field(Decimal("0.005"), gt=0, le=Decimal("0.05"), description="Share of equity at risk.")
    playbook_most_notional: Decimal | None = Field(None, gt=0, description="What an entry may cost at most, in USD.")
    lease_seconds: float = Field(60, ge=15, le=600, description="How long the account's lease lasts.")


@dataclass(frozen=True, slots=True)
class TradingDays:
    """Runs the sessions of one symbol on one account.

    Attributes
    ----------
    holder
        A name of this process, for the lease.
    """

    symbol: str
    service: str
    holder: str
    settings: LiveSettings
    calendar: ExchangeCalendar
    store: VersionedStore
    notices: Notices
    stop: StopSignal

    def run(self, venue: LiveVenue) -> None:
        """Run sessions until the process is told to stop.

        Raises
        ------
        QuantError
            As `run_session`, or a source does not answer; what was left is found by the next try.
        """
        try:
            while True:
                day = self._next(venue.clock)
                self.stop.wait(max((day.opens - BEFORE - venue.clock.now()).total_seconds(), 0))
                self.run_one(venue, day)
        except Interrupted:
            return

    def run_one(self, venue: LiveVenue, day: TradingDay) -> LiveSession | None:
        """Run one session; None where the process was told to stop before it had the account."""
        if venue.mode is Mode.LIVE and (against := venue.before_live()):
            raise Refused(f"no live session: {'; '.join(against)}")
        key = RunKey(venue.broker.account_id, day.date, f"playbook {self.symbol}", venue.mode)
        wanted = Wanted(key, self.service, lambda: terms_of(self, venue, day, key))
        feed = venue.bars(day)
        ports = LivePorts(venue.broker, feed, self.store, venue.clock, venue.objections, venue.drift, self.tell)
        worker = Worker(self.holder, timedelta(seconds=self.settings.lease_seconds), lambda: self.stop.is_set)
        try:
            return run_session(wanted, ports, worker)
        finally:
            feed.close()

    def _next(self, clock: Clock) -> TradingDay:
        """Return the session that is under way, or else the next one."""
        now = clock.now()
        today = self.calendar.local_date(now)
        if self.calendar.is_session(today) and now < self.calendar.hours(today).close + AFTER:
            return trading_day(self.calendar, today)
        return trading_day(self.calendar, self.calendar.after(today))

    def tell(self, terms: Terms, noted: Noted) -> None:
        """Tell people of what was noted, and the log, whose lines Cloud Monitoring's policies look for."""
        key = f"playbook/live/{terms.key.run_id}/{noted.at:%H%M%S}-{noted.what.name.lower()}"
        title = f"{terms.symbol} {terms.session}: {noted.what}"
        logger.bind(event=LINE, what=noted.what.value, run=terms.key.run_id).warning("{}: {}", title, noted.text)
        self.notices.deliver(Notification(key, Severity.FAILURE, title, noted.text))


def terms_of(days: TradingDays, venue: LiveVenue, day: TradingDay, key: RunKey) -> Terms:
    """Return what a session goes by."""
    numbers = Dp20Parameters()
    check_length(venue.source, numbers)
    sma, _ = moving_average(venue.source, day.date, days.calendar, numbers.sma_sessions)
    return Terms(
        key,
        days.service,
        days.symbol,
        days.calendar.hours(day.date).open,
        day.minutes,
        venue.source.bar_minutes,
        sma,
        numbers.model_dump(),
        venue.feed,
        days.settings.playbook_risk,
        days.settings.playbook_most_notional,
    )
