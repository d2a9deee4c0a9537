"""Deliberate defects of how services are moved: a campaign that does not catch each of them proves nothing."""

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from quant_release.cloud.holds import ServiceLedger
from quant_release.cloud.run_api import CloudRun
from quant_release.cloud.templates import changed, environment_of, image_of
from quant_release.run.service_moves import Moves
from quant_release.run.service_records import RevisionRecords, ServiceRecords
from quant_release.run.service_state import CODE, Attempt, Goal, ServiceState

from chaos.release_faults import OF_SERVICES, Disturbance, hurried, tried
from chaos.release_services import at_every_boundary, at_every_effect
from chaos.release_site import Workshop

__all__ = ["MUTANTS", "caught"]

Check = Callable[[Workshop, Counter[str]], object]
Patch = tuple[Any, str, Any]


def caught(shop: Workshop, name: str) -> list[str]:
    """Return what the part of the campaign that has to catch a defect says of it; empty if it does not."""
    patches, check = MUTANTS[name]
    kept = [(place, attribute, getattr(place, attribute)) for place, attribute, _ in patches()]
    for place, attribute, mutant in patches():
        setattr(place, attribute, mutant)
    found = Counter[str]()
    try:
        check(shop, found)
    finally:
        for place, attribute, value in kept:
            setattr(place, attribute, value)
    return sorted(set(found) - {"looks", "stopped"})


# --- what catches --------------------------------------------------------------------------------


def killed(shop: Workshop, found: Counter[str]) -> None:
    """Kill an apply at every boundary."""
    at_every_boundary(shop, "apply", found)


def killed_in_steps(shop: Workshop, found: Counter[str]) -> None:
    """Kill an apply after every effect."""
    if at_every_effect(shop, "apply", found) < 0:
        found["not finished"] += 1


def killed_where_paused(shop: Workshop, found: Counter[str]) -> None:
    """Kill an apply at every boundary, of services whose jobs an operator had paused."""
    at_every_boundary(shop, "apply", found, paused=True)


def disturbed(fault: str, step: str) -> Check:
    """Return a check that lets a fault come at a step."""

    def check(shop: Workshop, found: Counter[str]) -> None:
        with hurried():
            found.update(tried(shop, Disturbance(step, "run", fault, OF_SERVICES[fault], goes_back=True)))

    return check


# --- what is wrong -------------------------------------------------------------------------------


def no_halt() -> list[Patch]:
    """Hold by a paused job alone."""
    set_hold, hold = ServiceLedger.set_hold, ServiceLedger.hold

    def none(self: Any, who: str, reason: str, *, on: bool) -> None:
        self.said = on
        set_hold(self, who, reason, on=False)

    return [(ServiceLedger, "set_hold", none), (ServiceLedger, "hold", lambda self: hold(self) or _said(self))]


def _said(ledger: Any) -> Any:
    return "held" if getattr(ledger, "said", False) else None


def shift_without_confirm() -> list[Patch]:
    """Give a revision the traffic without asking what it is."""

    def confirm(self: Any, kind: str) -> None:
        state = self._state
        RevisionRecords(self._journal, state.full_name, state.attempt(kind).name).record("confirmed")

    return [(Moves, "confirm", confirm)]


def settings_before_code() -> list[Patch]:
    """Try the new settings in the code that is there, and ask nothing."""
    template = Goal.template

    def wrong(self: Any, kind: str) -> Any:
        before = image_of(self.base)
        return changed(self.base, before, self.final) if kind == CODE else template(self, kind)

    def serves(self: Any, image: str, environment: Any) -> bool:
        known = environment_of(self.serving_revision)
        return self.seen("answered", self.serving) and (
            image_of(self.serving_revision) == image or len(known) == len(environment)
        )

    def unasked(self: Any, address: str, *_: Any, **__: Any) -> Any:
        return self._state.world.addresses.version(address, self._state.caller)

    return [
        (Goal, "template", wrong),
        (ServiceState, "serves", serves),
        (Moves, "_require_said", unasked),
    ]


def open_before_probe() -> list[Patch]:
    """Lift the hold, and probe then."""
    probe = Moves.probe

    def late(self: Any) -> None:
        self.open()
        time.sleep(0.2)
        probe(self)

    return [(Moves, "probe", late)]


def resume_every_job() -> list[Patch]:
    """Resume a job that an operator had paused."""

    def opened(self: Any) -> None:
        state, held = self._state, self._records.held
        state.ledger.set_hold(self._journal.who, "opened", on=False)
        state.world.scheduler.set_paused(held.job, paused=False)

    return [(Moves, "open", opened)]


def pause_forgotten() -> list[Patch]:
    """Take every paused job for one that an operator had paused."""
    return [(ServiceRecords, "owes_resume", property(lambda self: False))]


def no_etag() -> list[Patch]:
    """Write a service whatever it has become."""
    write = CloudRun._write

    def blind(self: Any, document: Any, what: str, *paths: str) -> None:
        document.etag = ""
        write(self, document, what, *paths)

    return [(CloudRun, "_write", blind)]


def new_revision_after_crash() -> list[Patch]:
    """Make a revision of another name each time that a process begins."""
    attempt = ServiceState.attempt

    def anew(self: Any, kind: str) -> Any:
        found = attempt(self, kind)
        other = f"{found.name}{os.getpid()}"
        return Attempt(other, self.revision(other) if self.course.run else None)

    return [(ServiceState, "attempt", anew)]


def lost_address() -> list[Patch]:
    """Ask for the address of a tag that is gone once its revision has the traffic."""
    return [
        (Moves, "_has_address", lambda self, revision, tag: self._state.deployed.tag_address(tag) is not None),
        (Moves, "_give_address", lambda self, revision, tag: None),
    ]


MUTANTS: dict[str, tuple[Callable[[], list[Patch]], Check]] = {
    "no-halt": (no_halt, killed),
    "shift-without-confirm": (shift_without_confirm, disturbed("version_lies", "confirm")),
    "settings-before-code": (settings_before_code, killed),
    "open-before-probe": (open_before_probe, killed),
    "resume-every-job": (resume_every_job, killed_where_paused),
    "pause-forgotten": (pause_forgotten, killed),
    "no-etag": (no_etag, disturbed("etag_moves", "deploy")),
    "new-revision-after-crash": (new_revision_after_crash, killed),
    "lost-address": (lost_address, killed_in_steps),
}
