"""A short look at every account of a service before a run is due: login, clock and one quote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from loguru import logger

from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.runtime.service import Account, Service
from quant_platform_kit.services.observe.notifying import Notices, delivered
from quant_platform_kit.services.observe.preflight import AHEAD, Brief, about_concern, concerns
from quant_platform_kit.services.observe.watchdog import Schedule, cron
from quant_platform_kit.services.record.leases import read_lease

__all__ = ["Looked", "look_ahead"]


@dataclass(frozen=True, slots=True)
class Looked:
    """What a pre-flight found.

    Attributes
    ----------
    due
        When the next run is, aware UTC; None where none is due soon, and nothing was asked.
    concerns
        What may keep it from being made.
    """

    due: datetime | None
    briefs: tuple[Brief, ...] = ()
    concerns: tuple[str, ...] = ()


def look_ahead(service: Service, schedule: str, now: datetime) -> Looked:
    """Look at every account if a run is due within half a day, and tell what may keep it from being made.

    At most three questions of each broker: the login, its clock, one quote. Nothing is sent, and nothing is kept but
    who was told.

    Parameters
    ----------
    schedule
        When runs are due: a cron expression in the exchange's time.
    now
        Aware UTC.

    Raises
    ------
    InvalidInput
        The schedule is none.
    """
    due = Schedule(cron(schedule), service.calendar).next(now)
    if due is None or due - now > AHEAD:
        return Looked(None)
    briefs = _briefs(service, now)
    found: list[str] = []
    for brief in briefs:
        for text in concerns(brief, due):
            found.append(f"{brief.account or service.name}: {text}")
            _tell(service, brief, text, due)
    return Looked(due, tuple(briefs), tuple(found))


def _briefs(service: Service, now: datetime) -> list[Brief]:
    try:
        accounts = service.accounts()
    except QuantError as error:
        return [Brief(None, failed=str(error), ends=_ends(service, now))]
    try:
        return [_brief(service, each, now) for each in accounts]
    finally:
        for each in accounts:
            each.close()


def _brief(service: Service, account: Account, now: datetime) -> Brief:
    name = account.broker.account_id
    try:
        lease = read_lease(service.stores.ledger, name)
        if lease and lease.open_run and lease.expires_at and service.stores.ledger.now() < lease.expires_at:
            return Brief(name, open_run=lease.open_run)
        account.broker.connect()
        at, asked = account.clock.now(), service.strategy.manifest.symbols[:1]
        absent = set(asked) - set(account.market.quotes(asked) if asked else ())
        failed = f"there is no quote of {', '.join(absent)}" if absent else ""
        return Brief(name, failed, now=at, ends=_ends(service, now))
    except QuantError as error:
        return Brief(name, failed=str(error), ends=_ends(service, now))


def _ends(service: Service, now: datetime) -> datetime | None:
    try:
        return service.login_ends(now)
    except QuantError as error:
        logger.error("when the login ends cannot be found out: {}", error)
        return None


def _tell(service: Service, brief: Brief, text: str, due: datetime) -> None:
    logger.error("before the run at {}: {}", due, text)
    try:
        notices = Notices(service.stores.notices, service.notifier)
    except QuantError as error:
        logger.error("nobody was told: {}", error)
        return
    for error in delivered([notices.deliver(about_concern(service.name, brief.account, text, due))]):
        logger.error("a notification did not get out: {}", error)
