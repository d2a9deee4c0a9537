"""Going back: services to the image and environment that they had before a run, then the pins of their apps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from quant_platform_kit.domain.errors import Refused

from quant_release.run.apply import Watching, carry_through, require_run
from quant_release.run.journal import RunRecord
from quant_release.run.opening import Options, Site, exclusively
from quant_release.run.refusals import refusals
from quant_release.run.service_records import ServiceRecords
from quant_release.steps.machine import Subject
from quant_release.steps.table import Scope, Stage

__all__ = ["rollback"]


def rollback(options: Options, name: str, *, resume: bool = False, watching: Watching | None = None) -> RunRecord:
    """Take the services of a bundle back to what they were before its last run, and then the pins of their apps.

    An app's pins go back once every service of it that the run moved is back. Tags stay.

    Raises
    ------
    Refused
        There is no run to go back behind, or something that has to hold does not.
    """
    with exclusively(options, name) as site:
        back, watching = _run_to_roll_back(site, options, resume=resume), watching or Watching()
        steps = site.executor.services
        steps.course = replace(steps.course, back=back.run)
        steps.refresh()
        services = _held(site, back, site.services())
        if not services:
            raise Refused(f"run {back.run} has moved none of these services: there is nothing to go back to")
        if found := refusals(site.executor, services):
            raise Refused("; ".join(found))
        run = _begun(options, site, back)
        carry_through(site, run, services, watching)
        apps = _apps_that_are_back(site, back)
        site.executor.pin_as_at(back.base)
        carry_through(site, run, [one for one in apps if site.executor.reading.desired.files(one)], watching)
        site.finish(run)
        return run


def _run_to_roll_back(site: Site, options: Options, *, resume: bool) -> RunRecord:
    """Return the run that is open, or the last one of the bundle that moved one of the services."""
    run = site.release.run
    if resume or (run is not None and (run.command == "rollback" or run.digest != site.bundle.digest)):
        require_run(site.release, "rollback", resume=resume)
        assert run is not None
        assert run.back is not None
        return site.journal.run(run.back)
    if run is not None:
        return run
    for known in reversed(site.journal.runs()):
        is_candidate = known.bundle == site.bundle.name and known.command != "rollback"
        if is_candidate and _held(site, known, site.services()):
            return known
    which = ", ".join(options.services) or f"a service of bundle {site.bundle.name}"
    raise Refused(f"there is nothing to go back to: no release of the bundle has moved {which}")


def _held(site: Site, run: RunRecord, services: Iterable[Subject]) -> list[Subject]:
    """Return the services that a run has held; the others were left as they are."""
    return [one for one in services if ServiceRecords(site.journal, run.run, one.name).held]


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
    """Return the apps of which every service that the run moved is back."""
    services = {Subject(Scope.SERVICE, name): one for name, one in site.bundle.services.items() if one.is_moved}
    moved = _held(site, back, services)
    ahead = {services[one].platform for one in moved if site.executor.stage(one) is not Stage.OPEN}
    names = dict.fromkeys(services[one].platform for one in moved)
    return [Subject(Scope.APP, name) for name in names if name not in ahead]
