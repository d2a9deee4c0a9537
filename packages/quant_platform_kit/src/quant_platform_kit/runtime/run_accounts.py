"""Running every account of a service once, and telling people about it; one account never stops the others."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from itertools import count

from loguru import logger

from quant_platform_kit.domain.errors import (
    BrokerError,
    Damaged,
    InProgress,
    Interrupted,
    InvalidInput,
    LeaseLost,
    NeedsLogin,
    QuantError,
    StoreError,
    UnknownSession,
)
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.ports.notifier import Notification
from quant_platform_kit.runtime.service import Account, Service
from quant_platform_kit.runtime.stopping import StoppableClock, StopSignal
from quant_platform_kit.services.observe.notifying import (
    Left,
    Notices,
    ServiceRevision,
    about_attempt,
    about_caution,
    about_revision,
    about_run,
    delivered,
)
from quant_platform_kit.services.run.report_building import unplaced_report
from quant_platform_kit.services.run.request import RunPorts, RunRequest
from quant_platform_kit.services.run.run_cycle import run_cycle

__all__ = ["RETRY_AFTER", "AccountResult", "Ending", "Trigger", "lowered", "run_accounts"]

RETRY_AFTER = timedelta(seconds=30)
"""After what time a trigger that could not go on is worth another try."""
EARLY, LATE = timedelta(minutes=5), timedelta(days=8)
"""How far a schedule time may be from now: retries end within a week."""
_RANK = {Mode.LIVE: 2, Mode.PAPER: 2, Mode.DRY_RUN: 1, Mode.PROBE: 0}
_numbers = count(1)
MENDING = (
    "`quant ledger verify` names all that is damaged; restore it from a backup",
    "without one: settle the account's orders at the broker, then `quant ledger restart`",
)
"""What to do about a store that lost something."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A request to run.

    Attributes
    ----------
    due
        The schedule time, aware UTC: the same in every retry.
    mode
        As low as this; None for what the settings allow.
    """

    due: datetime
    mode: Mode | None = None

    @property
    def slot(self) -> str:
        """The schedule time as part of a run's identity."""
        return f"{self.due:%Y-%m-%dT%H:%M:%SZ}"


class Ending(Enum):
    """How the attempt to run an account ended."""

    REPORTED = "the run ended, and was reported"
    RETRY = "the run could not go on now; it stays open"
    IN_PROGRESS = "another worker is on the account"
    DEFECT = "a defect stopped the run; it stays open"
    REFUSED = "the run may not be run as it was asked for"


@dataclass(frozen=True, slots=True)
class AccountResult:
    """What became of one account.

    Attributes
    ----------
    report
        None when the run could not go on; then ``error`` says why, and ``retry_after`` when to come back.
    """

    account_id: str
    ending: Ending
    report: RunReport | None = None
    error: str | None = None
    retry_after: timedelta | None = None


def lowered(allowed: Mode, asked: Mode | None) -> Mode:
    """Return the mode to run in; `InvalidInput` for a higher one than is allowed."""
    if asked is None or asked is allowed:
        return allowed
    if _RANK[asked] >= _RANK[allowed]:
        raise InvalidInput(
            f"mode is {asked.value!r}; this service runs {allowed.value}, and a request may only lower that"
        )
    return asked


def run_accounts(service: Service, trigger: Trigger, stop: StopSignal) -> list[AccountResult]:
    """Run every account of the service once; one that cannot go on never stops the others.

    Raises
    ------
    InvalidInput
        The trigger asks for a mode that is not allowed, or for a time that cannot be meant. Nothing was done.
    BrokerError
        Which accounts there are cannot be found out.
    """
    accounts = _accounts(service)
    results: list[AccountResult] = []
    try:
        for account in accounts:
            lowered(account.mode, trigger.mode)
            with suppress(BrokerError):  # its own run says so, and the other accounts run
                _check_time(trigger.due, account.clock.now())
        for account in accounts:
            results.append(_AccountRun(service, account, trigger, stop).run())
    finally:
        for account in accounts:
            account.close()
    return results


def _accounts(service: Service) -> Sequence[Account]:
    try:
        return service.accounts()
    except QuantError as error:
        _tell(service, None, str(error), _left(error))
        raise


def _check_time(due: datetime, now: datetime) -> None:
    if not now - LATE <= due <= now + EARLY:
        raise InvalidInput(
            f"X-CloudScheduler-ScheduleTime is {due:%Y-%m-%dT%H:%M:%SZ} and it is {now:%Y-%m-%dT%H:%M:%SZ}; "
            "a trigger comes at its time, and its retries within a week"
        )


