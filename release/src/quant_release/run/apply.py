"""A release from end to end: where it works is opened, locked and checked here, and left as it has to be."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.record.leases import Lease, lease_at

from quant_release.bundle import Bundle, check_bundle, find_bundle, read_bundle
from quant_release.images.builders import builder_named
from quant_release.repository.git import Git
from quant_release.run.clean_environments import CleanEnvironments
from quant_release.run.desired import subjects_of
from quant_release.run.executor import ReleaseExecutor
from quant_release.run.journal import Journal, RunRecord, RunWatcher, StepListener
from quant_release.run.locks import LEASE, NEEDED, lease_store, lock_checkout
from quant_release.run.refusals import refusals
from quant_release.run.tools import Tools
from quant_release.steps.machine import Boundary, Reached, Subject, advance, last_step, take_back
from quant_release.steps.table import Row

__all__ = ["Options", "Release", "abandon", "apply", "read_release"]


@dataclass(frozen=True, slots=True)
class Options:
    """Where and as whom a release works.

    Attributes
    ----------
    store
        Address of the journal's store, None to read without one.
    local
        Whether a store that only this machine sees will do.
    builder
        Who builds images, None to build none.
    """

    root: Path
    who: str
    store: str | None = None
    local: bool = False
    builder: str | None = None

    def open_store(self, *, to_write: bool) -> VersionedStore | None:
        """Open the store.

        Raises
        ------
        InvalidInput
            It is needed and not named, or no other machine sees it.
        """
        if self.store is None:
            if to_write:
                raise InvalidInput("the journal's store is not named: set STORE_URL or add --store URL")
            return None
        if to_write and not self.local and urlsplit(self.store).scheme in ("file", "sqlite"):
            raise InvalidInput(
                f"{self.store.partition(':')[0]}: is a store of this machine; an operator on another one would not be "
                "seen. Name one with gs:// or postgresql+psycopg://, or add --local for a rehearsal"
            )
        return open_store(self.store)


@dataclass(frozen=True, slots=True)
class Release:
    """A bundle, what does its steps, their subjects, and the run that is open, None without one."""

    bundle: Bundle
    executor: ReleaseExecutor
    subjects: tuple[Subject, ...]
    run: RunRecord | None


def read_release(options: Options, name: str) -> Release:
    """Open a bundle to read; nothing is locked or changed."""
    store = options.open_store(to_write=False)
    known = None if store is None else lease_at(store, LEASE)
    return _release(options, Git.at(options.root), store, name, known.open_run if known else None)


def _release(options: Options, git: Git, store: VersionedStore | None, name: str, open_run: str | None) -> Release:
    bundle = read_bundle(find_bundle(git.root, name))
    journal = None if store is None else Journal(store, options.who)
    run = journal.run(open_run) if journal is not None and open_run is not None else None
    of_this_bundle = run is not None and run.digest == bundle.digest
    on = run.at if run is not None and of_this_bundle else SystemClock().now()
    made = builder_named(options.builder, git.keep_open) if options.builder else None
    executor = ReleaseExecutor(Tools(git, CleanEnvironments(git), journal, made), bundle, on.date())
    check_bundle(bundle, executor.observed.workspace, git.root)
    return Release(bundle, executor, subjects_of(bundle, executor.observed.workspace.packages), run)


@contextmanager
def _exclusively(options: Options, name: str) -> Generator[tuple[Release, Journal, Lease]]:
    """Open a bundle as the only operator at work."""
    store = options.open_store(to_write=True)
    assert store is not None
    clock, bare = SystemClock(), Git.at(options.root)
    with lock_checkout(bare.own_folder(), clock) as lock:
        git = Git(bare.root, keep_open=(lock,))
        with lease_store(store, options.who, git, clock) as lease:
            release = _release(options, git, store, name, lease.inherited)
            assert release.executor.tools.journal is not None
            yield release, release.executor.tools.journal, lease


def apply(
    options: Options,
    name: str,
    *,
    until: str | None = None,
    resume: bool = False,
    listener: StepListener | None = None,
    reached: Reached | None = None,
) -> RunRecord:
    """Release a bundle, or go on with one that was begun.

    Parameters
    ----------
    until
        The step after which to stop; the run stays open.
    listener
        Is told about every step.
    reached
        Is called at every boundary of every step.

    Raises
    ------
    Refused
        Something that has to hold does not; it says what is missing.
    """
    with _exclusively(options, name) as (release, journal, lease):
        _check_run(release, resume=resume)
        stop = last_step(until, release.subjects) if until else None
        if found := refusals(release.executor, release.subjects):
            raise Refused("; ".join(found))
        run = release.run or _opened(options, release, journal, lease)
        if release.run is not None:
            journal.note(run.run, "resumed")

        def at(boundary: Boundary, row: Row, subject: Subject) -> None:
            if boundary is Boundary.GUARDED:
                lease.require(NEEDED)
            if reached is not None:
                reached(boundary, row, subject)

        advance(release.executor, release.subjects, RunWatcher(journal, run.run, listener), stop, at)
        if stop is None:
            journal.record_left(
                release.bundle.digest, {str(one): release.executor.identity(one) for one in release.subjects}
            )
            journal.note(run.run, "finished")
            lease.close_run()
        return run


def _check_run(release: Release, *, resume: bool) -> None:
    run = release.run
    if run is None:
        if resume:
            raise Refused("there is nothing to resume: no release is open; leave out --resume")
        return
    what = f"the release of {run.bundle} that {run.who} began at {run.at:%Y-%m-%d %H:%M:%S} UTC is open"
    if run.digest != release.bundle.digest:
        raise Refused(
            f"{what}, and bundle {release.bundle.name} says something else: finish that one, or release abandon"
        )
    if not resume:
        raise Refused(f"{what}: add --resume to go on with it, or take it back with release abandon")


def _opened(options: Options, release: Release, journal: Journal, lease: Lease) -> RunRecord:
    observed, bundle = release.executor.observed, release.bundle
    operator = Operator(journal.store, SystemClock(), options.who)
    operator.audit("release apply", f"bundle {bundle.name}", branch=observed.branch, base=observed.remote_head)
    run = journal.open(bundle.name, bundle.digest, observed.branch, observed.remote_head)
    lease.open_run(run.run)
    return run


def abandon(options: Options, name: str) -> Sequence[str]:
    """Take back what an open release did and did not publish, and close it; return where each subject is then.

    Raises
    ------
    Refused
        No release of this bundle is open, or something was built upon what it did.
    """
    with _exclusively(options, name) as (release, journal, lease):
        if release.run is None or release.run.digest != release.bundle.digest:
            raise Refused(f"there is nothing to take back: no release of bundle {release.bundle.name} is open")
        Operator(journal.store, SystemClock(), options.who).audit("release abandon", f"bundle {release.bundle.name}")
        take_back(release.executor, release.subjects, RunWatcher(journal, release.run.run))
        journal.note(release.run.run, "abandoned")
        lease.close_run()
        return [f"{subject} {release.executor.stage(subject).value}" for subject in release.subjects]
