"""Going back: services and workloads to what they ran before a run, then the pins of their apps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quant_platform_kit.domain.errors import Refused

from quant_release.bundle import Bundle
from quant_release.run.apply import Watching, carry_through, require_run, was_held
from quant_release.run.journal import Journal, RunRecord
from quant_release.run.opening import Options, Site, exclusively
from quant_release.run.refusals import refusals
from quant_release.run.service_records import held_by
from quant_release.run.service_state import Course
from quant_release.run.workload_records import noted_by
from quant_release.steps.machine import Subject, next_row
from quant_release.steps.table import Scope

__all__ = ["last_run_that_moved", "rollback"]

_MOVING = ("open", "roll")


def rollback(options: Options, name: str, *, resume: bool = False, watching: Watching | None = None) -> RunRecord:
    """Take what a bundle's last run moved back to what it was before, and then the pins of the apps.

    An app's pins go back once every service and workload of it that the run moved is back. Tags stay.

    Raises
    ------
    Refused
        There is no run to go back behind, or something that has to hold does not.
    """
    with exclusively(options, name) as site:
        back, watching = _run_to_roll_back(site, options, resume=resume), watching or Watching()
        present = site.release.run
        is_begun = present is not None and present.command == "rollback"
        later = tuple(one.run for one in site.journal.runs() if one.run > back.run and one.command == "rollback")
        site.executor.take(Course(present.run if present and is_begun else None, back.run, later))
        services = _held(site.journal, back, site.deployed())
        if not services:
            raise Refused(f"run {back.run} has moved none of these services: there is nothing to go back to")
        gone = [one for one in held_by(site.journal, back.run) if one not in site.bundle.services]
        gone += [one for one in noted_by(site.journal, back.run) if one not in site.bundle.workloads]
        if gone and present is not None:  # one that ended holds none
            raise Refused(
                f"run {back.run} has held {', '.join(gone)}, which the bundle names no more: put it back there"
            )
        others = [one for one in _moved(site, back) if one not in services]
        services_besides = (one for one in others if one.scope is Scope.SERVICE)
        if left := [one.name for one in services_besides if site.executor.services.is_held(one)]:
            raise Refused(
                f"run {back.run} holds {', '.join(left)}, too: roll back all that it holds, without --service"
            )
        if found := refusals(site.executor, services):
            raise Refused("; ".join(found))
        run = _begun(options, site, back)
        carry_through(site, run, services, watching)
        apps = _apps_that_are_back(site, back)
        site.executor.pin_as_at(back.base)
        pinned = [one for one in apps if site.executor.reading.desired.files(one)]
        carry_through(site, run, pinned, watching)
        site.finish(run, [*services, *pinned])
        return run


def _run_to_roll_back(site: Site, options: Options, *, resume: bool) -> RunRecord:
    """Return the run that is open, or the last one of the bundle that moved one of the services.

    One that is open is rolled back whatever its bundle says by now: whoever mends a bundle has not yet gone back.
    """
    run = site.release.run
    if run is not None and run.bundle == site.bundle.name and run.command != "rollback" and not resume:
        return run
    if run is not None or resume:
        require_run(site.release, "rollback", resume=resume)
        assert run is not None
        assert run.back is not None
        return site.journal.run(run.back)
    last = last_run_that_moved(site.journal, site.bundle, site.deployed())
    if last is not None:
        return last
    which = ", ".join(options.services) or f"a service of bundle {site.bundle.name}"
    raise Refused(f"there is nothing to go back to: no release of the bundle has moved {which}")


def last_run_that_moved(journal: Journal, bundle: Bundle, services: Sequence[Subject]) -> RunRecord | None:
    """Return the last run of a bundle that moved one of some services; None where none has.

    A run of the bundle as it is now comes before one of what it said earlier.
    """
    known = [one for one in journal.runs() if one.bundle == bundle.name and one.command != "rollback"]
    moved = [one for one in known if _held(journal, one, services)]
    return max(moved, key=lambda one: (one.digest == bundle.digest, one.run), default=None)


def _held(journal: Journal, run: RunRecord, services: Iterable[Subject]) -> list[Subject]:
    """Return what a run has held or noted, and of one that was abandoned what it had opened or rolled by then."""
    held = [one for one in services if was_held(journal, run.run, one)]
    events = journal.events(run.run) if held else []
    if not any(event.what == "abandoned" for event in events):
        return held
    opened = {event.subject for event in events if event.step in _MOVING or event.what == "opened"}
    return [one for one in held if str(one) in opened]


def _moved(site: Site, run: RunRecord) -> list[Subject]:
    """Return everything of the bundle that a run has held or noted, whatever this one is limited to."""
    services = [Subject(Scope.SERVICE, name) for name in site.bundle.moved]
    return _held(site.journal, run, [*services, *(Subject(Scope.WORKLOAD, name) for name in site.bundle.workloads)])


def _begun(options: Options, site: Site, back: RunRecord) -> RunRecord:
    present = site.release.run
    if present is not None and present.command == "rollback":
        site.executor.go_on(present, ())
        site.journal.note(present.run, "resumed")
        return present
    run = site.begin(options, "rollback", back=back.run)
    if present is not None:
        site.journal.note(back.run, "rolled back", text=f"by run {run.run}")
    return run


def _apps_that_are_back(site: Site, back: RunRecord) -> Sequence[Subject]:
    """Return the apps of which all that the run moved is back, also those of which it never reached anything.

    A rollback of some services goes by their apps alone.
    """
    bundle = site.bundle
    platforms = {name: one.platform for name, one in (*bundle.services.items(), *bundle.workloads.items())}
    ahead = {platforms[one.name] for one in _moved(site, back) if next_row(site.executor, one) is not None}
    names = dict.fromkeys(platforms[one.name] for one in site.deployed())
    return [Subject(Scope.APP, name) for name in names if name not in ahead]
