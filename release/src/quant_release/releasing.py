"""A release from end to end: where it works is opened, locked and checked here, and left as it has to be."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
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

from quant_release.builders import builder
from quant_release.bundle import Bundle, check_bundle, find_bundle, read_bundle
from quant_release.git import Git
from quant_release.holding import LEASE, NEEDED, hold_checkout, hold_store
from quant_release.journal import Journal, RunRecord, RunWatcher, Told
from quant_release.machine import Boundary, Subject, advance, last_step, take_back
from quant_release.planning import refusals
from quant_release.table import Row
from quant_release.targets import subjects_of
from quant_release.workshop import Workshop
from quant_release.world import GitWorld, Tools

__all__ = ["Place", "Site", "abandon", "apply", "look"]

Reached = Callable[[Boundary, Row, Subject], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where and as whom a release works.

    Attributes
    ----------
    store
        Address of the journal's store, None to look without one.
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
class Site:
    """A bundle and the world it is to change."""

    bundle: Bundle
    world: GitWorld
    subjects: tuple[Subject, ...]
    run: RunRecord | None


def look(place: Place, name: str) -> Site:
    """Open a bundle to look at it; nothing is locked or changed."""
    store = place.open_store(to_write=False)
    known = None if store is None else lease_at(store, LEASE)
    return _site(place, Git.at(place.root), store, name, known.open_run if known else None)


def _site(place: Place, git: Git, store: VersionedStore | None, name: str, open_run: str | None) -> Site:
    bundle = read_bundle(find_bundle(git.root, name))
    journal = None if store is None else Journal(store, place.who)
    run = journal.run(open_run) if journal is not None and open_run is not None else None
    of_this_bundle = run is not None and run.digest == bundle.digest
    on = run.at if run is not None and of_this_bundle else SystemClock().now()
    made = builder(place.builder, git.hold) if place.builder else None
    world = GitWorld(Tools(git, Workshop(git), journal, made), bundle, on.date())
    check_bundle(bundle, world.scene.workspace, git.root)
    return Site(bundle, world, subjects_of(bundle, world.scene.workspace.packages), run)


@contextmanager
def _held(place: Place, name: str) -> Generator[tuple[Site, Journal, Lease]]:
    """Open a bundle as the only operator at work."""
    store = place.open_store(to_write=True)
    assert store is not None
    clock, bare = SystemClock(), Git.at(place.root)
    with hold_checkout(bare.own_folder(), clock) as lock:
        git = Git(bare.root, hold=(lock,))
        with hold_store(store, place.who, git, clock) as lease:
            site = _site(place, git, store, name, lease.inherited)
            assert site.world.tools.journal is not None
            yield site, site.world.tools.journal, lease


def apply(
    place: Place,
    name: str,
    *,
    until: str | None = None,
    resume: bool = False,
    told: Told | None = None,
    reached: Reached | None = None,
) -> RunRecord:
    """Release a bundle, or go on with one that was begun.

    Parameters
    ----------
    until
        The step after which to stop; the run stays open.
    told
        Is told about every step.
    reached
        Is called at every boundary of every step.

    Raises
    ------
    Refused
        Something that has to hold does not; it says what is missing.
    """
    with _held(place, name) as (site, journal, lease):
        _check_run(site, resume=resume)
        stop = last_step(until, site.subjects) if until else None
        if found := refusals(site.world, site.subjects):
            raise Refused("; ".join(found))
        run = site.run or _opened(place, site, journal, lease)
        if site.run is not None:
            journal.note(run.run, "resumed")

        def at(boundary: Boundary, row: Row, subject: Subject) -> None:
            if boundary is Boundary.GUARDED:
                lease.require(NEEDED)
            if reached is not None:
                reached(boundary, row, subject)

        advance(site.world, site.subjects, RunWatcher(journal, run.run, told), stop, at)
        if stop is None:
            journal.record_left(site.bundle.digest, {str(one): site.world.identity(one) for one in site.subjects})
            journal.note(run.run, "finished")
            lease.close_run()
        return run


def _check_run(site: Site, *, resume: bool) -> None:
    run = site.run
    if run is None:
        if resume:
            raise Refused("there is nothing to resume: no release is open; leave out --resume")
        return
    what = f"the release of {run.bundle} that {run.who} began at {run.at:%Y-%m-%d %H:%M:%S} UTC is open"
    if run.digest != site.bundle.digest:
        raise Refused(f"{what}, and bundle {site.bundle.name} says something else: finish that one, or release abandon")
    if not resume:
        raise Refused(f"{what}: add --resume to go on with it, or take it back with release abandon")


def _opened(place: Place, site: Site, journal: Journal, lease: Lease) -> RunRecord:
    scene, bundle = site.world.scene, site.bundle
    operator = Operator(journal.store, SystemClock(), place.who)
    operator.audit("release apply", f"bundle {bundle.name}", branch=scene.branch, base=scene.remote_head)
    run = journal.open(bundle.name, bundle.digest, scene.branch, scene.remote_head)
    lease.open_run(run.run)
    return run


def abandon(place: Place, name: str) -> Sequence[str]:
    """Take back what an open release did and did not publish, and close it; return where each subject is then.

    Raises
    ------
    Refused
        No release of this bundle is open, or something was built upon what it did.
    """
    with _held(place, name) as (site, journal, lease):
        if site.run is None or site.run.digest != site.bundle.digest:
            raise Refused(f"there is nothing to take back: no release of bundle {site.bundle.name} is open")
        Operator(journal.store, SystemClock(), place.who).audit("release abandon", f"bundle {site.bundle.name}")
        take_back(site.world, site.subjects, RunWatcher(journal, site.run.run))
        journal.note(site.run.run, "abandoned")
        lease.close_run()
        return [f"{subject} {site.world.stage(subject).value}" for subject in site.subjects]
