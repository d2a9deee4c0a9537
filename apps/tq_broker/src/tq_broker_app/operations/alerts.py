"""What a person has to know of, and when: each thing once, until it has ended and begins again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.ports.notifier import Notification, Severity

from tq_broker_app.operations.looking import Look

__all__ = ["CALENDAR_DAYS", "Finding", "Incidents", "Kind", "findings", "notification", "together"]

CALENDAR_DAYS = 90
"""An end of the calendar is told so many days before."""
WITHOUT_TRADES = "tq_broker_orders_without_trades"


class Kind(StrEnum):
    """What a finding is about."""

    SERVICE = "service"
    SERVER = "server"
    TRADES = "trades"
    TRADING_DAY = "trading-day"
    UNKNOWN = "unknown"
    DEAD_LETTERS = "dead-letters"
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes
    ----------
    kind, name
        What it is about; a finding of the same kind and name is the same thing.
    patient
        Whether it may pass by itself, as a restart does.
    """

    kind: str
    name: str
    text: str
    patient: bool = False


def findings(
    looks: Sequence[Look],
    unknown: Mapping[str, str],
    letters: int,
    calendar_ends: date,
    today: date,
) -> Iterator[Finding]:
    """Yield all that is not as it should be.

    Parameters
    ----------
    unknown
        Why orders are UNKNOWN, by id.
    letters
        How many dead letters there are.
    """
    for look in looks:
        if not look.good:
            why = f": {look.details['error']}" if "error" in look.details else ""
            yield Finding(Kind.SERVICE, look.role.value, f"{look.role.value} is {look.phase}{why}", patient=True)
        if late := int(look.figures.get(WITHOUT_TRADES, 0)):
            text = f"{_counted(late, 'order')} at the end whose trades do not add up; see the log of {look.role.value}"
            yield Finding(Kind.TRADES, look.role.value, text)
    days = {look.details["trading_day"] for look in looks if look.good and "trading_day" in look.details}
    if len(days) > 1:
        yield Finding(
            Kind.TRADING_DAY, "logins", f"logins show the trading days {', '.join(sorted(days))}", patient=True
        )
    for order_id, why in unknown.items():
        yield Finding(Kind.UNKNOWN, order_id, f"order {order_id} is UNKNOWN: {why}; see `tq-broker resolve`")
    if letters:
        text = f"{_counted(letters, 'dead letter')}; see `tq-broker dead-letters list`"
        yield Finding(Kind.DEAD_LETTERS, f"{len(str(letters))}-digits", text)
    if (left := (calendar_ends - today).days) < CALENDAR_DAYS:
        text = f"the calendar of the exchanges ends on {calendar_ends}, in {left} days: orders after it are refused"
        yield Finding(Kind.CALENDAR, calendar_ends.isoformat(), text)


@dataclass(slots=True)
class Incidents:
    """What goes on, and what of it was told.

    Parameters
    ----------
    patience_seconds
        How long something may last that may pass by itself.
    """

    patience_seconds: float
    _since: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    _told: dict[tuple[str, str], Finding] = field(default_factory=dict[tuple[str, str], Finding])

    def due(self, found: Iterable[Finding], now: float) -> list[Finding]:
        """Return what is to be told now; ``now`` is on a clock that never goes back, in seconds."""
        present = {(each.kind, each.name): each for each in found}
        self._since = {key: self._since.get(key, now) for key in present}
        ready = [
            each
            for key, each in present.items()
            if key not in self._told and (not each.patient or now - self._since[key] >= self.patience_seconds)
        ]
        self._told |= {(each.kind, each.name): each for each in ready}
        return ready

    def ended(self, found: Iterable[Finding]) -> list[Finding]:
        """Return what was told and is over; it is told again when it comes back."""
        present = {(each.kind, each.name) for each in found}
        over = [each for key, each in self._told.items() if key not in present]
        for each in over:
            del self._told[each.kind, each.name]
        return over


def together(due: Sequence[Finding]) -> list[Finding]:
    """Return what is to be told, with all that may pass by itself in one: it mostly has one cause."""
    passing = [each for each in due if each.patient]
    others = [each for each in due if not each.patient]
    if len(passing) < 2:
        return [*passing, *others]
    names, text = ", ".join(each.name for each in passing), "; ".join(each.text for each in passing)
    return [Finding(passing[0].kind, names, text, patient=True), *others]


def notification(portfolio_id: str, finding: Finding, began: datetime) -> Notification:
    """Return the message to people; an UNKNOWN order is told of once for ever, others once each time they begin."""
    digest = sha256(finding.name.encode())[:16]
    time = "" if finding.kind in (Kind.UNKNOWN, Kind.CALENDAR) else f"/{began:%Y%m%dT%H%M%S}"
    title = f"tq-broker {portfolio_id}: {finding.kind} {finding.name}"
    return Notification(
        f"tq-broker/{portfolio_id}/{finding.kind}/{digest}{time}", Severity.FAILURE, title, finding.text
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
