"""One operator at a time: a lock in the checkout, and a lease in the store that all checkouts share.

The lock is held by this process and by every git and builder command it started, so that one which outlives a killed
release is waited for. Whoever holds the lock knows that an earlier release of the same checkout is over; its lease is
then taken over at once. The lease of another checkout has to end, or to run out.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from quant_platform_kit.domain.errors import InProgress, QuantError, Refused
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.leases import Lease, LeaseTerms, lease_at

from quant_release.commands import LONGEST
from quant_release.repository.git import Git

__all__ = ["LEASE", "NEEDED", "lease_store", "lock_checkout"]

LEASE = "release/lease"
NEEDED = LONGEST + timedelta(minutes=5)
"""What must be left of the lease when a step begins."""
TERMS = LeaseTerms(duration=2 * NEEDED, visibility_window=timedelta(minutes=1))
_SINCE = " since "
WAIT_SECONDS, POLL_SECONDS = 20.0, 0.02


@contextmanager
def lock_checkout(folder: Path, clock: Clock) -> Generator[int]:
    """Hold the lock of a checkout; yield its file descriptor, which commands with lasting effects have to inherit.

    Raises
    ------
    Refused
        Somebody else holds it, and does not let go within some seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = clock.monotonic() + WAIT_SECONDS
        while not _locked(descriptor):
            if clock.monotonic() > deadline:
                raise Refused(
                    "another release works in this checkout, or a git or build command that it started: let it end"
                )
            clock.sleep(POLL_SECONDS)
        for leftover in folder.glob("[0-9a-f]" * 32):
            leftover.unlink()
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name_of(folder: Path) -> str:
    """Return the name that a checkout gave itself: host and path may be those of another machine's, too."""
    file = folder / "name"
    if not file.exists():
        file.write_text(secrets.token_hex(4))
    return file.read_text()


@contextmanager
def lease_store(store: VersionedStore, who: str, checkout: Git, clock: Clock) -> Generator[Lease]:
    """Hold the lease of releases, with the checkout's lock held; it is given back at the end.

    Raises
    ------
    Refused
        Another operator holds it; it says who, and since when.
    """
    options = f"{who} in {socket.gethostname()}:{checkout.root} ({_name_of(checkout.own_folder())})"
    known = lease_at(store, LEASE)
    is_own = known is not None and known.holder.partition(_SINCE)[0] == options
    # the lock proves that the own holder is gone: no lease of it, however new, is waited for
    terms = LeaseTerms(TERMS.duration, -2 * TERMS.duration) if is_own else TERMS
    holder = f"{options}{_SINCE}{store.now():%Y-%m-%d %H:%M:%S} UTC"
    try:
        lease = Lease.take(store, LEASE, holder, terms, clock)
    except InProgress as error:
        present = lease_at(store, LEASE)
        raise Refused(
            f"{present.holder if present else 'another operator'} is at work on a release: wait until it ends, "
            f"or until its lease runs out in {round(error.retry_after.total_seconds() / 60)} min"
        ) from error
    try:
        yield lease
    except BaseException:
        with suppress(QuantError):  # what went wrong first is told; the lease runs out by itself
            lease.release()
        raise
    lease.release()
