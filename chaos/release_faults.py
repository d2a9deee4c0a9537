"""Every fault of the emulators at every step of a service: a release says where it stopped, and ends well after it."""

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from quant_platform_kit.domain.errors import QuantError
from quant_release.cloud import addresses, calls, identity, run_api, scheduler_api
from quant_release.run import service_moves
from quant_release.steps.machine import Boundary, Subject
from quant_release.steps.table import Row, Scope, rows_of

from chaos.release_site import ServiceSite, Workshop

__all__ = ["OF_SERVICES", "Disturbance", "each_once", "every_disturbance", "hurried", "tried"]

ONE = {"longbridge-hk": "longbridge"}
FOREVER: dict[str, Any] = {"times": None}
OF_SERVICES: dict[str, dict[str, Any]] = {
    "start_fails": {},
    "ready_late": {"seconds": 0.5},
    "traffic_stays": {},
    "operation_hangs": {},
    "etag_moves": {},
    "version_lies": FOREVER,
    "forbidden address": {"kind": "forbidden", "operation": "address", **FOREVER},
    "forbidden get": {"kind": "forbidden", "operation": "get", **FOREVER},
    "forbidden patch": {"kind": "forbidden", "operation": "patch", **FOREVER},
}
"""Faults of Cloud Run alone."""
OF_REQUESTS: dict[str, dict[str, Any]] = {
    "http_error": {"status": 500, **FOREVER},
    "http_error once": {"kind": "http_error", "status": 500},
    "html": {"kind": "http_error", "body": "html", "status": 200, **FOREVER},
    "empty": {"kind": "http_error", "body": "empty", **FOREVER},
    "refused": {"kind": "http_error", "status": 403, **FOREVER},
    "drop_after": {},
    "silent": {},
    "slow": {"seconds": 0.2},
    "rate_limit": FOREVER,
    "drop_before": FOREVER,
}
"""Faults of requests, of either server."""


WRITING = ("deploy", "shift", "switch")
MUST_STOP = {"etag_moves": WRITING, "version_lies": ("confirm", "shift", "switch", "probe"), "start_fails": ("deploy",)}
"""Faults that no release may go on after, by the steps at which they come."""


@dataclass(frozen=True)
class Disturbance:
    """A fault that is armed when a step begins.

    Attributes
    ----------
    goes_back
        Whether the release is rolled back after it stopped, and not resumed.
    """

    step: str
    server: str
    name: str
    fields: dict[str, Any] = field(hash=False)
    goes_back: bool

    def __str__(self) -> str:
        return f"{self.name} of {self.server} at {self.step}"

    def arm(self, shop: Workshop) -> None:
        """Arm it."""
        server = shop.cloud.run if self.server == "run" else shop.cloud.scheduler
        server.fault(**{"kind": self.name, **self.fields})


def every_disturbance() -> Iterator[Disturbance]:
    """Yield every fault at every step; half of the releases are resumed, half go back."""
    number = 0
    for row in rows_of(Scope.SERVICE):
        for server, faults in (("run", OF_SERVICES), ("run", OF_REQUESTS), ("scheduler", OF_REQUESTS)):
            for name, fields in faults.items():
                yield Disturbance(row.step, server, name, fields, goes_back=number % 2 == 1)
                number += 1


def each_once() -> Iterator[Disturbance]:
    """Yield every fault at one step, and every step: those of services where they matter, the others in turn."""
    places = ("deploy", "deploy", "shift", "switch", "deploy", "confirm", "probe", "hold", "switch")
    for number, (step, name) in enumerate(zip(places, OF_SERVICES, strict=True)):
        yield Disturbance(step, "run", name, OF_SERVICES[name], goes_back=number % 2 == 1)
    steps = [row.step for row in rows_of(Scope.SERVICE)]
    for number, name in enumerate(OF_REQUESTS):
        step = steps[number % len(steps)]
        server = "scheduler" if step in ("hold", "open") else "run"
        yield Disturbance(step, server, name, OF_REQUESTS[name], goes_back=number % 2 == 1)


@contextmanager
def hurried() -> Generator[None]:
    """Let nobody wait long for an answer, or before a question is asked again."""
    kept = [(module, name, getattr(module, name)) for module, name in _PATIENCE]
    for module, name in _PATIENCE:
        setattr(module, name, _PATIENCE[module, name])
    try:
        yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)


_PATIENCE: dict[tuple[Any, str], Any] = {
    **{(module, "CALL_SECONDS"): 0.5 for module in (run_api, scheduler_api, identity)},
    (calls, "_PAUSES"): (0.01, 0.02),
    (addresses, "_PAUSES"): (0.01, 0.02),
    (addresses, "_SECONDS"): 1.0,
    (addresses, "_PROBE_SECONDS"): 1.0,
    (service_moves, "_TRAFFIC_SECONDS"): 1.0,
}


def tried(shop: Workshop, disturbance: Disturbance) -> Counter[str]:
    """Release with a fault; return what is wrong with what it says or leaves, and whether it stopped."""
    found: Counter[str] = Counter()
    with shop.site("apply", ONE) as site:
        try:
            site.perform(reached=_arming(shop, disturbance), timeout=1.5)
        except QuantError as error:
            found["stopped"] += 1
            found.update(_untold(str(error), disturbance))
            shop.forget()
            found.update(_ended(site, disturbance))
        else:
            shop.forget()
            found.update(f"{disturbance}: {one}" for one in site.faults(exactly=False))
            if disturbance.step in MUST_STOP.get(disturbance.name, ()):
                found[f"{disturbance}: was not noticed"] += 1
    return found


def _arming(shop: Workshop, disturbance: Disturbance) -> Any:
    def reached(at: Boundary, row: Row, on: Subject) -> None:
        if at is Boundary.RECORDED and row.step == disturbance.step and on.scope is Scope.SERVICE:
            disturbance.arm(shop)

    return reached


def _untold(text: str, disturbance: Disturbance) -> list[str]:
    """Return what an error does not say: step, service, what is live now, what to type."""
    is_named = disturbance.name in MUST_STOP and disturbance.step in MUST_STOP[disturbance.name]
    step = f"{disturbance.step} of " if is_named else ""
    told = (f"{step}service longbridge-hk", "live now", "; type: release apply first-bundle --resume")
    lines = [f"{disturbance}: does not say {what!r}: {text}" for what in told if what not in text]
    return lines + ([f"{disturbance}: two lines"] if "\n" in text else [])


def _ended(site: ServiceSite, disturbance: Disturbance) -> list[str]:
    """Go on, or back, and return what is wrong then."""
    try:
        site.perform("rollback" if disturbance.goes_back else "apply")
    except QuantError as error:
        if disturbance.name != "etag_moves" or disturbance.goes_back:
            return [f"{disturbance}: did not end: {error}"]
        site.perform("rollback")  # what somebody else has written is for a person to judge
    return [f"{disturbance}: {one}" for one in site.faults(exactly=False)]
