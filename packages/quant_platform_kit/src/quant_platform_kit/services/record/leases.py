"""One worker at a time, per account or per anything else under a key: a lease with an epoch that only grows.

The lease object is the only thing in the store that is rewritten. It also names the account's open run, so that an
account has at most one, and whoever takes the lease over finds what was left unfinished.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Self

from quant_platform_kit.domain.errors import Conflict, Damaged, InProgress, LeaseLost, StoreError
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import Stored, VersionedStore
from quant_platform_kit.services.record.chain import BEGINNING, Chain, newest
from quant_platform_kit.services.record.objects import Link, decode, encode, link_of
from quant_platform_kit.services.record.restarts import given_up

__all__ = ["AccountLease", "Lease", "LeaseState", "LeaseTerms", "lease_at", "lease_key", "read_lease", "require_free"]


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How long a lease lasts, and how long after its end nobody else may act.

    Attributes
    ----------
    visibility_window
        The broker's: what the last holder sent may still appear until then.
    """

    duration: timedelta = timedelta(seconds=60)
    visibility_window: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class LeaseState:
    """What the lease object says.

    Attributes
    ----------
    expires_at
        By the store's clock; None when the holder gave the lease back.
    open_run, last_run
        The run under way, and the last one that was closed.
    uncertain_runs
        Closed runs with orders that only an operator can settle.
    opened_at
        Number of the account's newest object when the open run was opened.
    settled_runs
        Closed runs whose last uncertain order was settled since.
    """

    holder: str
    epoch: int
    expires_at: datetime | None
    open_run: str | None = None
    last_run: str | None = None
    uncertain_runs: tuple[str, ...] = ()
    opened_at: int = 0
    settled_runs: tuple[str, ...] = ()


def lease_key(account_id: str) -> str:
    """Return the key of an account's lease."""
    return f"accounts/{account_id}/lease"


def _head(data: bytes, key: str) -> Link:
    """Return the newest object that a lease names: the one before the lease itself."""
    link = link_of(data, key)
    return BEGINNING if link is None else Link(link.epoch, link.number, "", link.previous)


def read_lease(store: VersionedStore, account_id: str) -> LeaseState | None:
    """Return the account's lease, None before its first run."""
    return lease_at(store, lease_key(account_id))


def lease_at(store: VersionedStore, key: str) -> LeaseState | None:
    """Return the lease under a key, None before it was first taken."""
    stored = store.get(key)
    return None if stored is None else decode(LeaseState, stored.data, key)


