"""What should have happened and did not: runs that were due, halts nobody lifted, decisions nobody executed."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from quant_platform_kit.domain.carry import CARRY_SESSIONS
from quant_platform_kit.domain.errors import InvalidInput, StoreError, UnknownSession
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.observe.status import AccountStatus, StatusSources, account_status
from quant_platform_kit.services.operate.owners import accounts_in
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.ledger import first_claim
from quant_platform_kit.services.run.advice import PLACE, resolve_line

__all__ = ["Alert", "Kind", "Schedule", "Watch", "Watched", "cron", "slot_of", "unreadable", "watch"]

FIELDS = "minute, hour, day-of-month, month, day-of-week"
YEAR = timedelta(days=370)
"""Within which every schedule that makes sense is due."""
MOST_SLOTS = 5
"""Missing slots that an alert names one by one."""
ENDS_SOON = timedelta(days=90)
"""How long before its end a calendar is to be extended."""


# --- when a run is due --------------------------------------------------------------------------------


def cron(text: str) -> str:
    """Return a cron expression of five fields.

    Raises
    ------
    InvalidInput
        It is none; the message names the field.
    """
    if (fields := len(text.split())) != 5:
        raise InvalidInput(f"schedule {text!r} has {fields} fields; five are needed: {FIELDS}")
    try:
        CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        field = str(error).removeprefix("Bad ")
        raise InvalidInput(f"schedule {text!r}: the {field} is wrong; the fields are {FIELDS}") from None
    return text


@dataclass(frozen=True, slots=True)
class Schedule:
    """When runs are due: a cron expression in the exchange's own time, on its sessions and inside their hours.

    A time on a holiday, before the opening, in a lunch break or after the close is not due, on a half day after the
    early close neither: a run at such a time would be skipped. A time that the clocks skip in spring is due when they
    have moved on, one that they repeat in autumn is due the first time.
    """

    cron: str
    calendar: ExchangeCalendar

    def due(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """Yield the due times from ``first`` to ``last``, both included (aware UTC)."""
        for time in self._times(first):
            if time > last:
                return
            day = self.calendar.local_date(time)
            if self.calendar.is_session(day) and self.calendar.hours(day).contains(time):
                yield time

    def next(self, now: datetime) -> datetime | None:
        """Return the first due time after ``now``; None where the calendar ends before it."""
        first = now + timedelta(seconds=1)
        try:
            return next(self.due(first, first + YEAR), None)
        except UnknownSession:
            return None

    def is_ever_due(self, now: datetime) -> bool:
        """Whether it was due in the year before ``now``, or nobody knows because the calendar does not reach there."""
        try:
            return any(True for _ in self.due(max(now - YEAR, self.calendar.begins), now))
        except UnknownSession:
            return True

    def _times(self, first: datetime) -> Iterator[datetime]:
        """Yield every time of the expression from ``first`` on, in UTC."""
        zone: ZoneInfo = self.calendar.timezone
        for time in CronSim(self.cron, (first - timedelta(seconds=1)).astimezone(zone)):
            if (instant := time.astimezone(UTC)) >= first:
                yield instant


def slot_of(due: datetime) -> str:
    """Return the slot of the run that is due at a time, as `RunKey` has it."""
    return f"{due:%Y-%m-%dT%H:%M:%SZ}"


# --- what is wrong ------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What an alert is about."""

    STORE = "store"
    CALENDAR = "calendar"
    MISSING = "missing run"
    HALT = "halt"
    DUE = "not executed"
    BEHIND = "behind target"
    OPEN_RUN = "open run"
    UNKNOWN = "unknown order"
    LAST_RUN = "last run"
    SNAPSHOT = "snapshot"
    SHORTFALL = "shortfall"


