"""Running a live session: waiting for the account, taking in what is recorded, and going on until it is over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from quant_platform_kit.domain.errors import InProgress, LeaseLost, Refused, StoreError
from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.services.operate.owners import require_ownership
from quant_platform_kit.services.record.leases import AccountLease, LeaseTerms

from trading_playbook.live.desk import Desk
from trading_playbook.live.events import Terms
from trading_playbook.live.ports import LivePorts
from trading_playbook.live.record import SessionRecord
from trading_playbook.live.session import LiveSession

__all__ = ["Wanted", "Worker", "run_session"]

CLOCK_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Worker:
    """Who runs sessions.

    Attributes
    ----------
    holder
        A name of this process, for the lease.
    lease
        How long a lease lasts.
    stopped
        Whether the process was told to stop.
    patience
        How long one wait for the feed or the account takes at most: so soon it is noticed.
    """

    holder: str
    lease: timedelta = timedelta(seconds=60)
    stopped: Callable[[], bool] = lambda: False
    patience: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The session that is to be run.

    Attributes
    ----------
    terms
        Makes its terms; it is asked where none are recorded, so that what is held is looked after whatever it says.
    """

    key: RunKey
    service: str
    terms: Callable[[], Terms]


def run_session(wanted: Wanted, ports: LivePorts, worker: Worker) -> LiveSession | None:
    """Run one session until it is over or the process is told to stop; None if it was told before it had the account.

    A session that an earlier worker left open on the account is finished first. Another instance waits here until the
    account is free, and then goes on where the one before stopped.

    Raises
    ------
    Refused
        The broker takes no stop orders, the account belongs to another service, or a run of another kind is open.
    LeaseLost, StoreError
        Another worker has the account, or the store does not answer; what was left is found by the next one.
    """
    _check(ports.broker.traits)
    account, run_id = wanted.key.account_id, wanted.key.run_id
    require_ownership(ports.store, account, wanted.service)
    while not worker.stopped():
        if (lease := _lease(account, run_id, ports, worker)) is None:
            continue
        ports.reached("lease-taken")
        try:
            if (session := _opened(wanted, lease, ports, worker)) is not None:
                return session
        finally:
            with suppress(StoreError, LeaseLost):
                lease.release()
    return None


def _check(traits: BrokerTraits) -> None:
    if not traits.stop_orders:
        raise Refused("this broker takes no stop orders: a position would be held without one; use another broker")
    if traits.after_silence is not AfterSilence.RESEND:
        raise Refused("this broker does not know an order by its id: a stop could be placed twice; use another broker")


def _lease(account: str, run_id: str, ports: LivePorts, worker: Worker) -> AccountLease | None:
    """Take the account, or wait a little."""
    terms = LeaseTerms(worker.lease, ports.broker.traits.visibility_window)
    try:
        return AccountLease.acquire(ports.store, account, worker.holder, terms, ports.clock, opening=run_id)
    except InProgress as wait:
        ports.clock.sleep(min(wait.retry_after, worker.patience).total_seconds())
        return None


def _opened(wanted: Wanted, lease: AccountLease, ports: LivePorts, worker: Worker) -> LiveSession | None:
    """Run the session that is open on the account; None where it was an earlier one, and the account is free now."""
    account, open_run = wanted.key.account_id, lease.state.open_run
    assert open_run is not None, "it was opened with the lease"
    record = SessionRecord(ports.store, account, open_run, lease.chain)
    terms = record.terms()
    if terms is None and open_run == wanted.key.run_id:
        terms = record.open(wanted.terms())
    elif terms is None and record.is_empty:
        lease.leave_run()  # a worker was stopped before it had recorded anything
        return None
    elif terms is None:
        raise Refused(f"run {open_run} is open on account {account}, and is no live session: finish it first")
    ports.reached("terms-recorded")
    session = _run(terms, record, lease, ports, worker)
    if session.is_over:
        lease.leave_run()
        ports.reached("run-closed")
    return session if terms.key == wanted.key or not session.is_over else None


def _run(terms: Terms, record: SessionRecord, lease: AccountLease, ports: LivePorts, worker: Worker) -> LiveSession:
    """Go on with a session until it is over or the process is told to stop."""
    session = LiveSession(terms, ports.clock.now(), ports.broker.traits.visibility_window)
    desk = Desk(terms, session, record, lease, ports)
    desk.read()
    ports.broker.connect()
    ports.reached("connected")
    _settle(desk)
    desk.fill_gap()
    clock_due: datetime = ports.clock.now()
    while not session.is_over and not worker.stopped():
        lease.require(timedelta(0))
        if ports.clock.now() >= clock_due:
            desk.check_clock()
            clock_due = ports.clock.now() + CLOCK_EVERY
        while (todo := session.next(ports.clock.now())) is not None and not worker.stopped():
            desk.do(todo)
        if not session.is_over:
            wait = min(session.wakes(ports.clock.now()) - ports.clock.now(), worker.patience, worker.lease / 3)
            for told in ports.feed.poll(max(wait, timedelta(0)).total_seconds()):
                desk.hear(told)
    return session


def _settle(desk: Desk) -> None:
    """Do what protects, before bars are asked for."""
    while (todo := desk.session.protecting(desk.ports.clock.now())) is not None:
        desk.do(todo)
