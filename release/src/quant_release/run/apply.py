"""A release from end to end: begun or resumed, carried through its subjects, and left as it has to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.errors import QuantError, Refused
from quant_platform_kit.services.operate.audit import Operator

from quant_release.run.journal import Journal, RunRecord, RunWatcher, StepListener
from quant_release.run.locks import NEEDED
from quant_release.run.opening import Options, Release, Site, exclusively
from quant_release.run.refusals import refusals
from quant_release.run.service_records import ServiceRecords
from quant_release.run.workload_records import WorkloadRecords
from quant_release.steps.machine import (
    Boundary,
    Reached,
    StepFailed,
    Subject,
    advance,
    in_turn,
    last_step,
    next_row,
    take_back,
)
from quant_release.steps.table import Row, Scope

__all__ = ["Watching", "abandon", "apply", "carry_through", "open_service", "require_run", "switch", "was_held"]


@dataclass(frozen=True, slots=True)
class Watching:
    """Who looks on: told about every step, and called at every boundary of every step."""

    listener: StepListener | None = None
    reached: Reached | None = None


def apply(
    options: Options,
    name: str,
    *,
    until: str | None = None,
    resume: bool = False,
    watching: Watching | None = None,
) -> RunRecord:
    """Release a bundle, or go on with one that was begun.

    Parameters
    ----------
    until
        The step after which to stop; the run stays open.

    Raises
    ------
    Refused
        Something that has to hold does not; it says what is missing.
    """
    with exclusively(options, name) as site:
        require_run(site.release, "apply", resume=resume)
        subjects = site.release.subjects
        if site.release.run is not None:
            site.executor.go_on(site.release.run, subjects)
        stop = last_step(until, subjects, site.executor.table) if until is not None else None
        run = _begun(options, site, "apply", subjects)
        carry_through(site, run, subjects, watching or Watching(), stop)
        if stop is None:
            site.finish(run, subjects)
        return run


def switch(options: Options, name: str, *, resume: bool = False, watching: Watching | None = None) -> RunRecord:
    """Give services the settings of a bundle whose code they run already; see `apply`."""
    with exclusively(options, name) as site:
        require_run(site.release, "switch", resume=resume)
        site.bundle.require_moved("--service", options.services)
        site.executor.services.course = replace(site.executor.services.course, is_switch=True)
        run = _begun(options, site, "switch", site.services())
        carry_through(site, run, site.services(), watching or Watching())
        site.finish(run, site.services())
        return run


def require_run(release: Release, command: str, *, resume: bool) -> None:
    """Make sure that a run of this command and bundle is open exactly if it is to be resumed; `Refused` if not."""
    run = release.run
    if run is None:
        if resume:
            raise Refused("there is nothing to resume: no release is open; leave out --resume")
        return
    what = f"the {_noun(run.command)} of {run.bundle} that {run.who} began at {run.at:%Y-%m-%d %H:%M:%S} UTC is open"
    if run.digest != release.bundle.digest:
        raise Refused(
            f"{what}, and bundle {release.bundle.name} says something else: finish that one, or release abandon"
        )
    if run.command != command:
        raise Refused(f"{what}: go on with it, release {run.command} {run.bundle} --resume")
    if not resume:
        raise Refused(f"{what}: add --resume to go on with it, or take it back with release abandon")


def _noun(command: str) -> str:
    return "release" if command == "apply" else command


def _begun(options: Options, site: Site, command: str, subjects: Sequence[Subject]) -> RunRecord:
    """Return the run that is open, or open one, once nothing that can be known forbids a step."""
    if found := refusals(site.executor, subjects):
        raise Refused("; ".join(found))
    if site.release.run is None:
        return site.begin(options, command)
    site.journal.note(site.release.run.run, "resumed")
    return site.release.run


def carry_through(
    site: Site, run: RunRecord, subjects: Sequence[Subject], watching: Watching, stop: tuple[Row, Subject] | None = None
) -> None:
    """Take subjects to their end, in order; an error of what runs somewhere says what is live now, and what to type."""
    for group in in_turn(subjects):
        under_way: list[Row] = []

        def at(boundary: Boundary, row: Row, on: Subject, under_way: list[Row] = under_way) -> None:
            if boundary is Boundary.CHOSEN:
                under_way[:] = [row]
            if boundary is Boundary.GUARDED:
                site.lease.require(NEEDED)
            if watching.reached is not None:
                watching.reached(boundary, row, on)
            if boundary is Boundary.VERIFIED:
                under_way.clear()

        try:
            advance(site.executor, group, RunWatcher(site.journal, run.run, watching.listener), stop, at)
        except QuantError as error:
            if group[0].scope.is_deployed:
                raise _with_standing(site, error, group[0], under_way) from error
            raise
        if stop is not None and stop[1] in group:
            return


def _with_standing(site: Site, error: QuantError, subject: Subject, under_way: Sequence[Row]) -> QuantError:
    """Return an error of a service or workload that says at which step it is, what is live now, and what to type."""
    where = f"{under_way[0].step} of {subject}" if under_way else str(subject)
    kind = Refused if isinstance(error, Refused) else StepFailed
    text = str(error).removeprefix(f"{where}: ").rstrip(".")
    return kind(f"{where}: {text}; {site.executor.standing(subject)}")


def open_service(options: Options, name: str, service: str, why: str) -> bool:
    """Open a service that an open run holds, for a person who has looked at it; return whether the run ended with it.

    Raises
    ------
    Refused
        No run of this bundle is open, it does not hold the service, or the service does not answer.
    """
    with exclusively(options, name) as site:
        run = site.release.run
        if run is None or run.digest != site.bundle.digest:
            raise Refused(f"nothing is held: no release of bundle {site.bundle.name} is open")
        subject = next(one for one in site.services() if one.name == service)
        Operator(site.journal.store, SystemClock(), options.who).audit(
            "release open", why, service=service, run=run.run
        )
        site.executor.services.open_by_hand(subject, why)
        site.journal.note(run.run, "opened", subject=str(subject), text=why)
        done = all(next_row(site.executor, one) is None for one in site.release.subjects)
        if done:
            site.finish(run, site.services())
        return done


def abandon(options: Options, name: str) -> Sequence[str]:
    """Take back what an open release did and did not publish, and close it; return where each subject is then.

    Raises
    ------
    Refused
        No release of this bundle is open, or something was built upon what it did.
    """
    with exclusively(options, name) as site:
        run, subjects = site.release.run, site.release.subjects
        if run is None or run.digest != site.bundle.digest:
            raise Refused(f"there is nothing to take back: no release of bundle {site.bundle.name} is open")
        Operator(site.journal.store, SystemClock(), options.who).audit("release abandon", f"bundle {site.bundle.name}")
        untouched = (
            [] if run.back is None else [one for one in site.deployed() if not was_held(site.journal, run.back, one)]
        )
        take_back(site.executor, [one for one in subjects if one not in untouched], RunWatcher(site.journal, run.run))
        for service in (one for one in site.services() if one not in untouched):
            site.executor.services.reopen_half_held(service)
        site.journal.note(run.run, "abandoned")
        site.lease.close_run()
        left = [f"{subject} {site.executor.stage(subject).value}" for subject in subjects if subject not in untouched]
        via = site.executor.reading.via
        if via is not None and site.executor.tools.git.remote(via).head is not None:
            left.append(f"branch {via} is still at the origin: close what asks for its merge, and delete it")
        return left


def was_held(journal: Journal, run: str, subject: Subject) -> bool:
    """Whether a run has held a service, or begun to, or noted a workload; it left the others as they are."""
    if subject.scope is Scope.WORKLOAD:
        return WorkloadRecords(journal, run, subject.name).noted is not None
    return ServiceRecords(journal, run, subject.name).held is not None