@dataclass(slots=True)
class _AccountRun:
    """One account's part of a trigger; ``ended`` are the runs that ended meanwhile, also one that was recovered."""

    service: Service
    account: Account
    trigger: Trigger
    stop: StopSignal
    ended: dict[str, RunReport] = field(default_factory=dict[str, RunReport])

    def run(self) -> AccountResult:
        """Run once, and tell about every run that ended, however this one did."""
        account_id = self.account.broker.account_id
        session = self.service.calendar.local_date(self.trigger.due)
        key = RunKey(account_id, session, self.trigger.slot, lowered(self.account.mode, self.trigger.mode))
        with logger.contextualize(account=account_id, run=key.run_id):
            request = self._request(key)
            try:
                with self.service.tracer.span("run", account=account_id, run=key.run_id, mode=key.mode.value) as span:
                    report = run_cycle(request, self._ports(), self.service.policy, self.service.terms)
                    span.note(outcome=report.outcome.value)
                self._note(report)
            except UnknownSession as error:
                report = unplaced_report(request, self.account.clock, str(error))
                self._note(report)
            except Damaged as error:
                report = unplaced_report(request, self.account.clock, str(error), *MENDING)
                self._note(report)
            except QuantError as error:
                return _stopped(self.service, account_id, error)
            except Exception as error:  # noqa: BLE001 - a defect on one account never stops the others
                return _broken(self.service, account_id, error)
            finally:
                for ended in self.ended.values():
                    _tell_ended(self.service, ended, self.stop)
        return AccountResult(account_id, Ending.REPORTED, report)

    def _note(self, report: RunReport) -> None:
        self.ended[report.run_id] = report

    def _request(self, key: RunKey) -> RunRequest:
        service, settings = self.service, self.service.settings
        return RunRequest(
            service.strategy,
            key,
            service=service.name,
            holder=f"{service.name}-{os.getpid()}-{threading.get_native_id()}-{next(_numbers)}",
            scheduled_at=self.trigger.due,
            enter_now=settings.enter_now,
            handover=settings.handover,
            ahead_of=self.account.mode,
            client=service.client,
        )

    def _ports(self) -> RunPorts:
        """Return the run's world; `StoreError` while a store cannot be reached."""
        service, account = self.service, self.account
        return RunPorts(
            account.broker,
            account.market,
            service.stores.ledger,
            service.stores.reports,
            StoppableClock(account.clock, self.stop),
            service.calendar,
            self.stop.watched(service.reached),
            self._note,
            service.features,
            service.tracer,
            account.seen,
            account.contact.whose if account.contact else str,
        )


def _tell_ended(service: Service, report: RunReport, stop: StopSignal) -> None:
    """Tell about a run that ended, unless that was done; a process that was told to stop begins nothing more."""
    level = "INFO" if report.outcome.good else "ERROR"
    logger.log(level, "{}: {}", report.outcome.value, "; ".join(report.reasons) or "nothing to add")
    try:
        service.ended(report)
    except Exception as error:  # noqa: BLE001 - the run ended, whatever is wrong with this
        logger.error("the report was not handed on: {}: {}", type(error).__name__, error)
    try:
        notices = Notices(service.stores.notices, service.notifier)
    except QuantError as error:
        logger.error("nobody was told: {}", error)
        return
    messages = [about_revision(_revision(service), report), about_run(report)]
    messages += [about_caution(service.name, text, report.finished_at) for text in _cautions(service)]
    for message in messages:
        if not stop.is_set:
            _deliver(notices, message)


def _cautions(service: Service) -> Sequence[str]:
    try:
        return service.cautions()
    except Exception as error:  # noqa: BLE001 - the run ended, whatever is wrong with this
        logger.error("what will need a person soon cannot be found out: {}: {}", type(error).__name__, error)
        return ()


def _deliver(notices: Notices, message: Notification) -> None:
    for error in delivered([notices.deliver(message)]):
        logger.error("a notification did not get out: {}", error)


def _stopped(service: Service, account_id: str, error: QuantError) -> AccountResult:
    """Tell about a run that could not go on, and say when to come back."""
    if isinstance(error, InProgress):
        logger.info("{}", error)
        return AccountResult(account_id, Ending.IN_PROGRESS, error=str(error), retry_after=error.retry_after)
    logger.error("{}: {}", type(error).__name__, error)
    if not isinstance(error, Interrupted):
        _tell(service, account_id, str(error), _left(error))
    if _left(error) is not Left.CAUSE:
        return AccountResult(account_id, Ending.RETRY, error=str(error), retry_after=RETRY_AFTER)
    return AccountResult(account_id, Ending.REFUSED, error=str(error))


def _broken(service: Service, account_id: str, error: Exception) -> AccountResult:
    """Tell about a run that met a defect."""
    logger.opt(exception=error).error("a defect stopped the run")
    text = "a defect in the service; its log has the details"
    _tell(service, account_id, text, Left.OPEN)
    return AccountResult(account_id, Ending.DEFECT, error=text)


def _left(error: QuantError) -> Left:
    """Return whose turn it is after an error that stopped a run."""
    if isinstance(error, NeedsLogin):
        return Left.LOGIN
    retryable = isinstance(error, BrokerError | StoreError | LeaseLost | Interrupted)
    return Left.OPEN if retryable else Left.CAUSE


def _tell(service: Service, account_id: str | None, error: str, left: Left) -> None:
    if service.notifier is None:
        return
    try:
        store = service.stores.notices
        message = about_attempt(service.name, account_id, error, store.now(), left)
    except QuantError as failed:
        logger.error("nobody was told: {}", failed)
        return
    _deliver(Notices(store, service.notifier), message)


def _revision(service: Service) -> ServiceRevision:
    manifest = service.strategy.manifest
    return ServiceRevision(
        service=service.name,
        name=service.settings.revision,
        display_name=manifest.display_name,
        profile=manifest.profile,
        input_mode=manifest.input_mode,
        stale_settings=service.stale_settings,
    )
