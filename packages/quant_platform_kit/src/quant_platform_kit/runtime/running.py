"""What a trigger does: one run for each account of the service, and what is told and answered about it."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count

from loguru import logger

from quant_platform_kit.domain.errors import (
    BrokerError,
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
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.ports.notifier import Notification
from quant_platform_kit.runtime.service import Account, Service
from quant_platform_kit.runtime.stopping import StoppableClock, StopSignal
from quant_platform_kit.services.observe.notifying import (
    Left,
    Notices,
    Revision,
    about_attempt,
    about_caution,
    about_revision,
    about_run,
    delivered,
)
from quant_platform_kit.services.run.request import RunPorts, RunRequest
from quant_platform_kit.services.run.run_cycle import run_cycle

__all__ = ["Answer", "Trigger", "lowered", "pull", "read_schedule_time", "status_of"]

RETRY_SECONDS = 30
"""After what time a trigger that could not go on is worth another try."""
EARLY, LATE = timedelta(minutes=5), timedelta(days=8)
"""How far a schedule time may be from now: retries end within a week."""
_RANK = {Mode.LIVE: 2, Mode.PAPER: 2, Mode.DRY_RUN: 1, Mode.PROBE: 0}
_numbers = count(1)


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


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one account.

    Attributes
    ----------
    report
        None when the run could not go on; then ``error`` says why, and ``retry_after`` when to come back.
    """

    account_id: str
    status: HTTPStatus
    report: RunReport | None = None
    error: str | None = None
    retry_after: timedelta | None = None


def read_schedule_time(text: str) -> datetime:
    """Read a schedule time as Cloud Scheduler writes it, to the second; `InvalidInput` for anything else."""
    try:
        due = datetime.fromisoformat(text)
        if due.tzinfo is not None:
            return due.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(f"X-CloudScheduler-ScheduleTime is {text[:60]!r}; it is an instant such as 2023-12-01T20:45:00Z")


def lowered(allowed: Mode, asked: Mode | None) -> Mode:
    """Return the mode to run in; `InvalidInput` for a higher one than is allowed."""
    if asked is None or asked is allowed:
        return allowed
    if _RANK[asked] >= _RANK[allowed]:
        raise InvalidInput(
            f"mode is {asked.value!r}; this service runs {allowed.value}, and a request may only lower that"
        )
    return asked


def pull(service: Service, trigger: Trigger, stop: StopSignal) -> list[Answer]:
    """Run every account of the service once; one that cannot go on never stops the others.

    Raises
    ------
    InvalidInput
        The trigger asks for a mode that is not allowed, or for a time that cannot be meant. Nothing was done.
    BrokerError
        Which accounts there are cannot be found out.
    """
    accounts = _accounts(service)
    try:
        for account in accounts:
            lowered(account.mode, trigger.mode)
            with suppress(BrokerError):  # its own run says so, and the other accounts run
                _check_time(trigger.due, account.clock.now())
        return [_run(service, account, trigger, stop) for account in accounts]
    finally:
        for account in accounts:
            account.close()


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


def _run(service: Service, account: Account, trigger: Trigger, stop: StopSignal) -> Answer:
    account_id = account.broker.account_id
    session = service.calendar.local_date(trigger.due)
    key = RunKey(account_id, session, trigger.slot, lowered(account.mode, trigger.mode))
    closed: dict[str, RunReport] = {}
    with logger.contextualize(account=account_id, run=key.run_id):
        try:
            report = _cycle(service, account, trigger, key, stop, closed)
            closed[report.run_id] = report
        except UnknownSession as error:
            report = _outside_calendar(service, key, account.clock.now(), error)
            closed[report.run_id] = report
        except QuantError as error:
            return _stopped(service, account_id, error)
        except Exception as error:  # noqa: BLE001 - a defect on one account never stops the others
            return _broken(service, account_id, error)
        finally:
            for ended in closed.values():
                _tell_ended(service, ended, stop)
    return Answer(account_id, HTTPStatus.OK, report)


def _cycle(
    service: Service,
    account: Account,
    trigger: Trigger,
    key: RunKey,
    stop: StopSignal,
    closed: dict[str, RunReport],
) -> RunReport:
    """Run once; ``closed`` gets every run that ended meanwhile, also one that was recovered before."""
    request = RunRequest(
        service.strategy,
        key,
        service=service.name,
        holder=f"{service.name}-{os.getpid()}-{threading.get_native_id()}-{next(_numbers)}",
        scheduled_at=trigger.due,
        enter_now=service.settings.enter_now,
        handover=service.settings.handover,
        ahead_of=account.mode,
    )
    ports = RunPorts(
        account.broker,
        account.market,
        service.stores.ledger,
        service.stores.reports,
        StoppableClock(account.clock, stop),
        service.calendar,
        stop.watched(service.reached),
        lambda report: closed.update({report.run_id: report}),
    )
    return run_cycle(request, ports, service.policy, service.terms)


def _outside_calendar(service: Service, key: RunKey, now: datetime, error: UnknownSession) -> RunReport:
    """Return the report of a run in a session that the calendar does not know; it is kept nowhere."""
    manifest = service.strategy.manifest
    return RunReport(
        run_id=key.run_id,
        key=key,
        profile=manifest.profile,
        display_name=manifest.display_name,
        input_mode=manifest.input_mode,
        outcome=Outcome.BLOCKED,
        reasons=(str(error),),
        as_of=key.session,
        action=None,
        decision_digest=None,
        plan=None,
        base=None,
        orders=(),
        account=None,
        finished_at=now,
        service=service.name,
        todo=(str(error),),
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


def _stopped(service: Service, account_id: str, error: QuantError) -> Answer:
    """Tell about a run that could not go on, and answer with when to come back."""
    if isinstance(error, InProgress):
        logger.info("{}", error)
        return Answer(account_id, HTTPStatus.CONFLICT, error=str(error), retry_after=error.retry_after)
    logger.error("{}: {}", type(error).__name__, error)
    if not isinstance(error, Interrupted):
        _tell(service, account_id, str(error), _left(error))
    if _left(error) is not Left.CAUSE:
        wait = timedelta(seconds=RETRY_SECONDS)
        return Answer(account_id, HTTPStatus.SERVICE_UNAVAILABLE, error=str(error), retry_after=wait)
    return Answer(account_id, HTTPStatus.UNPROCESSABLE_ENTITY, error=str(error))


def _broken(service: Service, account_id: str, error: Exception) -> Answer:
    """Tell about a run that met a defect, and answer that."""
    logger.opt(exception=error).error("a defect stopped the run")
    text = "a defect in the service; its log has the details"
    _tell(service, account_id, text, Left.OPEN)
    return Answer(account_id, HTTPStatus.INTERNAL_SERVER_ERROR, error=text)


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


def _revision(service: Service) -> Revision:
    manifest = service.strategy.manifest
    return Revision(
        service=service.name,
        name=service.settings.revision,
        display_name=manifest.display_name,
        profile=manifest.profile,
        input_mode=manifest.input_mode,
        stale_settings=service.stale_settings,
    )


def status_of(answers: Sequence[Answer]) -> HTTPStatus:
    """Return the one status that stands for all: that of the account which most needs another try."""
    order = (
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.CONFLICT,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    )
    return next((status for status in order if any(answer.status is status for answer in answers)), HTTPStatus.OK)