@dataclass(frozen=True, slots=True)
class Alert:
    """One sentence that says what is wrong and what to do; ``account_id`` is None where it concerns all."""

    kind: Kind
    account_id: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched for.

    Attributes
    ----------
    now
        The present instant, aware UTC.
    grace
        How long after its due time a run may take to leave a report.
    since
        How far back due times are looked at.
    hold_age
        How long a halt may be on.
    place
        The options that name the stores in a command.
    is_book
        Whether they name the account too.
    """

    schedule: Schedule
    now: datetime
    grace: timedelta = timedelta(minutes=30)
    since: timedelta = timedelta(days=4)
    hold_age: timedelta = timedelta(hours=24)
    place: str = PLACE
    is_book: bool = False

    def due(self) -> tuple[list[datetime], UnknownSession | None]:
        """Return the times whose runs must have left a report by now, and why later ones are not known, if so."""
        known: list[datetime] = []
        try:
            for time in self.schedule.due(self.now - self.since, self.now - self.grace):
                known.append(time)
        except UnknownSession as error:
            return known, error
        return known, None

    def where(self, account: str) -> str:
        """Return the options that name an account in a command."""
        return self.place if self.is_book else f"--account {account} {self.place}"


@dataclass(frozen=True, slots=True)
class Watched:
    """What was looked at, and what is wrong.

    Attributes
    ----------
    runs
        How many runs of how many ``accounts`` were due: those whose report was looked for, and no others.
    """

    alerts: tuple[Alert, ...]
    runs: int = 0
    accounts: int = 0


def unreadable(what: str, error: StoreError) -> Alert:
    """Return the alert for a store that does not answer; nothing can be said of what it holds."""
    text = (
        f"the {what} does not answer, so that nothing can be watched and no order is sent: {error}; check its address"
    )
    return Alert(Kind.STORE, None, text)


def watch(asked: Watch, sources: StatusSources, account: str | None = None) -> Watched:
    """Return what is wrong, nothing when all is quiet; a store that does not answer is an alert too.

    Parameters
    ----------
    sources
        What is read; its ``now`` is the instant at which the carry rule is judged.
    account
        The one to watch, expected to have run throughout; None for every account in the store, each expected to run
        since its first run, whichever service it has belonged to.
    """
    alerts: list[Alert] = []
    try:
        watched = _accounts(sources, account, alerts)
    except StoreError as error:
        return Watched((unreadable("store", error),))
    if not watched:
        return Watched(tuple(alerts))
    runs = _missing(asked, sources, watched, alerts, named=account is not None)
    statuses: list[AccountStatus] = []
    for one in watched:
        with _readable(one, alerts):
            status = account_status(sources, one)
            alerts += _of_account(asked, sources, status)
            statuses.append(status)
    return Watched((*_halts(asked, statuses), *alerts), runs, len(watched))


def _accounts(sources: StatusSources, account: str | None, alerts: list[Alert]) -> tuple[str, ...]:
    """Return the accounts to watch, none where none is known; what is wrong with that is an alert."""
    known = accounts_in(sources.store)
    watched = (account,) if account else known
    if account and account not in known and read_lease(sources.store, account) is not None:
        what = f"object owners/{account} is missing, and the account has had runs"
        hand_over = f'quant owner --to SERVICE --reason TEXT --account {account} --store "$STORE_URL"'
        advice = f"restore it from a backup, or hand the account to its service with `{hand_over}`"
        alerts.append(Alert(Kind.STORE, account, f"{what}; {advice}"))
    elif not watched or watched[0] not in known:
        who = f"account {account} has never run" if account else "no account has ever run"
        advice = f"the store knows {', '.join(known) or 'none'}: check its address, and that the service is called"
        alerts.append(Alert(Kind.MISSING, account, f"{who}; {advice}"))
        return ()
    return watched


@contextmanager
def _readable(account: str, alerts: list[Alert]) -> Generator[None]:
    """Turn what cannot be read of one account into an alert, so that the others are still looked at."""
    try:
        yield
    except StoreError as error:
        alerts.append(Alert(Kind.STORE, account, f"account {account} cannot be judged: {error}"))


def _missing(asked: Watch, sources: StatusSources, accounts: Sequence[str], alerts: list[Alert], *, named: bool) -> int:
    """Tell of accounts with due times of which no run left a report; return how many runs were due."""
    calendar, count = asked.schedule.calendar, 0
    due, unknown = asked.due()
    alerts += _end_of_calendar(asked, unknown)
    sessions = {time: calendar.local_date(time) for time in due}
    try:
        reported = {run_id for session in sorted({*sessions.values()}) for run_id in sources.reports.ids(session)}
    except StoreError as error:
        alerts.append(unreadable("report store", error))
        return 0
    for account in accounts:
        with _readable(account, alerts):
            absent = [time for time in due if not _ran(account, sessions[time], time, reported)]
            expected = due if named or not absent else _since_its_first(sources.store, account, sessions)
            count += len(expected)
            if absent := [time for time in absent if time in expected]:
                alerts.append(_missing_alert(asked, account, [slot_of(time) for time in absent]))
    return count


def _ran(account: str, session: date, due: datetime, reported: Collection[str]) -> bool:
    """Whether a run of a due time is among those that left a report."""
    return any(RunKey(account, session, slot_of(due), mode).run_id in reported for mode in _MODES)


def _since_its_first(store: VersionedStore, account: str, sessions: Mapping[datetime, date]) -> list[datetime]:
    """Return the due times that are not before an account's first run, in the time that its runs have.

    An account belongs to a service since an instant of the store's clock, and to a new one after it was handed over:
    neither says since when it has run.
    """
    first = first_claim(store, account)
    if first is None:
        return list(sessions)
    begun = first.claimed_at
    with suppress(ValueError):  # the slot of a command names no time
        begun = min(begun, datetime.fromisoformat(first.key.slot))
    return [time for time, session in sessions.items() if (session, time) >= (first.key.session, begun)]


def _end_of_calendar(asked: Watch, unknown: UnknownSession | None) -> Iterator[Alert]:
    """Yield an alert when the calendar has ended, and some time before."""
    calendar = asked.schedule.calendar
    left = calendar.table.last - calendar.local_date(asked.now)
    if unknown is not None:
        yield Alert(Kind.CALENDAR, None, f"it is not known which runs were due: {unknown}")
    elif left <= ENDS_SOON:
        when = f"ends on {calendar.table.last}, in {left.days} days" if left.days >= 0 else "has ended"
        what = f"the {calendar.name} calendar {when}; every session after {calendar.table.last} is refused"
        yield Alert(Kind.CALENDAR, None, f"{what}: {calendar.how_to_extend}")


_MODES = tuple(mode for mode in Mode if mode is not Mode.PROBE)


def _missing_alert(asked: Watch, account: str, absent: Sequence[str]) -> Alert:
    slots = ", ".join(absent[:MOST_SLOTS])
    more = f" and {len(absent) - MOST_SLOTS} more" if len(absent) > MOST_SLOTS else ""
    what = f"no run of slot {slots}{more} left a report"
    advice = "look at the scheduler and at the service's log; the next run makes up for decisions that were missed"
    shown = f"`quant status {asked.where(account)}` shows where it stands"
    return Alert(Kind.MISSING, account, f"account {account}: {what}; {advice}, and {shown}")


def _halts(asked: Watch, statuses: Iterable[AccountStatus]) -> Iterator[Alert]:
    """Yield an alert per halt that has been on for too long, however many accounts it stops."""
    for scope, halt in {halt.scope: halt for status in statuses for halt in status.halts}.items():
        # A clock that is not the one of ``now`` may be ahead of it: a halt from far in its future is as old.
        if abs(asked.now - halt.since) > asked.hold_age:
            kind, _, name = scope.partition("-")
            since = f"{halt.since:%Y-%m-%d %H:%M} UTC"
            what = f"{scope} is halted since {since} by {halt.who}: {' '.join(halt.why.split())}"
            command = f"{f'quant resume {kind} {name}'.strip()} --reason TEXT {asked.place}"
            over = "that is over"
            if kind == "release":
                command, over = f"release open BUNDLE --service {name}", "the release is over"
            yield Alert(
                Kind.HALT, name if kind == "account" else None, f"{what}; lift it, when {over}, with `{command}`"
            )


def _of_account(asked: Watch, sources: StatusSources, status: AccountStatus) -> Iterator[Alert]:
    """Yield what is wrong with one account."""
    account = status.account_id
    where = asked.where(account)
    busy = status.open_run is not None and status.open_run.worked_on
    if status.open_run and not busy:
        what = f"run {status.open_run.run_id} of account {account} is open and nobody works on it"
        yield Alert(Kind.OPEN_RUN, account, f"{what}; call the service again, which finishes it first")
    yield from _unknown(status, where)
    if status.due and not busy:
        what = f"account {account} has not executed the REBALANCE of {status.due}"
        advice = (
            f"a run in the {CARRY_SESSIONS} sessions after its own still does; `quant status {where}` shows what is"
        )
        yield Alert(Kind.DUE, account, f"{what}; {advice} missing")
    for session in status.behind:
        what = f"account {account} is behind target, because the REBALANCE of {session} grew too old to be executed"
        advice = "decide whether to trade it by hand, or wait for the next decision"
        yield Alert(Kind.BEHIND, account, f"{what}; {advice}")
    yield from _last_run(sources, status, where)


def _unknown(status: AccountStatus, where: str) -> Iterator[Alert]:
    account = status.account_id
    for order in status.uncertain:
        what = f"account {account} has an UNKNOWN order, {order.side.value} {order.quantity:f} {order.symbol}"
        settle = resolve_line(order.run_id, order.client_order_id, where)
        yield Alert(Kind.UNKNOWN, account, f"{what}; settle it with `{settle}`")
    for run_id in sorted({*status.uncertain_runs} - {order.run_id for order in status.uncertain}):
        what = f"run {run_id} of account {account} is settled but not finished"
        yield Alert(Kind.UNKNOWN, account, f"{what}; repeat its last `quant resolve`, which finishes it")


def _last_run(sources: StatusSources, status: AccountStatus, where: str) -> Iterator[Alert]:
    """Yield an alert for a last run that did not do all it should; UNKNOWN orders are named one by one instead."""
    account, last = status.account_id, status.last_run
    if last is None:
        lease = read_lease(sources.store, account)
        if lease is not None and lease.last_run:
            what = f"the last run {lease.last_run} of account {account} has no report here"
            yield Alert(Kind.LAST_RUN, account, f"{what}; check the address of the report store")
        return
    if last.outcome not in (Outcome.INCOMPLETE, Outcome.BLOCKED, Outcome.FAILED):
        return
    report = sources.reports.find(last.run_id)
    if report is not None and any(order.state is OrderState.UNKNOWN for order in report.orders):
        return
    what = f"the last run {last.run_id} of account {account} was {last.outcome.value}: {'; '.join(last.reasons)}"
    again = f"`quant rerun {last.run_id} --reason TEXT {where}` gives leave for another attempt"
    yield Alert(Kind.LAST_RUN, account, f"{what}; the next run tries again, and {again}")
