"""Where a release works: opened to be read, or locked to be changed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.record.leases import Lease, lease_at

from quant_release.bundle import Bundle, check_bundle, find_bundle, read_bundle
from quant_release.cloud.world import ServiceWorld, Terms
from quant_release.images.builders import builder_named
from quant_release.repository.git import Git
from quant_release.run.clean_environments import CleanEnvironments
from quant_release.run.desired import subjects_of
from quant_release.run.executor import ReleaseExecutor
from quant_release.run.journal import Journal, NewRun, RunRecord
from quant_release.run.locks import LEASE, lease_store, lock_checkout
from quant_release.run.merging import MergeTerms
from quant_release.run.service_records import held_by
from quant_release.run.tools import Tools
from quant_release.settings import store_endpoint
from quant_release.steps.machine import Subject
from quant_release.steps.table import Scope

__all__ = ["Options", "Release", "Site", "exclusively", "read_release"]


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
    services
        The services and rolls to limit it to; empty for all.
    terms
        How services are moved.
    merging
        How commits come onto a branch that only a person may move.
    clock
        Time as the services have it: another one than this machine's in rehearsals on a venue with a time of its own.
    """

    root: Path
    who: str
    store: str | None = None
    local: bool = False
    builder: str | None = None
    services: tuple[str, ...] = ()
    terms: Terms = field(default_factory=Terms)
    merging: MergeTerms = field(default_factory=MergeTerms)
    clock: Clock = field(default_factory=SystemClock)

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
        return open_store(self.store, endpoint=store_endpoint(self.store))


@dataclass(frozen=True, slots=True)
class Release:
    """A bundle, what does its steps, their subjects, and the run that is open, None without one."""

    bundle: Bundle
    executor: ReleaseExecutor
    subjects: tuple[Subject, ...]
    run: RunRecord | None


@dataclass(frozen=True, slots=True)
class Site:
    """A bundle opened by the only operator at work: the release, its journal, and the lease."""

    release: Release
    journal: Journal
    lease: Lease

    @property
    def bundle(self) -> Bundle:
        """What it leads to."""
        return self.release.bundle

    @property
    def executor(self) -> ReleaseExecutor:
        """What does its steps."""
        return self.release.executor

    def services(self) -> tuple[Subject, ...]:
        """Return the services that are moved."""
        return tuple(one for one in self.release.subjects if one.scope is Scope.SERVICE)

    def deployed(self) -> tuple[Subject, ...]:
        """Return the services that are moved and the workloads that are rolled."""
        return tuple(one for one in self.release.subjects if one.scope.is_deployed)

    def begin(self, options: Options, command: str, **of: str) -> RunRecord:
        """Open a run, audited first; ``of`` says more about it: ``back`` of a rollback."""
        observed, bundle = self.executor.observed, self.bundle
        operator = Operator(self.journal.store, SystemClock(), options.who)
        about = {"branch": observed.branch, "base": observed.remote_head, **of}
        operator.audit(f"release {command}", f"bundle {bundle.name}", **about)
        wanted = NewRun(
            bundle.name, bundle.digest, observed.branch, observed.remote_head, command, options.services, of.get("back")
        )
        run = self.journal.open(wanted)
        if options.merging.wanted:
            self.journal.go_via_branch(run.run)
        self.lease.open_run(run.run)
        self.executor.work_on(run)
        return run

    def _held_besides(self, run: RunRecord, subjects: Sequence[Subject]) -> list[str]:
        """Return the services that a run holds, beside some subjects."""
        names = (name for name in held_by(self.journal, run.run) if name in self.bundle.services)
        services = (Subject(Scope.SERVICE, name) for name in names)
        return [one.name for one in services if one not in subjects and self.executor.services.is_held(one)]

    def finish(self, run: RunRecord, subjects: Sequence[Subject]) -> None:
        """Close a run that came to its end, and record how it left its subjects.

        A bundle has been released once all of it is known to be; a run of some of its services brings that up to date.
        Nothing is recorded as left where a person has opened a service that is not what it was to be.

        Raises
        ------
        Refused
            It holds a service besides them, as one that is resumed with other services may.
        """
        if held := self._held_besides(run, subjects):
            raise Refused(
                f"what was named is done, and run {run.run} stays open: it still holds {', '.join(held)}; go on with "
                f"release {run.command} {run.bundle} --resume, without --service"
            )
        known = self.journal.left(self.bundle.digest)
        touched = {*held_by(self.journal, run.back)} if run.back else {*self.bundle.services}
        services = [one for one in subjects if one.scope is Scope.SERVICE and one.name in touched]
        behind = [one.name for one in services if not self.executor.services.is_at_goal(one)]
        if behind:
            self.journal.note(
                run.run, "left", text=f"opened by a person, and not what the bundle says: {', '.join(behind)}"
            )
        elif known is not None or (run.command == "apply" and not run.services):
            left = (known or {}) | self.executor.left(subjects)
            self.journal.record_left(self.bundle.digest, run.run, left)
        self.journal.note(run.run, "finished")
        self.lease.close_run()


def read_release(options: Options, name: str) -> Release:
    """Open a bundle to read; nothing is locked or changed."""
    store = options.open_store(to_write=False)
    known = None if store is None else lease_at(store, LEASE)
    return _release(options, Git.whole_at(options.root), store, name, known.open_run if known else None)


def _release(options: Options, git: Git, store: VersionedStore | None, name: str, open_run: str | None) -> Release:
    bundle = read_bundle(find_bundle(git.root, name))
    journal = None if store is None else Journal(store, options.who)
    run = journal.run(open_run) if journal is not None and open_run is not None else None
    of_this_bundle = run is not None and run.digest == bundle.digest
    on = run.at if run is not None and of_this_bundle else SystemClock().now()
    made = builder_named(options.builder, git.keep_open) if options.builder else None
    tools = Tools(git, CleanEnvironments(git), journal, made, options.merging)
    executor = ReleaseExecutor(tools, bundle, on.date(), ServiceWorld(options.terms, options.clock))
    check_bundle(bundle, executor.observed.workspace, git.root)
    limits = options.services or (run.services if run is not None and of_this_bundle else ())
    subjects = _limited(subjects_of(bundle, executor.observed.workspace.packages), limits, bundle)
    if run is not None and of_this_bundle:
        executor.work_on(run)
    return Release(bundle, executor, subjects, run)


def _limited(subjects: tuple[Subject, ...], services: Sequence[str], bundle: Bundle) -> tuple[Subject, ...]:
    """Leave out services, and workloads of rolls, that are not named."""
    bundle.require_taken("--service", services)
    return tuple(
        one for one in subjects if not one.scope.is_deployed or not services or one.name.partition("/")[0] in services
    )


@contextmanager
def exclusively(options: Options, name: str) -> Generator[Site]:
    """Open a bundle as the only operator at work."""
    store = options.open_store(to_write=True)
    assert store is not None
    clock, bare = SystemClock(), Git.whole_at(options.root)
    with lock_checkout(bare.own_folder(), clock) as lock:
        git = Git(bare.root, keep_open=(lock,))
        with lease_store(store, options.who, git, clock) as lease:
            release = _release(options, git, store, name, lease.inherited)
            assert release.executor.tools.journal is not None
            yield Site(release, release.executor.tools.journal, lease)