class Lease:
    """The right to work on what a key of the store stands for, for as long as it lasts."""

    def __init__(
        self, store: VersionedStore, key: str, state: LeaseState, generation: int, terms: LeaseTerms, clock: Clock
    ) -> None:
        self._store, self._key, self._clock, self._terms = store, key, clock, terms
        self._generation = generation
        self._deadline = 0.0
        self.state = state
        self.took_over = False
        self.inherited = state.open_run
        self.chain = Chain(store, state.epoch, hold=self._hold)

    @classmethod
    def take(
        cls,
        store: VersionedStore,
        key: str,
        holder: str,
        terms: LeaseTerms,
        clock: Clock,
        *,
        opening: str | None = None,
    ) -> Self:
        """Take the lease when it is free, or when its holder is gone for longer than the visibility window.

        Parameters
        ----------
        opening
            The run to open in the same write, unless one was left open: that one is then ``inherited``.

        Raises
        ------
        InProgress
            Another worker holds it, or took it at the same moment.
        Damaged
            What the lease should say was lost.
        """
        stored = store.get(key) or cls._first(store, key)
        if stored is None:
            lease = cls(store, key, LeaseState(holder, 0, None), 0, terms, clock)
        else:
            known = decode(LeaseState, stored.data, key)
            if known.expires_at is not None:
                _check_free(known, known.expires_at + terms.visibility_window - store.now())
            lease = cls(store, key, replace(known, holder=holder), stored.generation, terms, clock)
            lease.took_over = known.expires_at is not None
            lease.chain.head = _head(stored.data, key)
        lease.state = replace(lease.state, epoch=lease.state.epoch + 1)
        lease.chain.epoch = lease.state.epoch
        try:
            lease._write(lease._opened(opening) if opening and not lease.inherited else lease.state)
        except LeaseLost as error:
            raise InProgress("another worker took the account at the same moment", timedelta(seconds=1)) from error
        return lease

    @classmethod
    def _first(cls, store: VersionedStore, key: str) -> Stored | None:
        """Return the lease after all, when nobody seems to have had it yet."""
        return None

    @property
    def left(self) -> timedelta:
        """How much longer the lease lasts for certain, counted through suspensions of this process."""
        return timedelta(seconds=self._deadline - self._clock.monotonic())

    def require(self, needed: timedelta) -> None:
        """Make sure that the lease lasts for ``needed``, renewing it when less than half is left.

        Raises
        ------
        LeaseLost
            It ran out, or another worker has it.
        """
        self._hold()
        if self.left < max(needed, self._terms.duration / 2):
            self._write(self.state)
        if self.left < needed:
            raise LeaseLost(f"the lease lasts {self._terms.duration}; one step needs {needed}: lengthen the lease")

    def _hold(self) -> None:
        if self.left <= timedelta(0):
            raise LeaseLost(f"the lease of {self.state.holder} ran out: nothing more is sent")

    def open_run(self, run_id: str) -> None:
        """Record the run under way."""
        self._write(self._opened(run_id))

    def close_run(self, *, uncertain: bool = False, release: bool = False) -> None:
        """Record that the run under way ended, whether it left orders that only an operator can settle, and let go."""
        run = self.state.open_run
        runs = (*self.state.uncertain_runs, run) if uncertain and run else self.state.uncertain_runs
        state = replace(self.state, open_run=None, last_run=run, uncertain_runs=runs, settled_runs=())
        if release:
            self._save(replace(state, expires_at=None))
        else:
            self._write(state)

    def leave_run(self) -> None:
        """Record that no run is under way: the one that was opened had ended before."""
        self._write(replace(self.state, open_run=None))

    def clear_uncertain(self, run_id: str) -> None:
        """Record that no order of a closed run is UNKNOWN any more."""
        left = tuple(run for run in self.state.uncertain_runs if run != run_id)
        settled = (*self.state.settled_runs, run_id) if self.state.open_run else ()
        self._write(replace(self.state, uncertain_runs=left, settled_runs=settled))

    def release(self) -> None:
        """Give the lease back, if that did not happen yet; a successor need not wait."""
        if self.state.expires_at is not None:
            self._save(replace(self.state, expires_at=None))

    def _opened(self, run_id: str) -> LeaseState:
        return replace(self.state, open_run=run_id, opened_at=self.chain.head.number)

    def _write(self, state: LeaseState) -> None:
        before = self._clock.monotonic()
        self._save(replace(state, expires_at=self._store.now() + self._terms.duration))
        self._deadline = before + self._terms.duration.total_seconds()

    def _save(self, state: LeaseState) -> None:
        data = encode(state, self._key, replace(self.chain.head, previous=self.chain.head.digest))
        self._deadline = self._deadline if state.expires_at else 0.0
        try:
            if self._generation:
                self._generation = self._store.replace(self._key, data, self._generation)
            else:
                self._generation = self._store.create(self._key, data)
        except Conflict as error:
            raise LeaseLost(f"another worker took the account over from {state.holder}") from error
        self.state = state


class AccountLease(Lease):
    """The right to act on an account, and to append to its objects."""

    @classmethod
    def acquire(
        cls,
        store: VersionedStore,
        account_id: str,
        holder: str,
        terms: LeaseTerms,
        clock: Clock,
        *,
        opening: str | None = None,
    ) -> Self:
        """Take the lease of an account, see `Lease.take`, and find the end of its chain.

        Raises
        ------
        Damaged
            What the holder before wrote is not whole; the lease was given back.
        """
        lease = cls.take(store, lease_key(account_id), holder, terms, clock, opening=opening)
        if lease.inherited or lease.took_over:
            try:
                lease._find_end(account_id)
            except StoreError:
                with suppress(StoreError, LeaseLost):
                    lease.release()
                raise
        return lease

    @classmethod
    def _first(cls, store: VersionedStore, key: str) -> Stored | None:
        found = store.keys(key.removesuffix("lease"))
        if not found:
            return None
        stored = store.get(key)
        if stored is None:
            raise Damaged(f"object {key} is missing, and {found[0]} is there")
        return stored

    def _find_end(self, account_id: str) -> None:
        state, root = self.state, f"accounts/{account_id}"
        open_run = (state.open_run,) if state.open_run else ()
        runs = [f"{root}/runs/{run}/" for run in (*open_run, *state.uncertain_runs, *state.settled_runs)]
        since = state.opened_at if self.inherited else self.chain.head.number
        find = partial(newest, self._store, runs, [f"{root}/decisions/"], since, self.chain.head)
        try:
            self.chain.head = find()
        except Damaged:
            if not (known := given_up(self._store, account_id)):
                raise
            self.chain.head = find(known)


def require_free(store: VersionedStore, state: LeaseState | None) -> None:
    """Raise `InProgress` while a lease is held, or may still be by the broker's longest visibility window."""
    if state is not None and state.expires_at is not None:
        _check_free(state, state.expires_at + LeaseTerms().visibility_window - store.now())


def _check_free(known: LeaseState, remaining: timedelta) -> None:
    if remaining > timedelta(0):
        raise InProgress(f"{known.holder} works on the account", remaining)
