"""What people are told about runs, once each; a notifier that is down never changes a run, and is itself reported."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import InvalidInput, NotifyError, StoreError
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.domain.runs import InputSummary, Outcome, RunReport
from quant_platform_kit.ports.notifier import Notification, Notifier, Severity
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode, encode

__all__ = [
    "Delivery",
    "Left",
    "Notices",
    "ServiceRevision",
    "about_attempt",
    "about_caution",
    "about_revision",
    "about_run",
]

ATTEMPT_MINUTES = 15
"""Failing attempts on one account are notified once in so many minutes."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a notification: when (aware UTC, None if not recorded), and the error if it did not get out."""

    at: datetime | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceRevision:
    """Which code and settings a service runs.

    Attributes
    ----------
    name
        Of the deployed revision, or the commit; it changes with every deployment.
    stale_settings
        Names of settings that the profile does not use and that should be gone.
    """

    service: str
    name: str
    display_name: str
    profile: str
    input_mode: str
    stale_settings: tuple[str, ...]


class Notices:
    """Delivers each notification once, and remembers below ``notices/`` whether it got out."""

    def __init__(self, store: VersionedStore, notifier: Notifier | None) -> None:
        self._store = store
        self._notifier = notifier

    def deliver(self, notification: Notification) -> Delivery | None:
        """Send what was not sent before; None if there is nobody to tell, or it was sent.

        It never raises: what went wrong is in the result, and recorded if the store takes it.
        """
        if self._notifier is None:
            return None
        with _alone(self._store, notification) as alone:
            return self._deliver(self._notifier, notification) if alone else None

    def of_run(self, run_id: str) -> Delivery | None:
        """Return what became of a run's notification, None if none was tried."""
        for suffix in ("", ".failed"):
            key = f"notices/run/{run_id}{suffix}"
            if stored := self._store.get(key):
                return decode(Delivery, stored.data, key)
        return None

    def _deliver(self, notifier: Notifier, notification: Notification) -> Delivery | None:
        try:
            if self._store.get(_key(notification)) is not None:
                return None
            delivery = self._send(notifier, notification)
        except StoreError as error:
            return Delivery(None, f"whether it was sent before is not known: {error}")
        with suppress(StoreError):
            key = f"{_key(notification)}{'.failed' if delivery.error else ''}"
            self._store.create(key, encode(delivery, key))
        return delivery

    def _send(self, notifier: Notifier, notification: Notification) -> Delivery:
        now = self._store.now()
        try:
            notifier.send(notification)
        except (NotifyError, InvalidInput) as error:
            return Delivery(now, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a notification service does, the run stands
            return Delivery(now, redact(f"{type(error).__name__}: {error}"))
        return Delivery(now)


_lock = threading.Lock()
_sending: set[tuple[int, str]] = set()


@contextmanager
def _alone(store: VersionedStore, notification: Notification) -> Generator[bool]:
    """Yield whether no other thread is sending the same: two triggers of one run come at the same time."""
    mark = (id(store), notification.key)
    with _lock:
        alone = mark not in _sending
        _sending.add(mark)
    try:
        yield alone
    finally:
        if alone:
            _sending.discard(mark)


def _key(notification: Notification) -> str:
    return f"notices/{notification.key}"


def about_run(report: RunReport) -> Notification:
    """Return what is told about a run that ended; a run without orders is told too, as a heartbeat.

    What a probe finds blocked is a warning: nothing was to be sent, and a release that holds a service probes it.
    """
    key, severity = report.key, Severity.INFO
    if report.outcome in (Outcome.BLOCKED, Outcome.FAILED) and key.mode is not Mode.PROBE:
        severity = Severity.FAILURE
    elif report.behind or not report.outcome.good:
        severity = Severity.WARNING
    title = f"{report.display_name} on {key.account_id}: {report.outcome.value}"
    lines = [f"run {report.run_id}, mode {key.mode.value}, session {key.session}, decided as of {report.as_of}"]
    if report.action:
        lines.append(f"decision {report.action.value} {report.decision_digest}")
    if report.reasoning and report.input_mode == "snapshot":
        features = report.reasoning.inputs.features
        lines.append(f"input mode {report.input_mode}: {features.text if features else 'none could be read'}")
    lines += report.reasons
    lines += [_order_line(report, number) for number in range(len(report.orders))] or ["no orders"]
    lines += [f"behind target since {session}" for session in report.behind]
    lines += [f"found: {finding.text}" for finding in report.findings]
    if report.account:
        lines += [f"cash {_money(cash)} {currency}" for currency, cash in report.account.cash_by_currency.items()]
    lines += [f"TO DO: {line}" for line in report.todo]
    return Notification(f"run/{report.run_id}", severity, title, "\n".join(lines))


def _order_line(report: RunReport, number: int) -> str:
    order = report.orders[number]
    price = "" if order.average_price is None else f" at {_money(order.average_price)}"
    state = "UNKNOWN: nobody knows whether it was filled" if order.state is OrderState.UNKNOWN else order.state.value
    return f"{order.side.value} {order.symbol} {order.filled} of {order.quantity}{price}, {state}"


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def about_revision(revision: ServiceRevision, report: RunReport) -> Notification:
    """Return what is told with the first run of a profile or revision: that it is the one that was meant."""
    inputs = report.reasoning.inputs if report.reasoning else None
    stale = ", ".join(revision.stale_settings) or "none"
    lines = [
        f"strategy {revision.display_name} ({revision.profile})",
        f"input mode {revision.input_mode}",
        _inputs_line(inputs, revision.input_mode),
        f"settings it does not use: {stale}",
        f"first run {report.run_id}, mode {report.key.mode.value}: {report.outcome.value}",
    ]
    digest = sha256(canonical_json([revision.service, revision.name, revision.profile, report.key.mode]))[:16]
    title = f"{revision.service} now runs {revision.display_name}, revision {revision.name}"
    severity = Severity.WARNING if revision.stale_settings else Severity.INFO
    return Notification(f"first/{digest}", severity, title, "\n".join(lines))


def _inputs_line(inputs: InputSummary | None, mode: str) -> str:
    if inputs is None:
        return "no inputs were taken"
    if mode == "snapshot" and inputs.features is None:
        return f"inputs {inputs.digest or 'not recorded'}, no feature snapshot could be read"
    digest = inputs.digest or "not recorded"
    return (
        f"inputs {digest}, {inputs.features.text}"
        if inputs.features
        else f"inputs {digest} until {inputs.history_until}"
    )


class Left(Enum):
    """What a run that could not go on leaves: whose turn it is."""

    OPEN = "Nothing was lost: the next trigger goes on with the run."
    LOGIN = "TO DO: log in. Until then nothing is sent; the next trigger after it goes on with the run."
    CAUSE = "TO DO: nothing was sent, and no trigger changes that; see to the cause."


def about_attempt(
    service: str, account_id: str | None, error: str, now: datetime, left: Left = Left.OPEN
) -> Notification:
    """Return what is told about a run that could not go on; at most once in a quarter of an hour.

    Parameters
    ----------
    account_id
        None when it cannot even be told which accounts the service has.
    """
    window = now.replace(minute=now.minute - now.minute % ATTEMPT_MINUTES)
    kind, what = "attempt", "the run could not go on"
    if left is Left.LOGIN:
        kind, what = "login", "blocked until someone logs in"
    return Notification(
        f"{kind}/{account_id or f'of-{service}'}-{window:%Y%m%dT%H%M}",
        Severity.WARNING if left is Left.OPEN else Severity.FAILURE,
        f"{service} on {account_id}: {what}" if account_id else f"{service}: {what}",
        f"{error}\n{left.value}",
    )


def about_caution(service: str, text: str, now: datetime) -> Notification:
    """Return what is told about something that will need a person soon, such as a token's age; once a day."""
    digest = sha256(f"{service} {text}".encode())[:16]
    return Notification(f"caution/{now:%Y%m%d}-{digest}", Severity.WARNING, f"{service}: {text}", text)


def delivered(deliveries: Sequence[Delivery | None]) -> list[str]:
    """Return the errors among deliveries."""
    return [delivery.error for delivery in deliveries if delivery is not None and delivery.error]
