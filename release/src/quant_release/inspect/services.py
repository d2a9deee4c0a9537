"""What services are now: Cloud Run, the scheduler and the ledgers are asked at once, and no answer waits for another.

Image and settings are those of the newest template. One that does not serve is a mismatch, so that nobody takes them
for what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.redaction import HIDDEN
from quant_platform_kit.services.operate.switches import FlagEntry

from quant_release.bundle import Bundle, Service
from quant_release.cloud.environment import PROFILE, Variable, public
from quant_release.cloud.run_api import Deployed, TrafficTarget
from quant_release.cloud.scheduler_api import Job
from quant_release.cloud.templates import environment_of, image_of
from quant_release.cloud.world import ServiceWorld
from quant_release.inspect.asking import soon, tried
from quant_release.inspect.journal import Known, image_mismatches
from quant_release.inspect.status import Mismatch, mismatch
from quant_release.run.service_views import traffic_text

__all__ = ["HoldStatus", "ScheduleStatus", "ServiceReading", "ServiceStatus", "ask_services"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ScheduleStatus:
    """The job of a service; ``due`` is aware UTC, None while it is paused."""

    job: str
    cron: str
    time_zone: str
    due: datetime | None
    paused: bool


@dataclass(frozen=True, slots=True)
class HoldStatus:
    """Who holds a service for a release, since when (aware UTC), and for which."""

    by: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """A service as it is shown.

    Attributes
    ----------
    revision
        The one that has all the traffic, None where none has.
    image, profile, env, service_account
        Of the newest template. A setting is its value, a reference to a version of a secret, or ``***``.
    commit
        That the image was built from, None where the journal does not know it.
    error
        Why something of it is not known, None if all is.
    """

    name: str
    project: str
    region: str
    revision: str | None
    traffic: tuple[TrafficTarget, ...]
    image: str | None
    commit: str | None
    profile: str | None
    env: Mapping[str, str | Mapping[str, str | None]]
    service_account: str | None
    schedule: ScheduleStatus | None
    hold: HoldStatus | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ServiceReading:
    """What was answered about one service, each an answer or the error in its place."""

    name: str
    service: Service
    deployed: Deployed | QuantError
    job: Job | QuantError
    held: FlagEntry | QuantError | None

    @property
    def _error(self) -> str | None:
        errors = [one for one in (self.deployed, self.job, self.held) if isinstance(one, QuantError)]
        return "; ".join(dict.fromkeys(map(str, errors))) or None

    @property
    def _image(self) -> str | None:
        return None if isinstance(self.deployed, QuantError) else image_of(self.deployed.document.template)

    def status(self, known: Known) -> ServiceStatus:
        """Return what is shown of it."""
        deployed, service = self.deployed, self.service
        is_there = not isinstance(deployed, QuantError)
        settings = environment_of(deployed.document.template) if is_there else ()
        built = known.images.get(self._image or "")
        return ServiceStatus(
            self.name,
            service.project,
            service.region,
            deployed.serving if is_there else None,
            deployed.traffic if is_there else (),
            self._image,
            built.commit if built else None,
            next((one.value for one in settings if one.name == PROFILE), None),
            {one.name: _public_value(one) for one in settings},
            deployed.document.template.service_account or None if is_there else None,
            None if isinstance(self.job, QuantError) else _schedule(service, self.job),
            HoldStatus(self.held.who, self.held.at, self.held.why) if isinstance(self.held, FlagEntry) else None,
            self._error,
        )

    def mismatches(self, known: Known, pins: Mapping[str, Mapping[str, str] | None]) -> Iterator[Mismatch]:
        """Yield what does not fit.

        Parameters
        ----------
        pins
            Version by package that each app is pinned to, None of an app without pins.
        """
        if self._error is not None:
            yield mismatch("error", self.name, f"{self.name} cannot be read: {self._error}")
        if isinstance(self.deployed, Deployed):
            yield from self._of_traffic(self.deployed)
        if known.is_there:
            yield from self._of_image(known, pins.get(self.service.platform))
            yield from self._of_hold(known)
        if isinstance(self.job, Job) and self.job.paused and self.held is None:
            yield mismatch("paused", self.name, f"job {self.service.schedule} is paused, and no release holds it")

    def _of_traffic(self, deployed: Deployed) -> Iterator[Mismatch]:
        if deployed.serving is None:
            yield mismatch("traffic", self.name, f"the traffic of {self.name} is split: {traffic_text(deployed)}")
            return
        newest = deployed.document.latest_created_revision.rpartition("/")[2]
        if newest not in ("", deployed.serving):
            yield mismatch(
                "newest",
                self.name,
                f"the newest revision of {self.name} is {newest}, and {deployed.serving} serves: image and settings "
                "shown are those of the newest",
            )

    def _of_image(self, known: Known, pins: Mapping[str, str] | None) -> Iterator[Mismatch]:
        if self._image is not None:
            yield from image_mismatches(self.name, self._image, known, pins)

    def _of_hold(self, known: Known) -> Iterator[Mismatch]:
        held = self.held
        if isinstance(held, FlagEntry) and (known.open_since is None or held.at < known.open_since):
            when = "no release is open" if known.open_since is None else "it is older than the release that is open"
            text = f"{self.name} is held by {held.who} since {held.at:%Y-%m-%d %H:%M:%S} UTC, and {when}"
            yield mismatch("hold", self.name, text)


def ask_services(bundle: Bundle, world: ServiceWorld) -> Callable[[], list[ServiceReading]]:
    """Begin to ask for the services that a bundle moves; call what is returned for the answers.

    A service that does not answer has an error in its place; the others do not wait for it.
    """
    moved = bundle.moved
    if not moved:
        return list[ServiceReading]
    clients = tried(lambda: (world.run, world.scheduler))  # made once, before several threads want them

    def asked(ask: Callable[[], _T]) -> Callable[[], _T | QuantError]:
        return (lambda error=clients: error) if isinstance(clients, QuantError) else soon(partial(tried, ask))

    begun = [
        (
            asked(partial(_deployed, world, name, service)),
            asked(partial(_job, world, service)),
            soon(partial(tried, partial(_held, world, name, service))),
        )
        for name, service in moved.items()
    ]
    return lambda: [
        ServiceReading(name, service, deployed(), job(), held())
        for (name, service), (deployed, job, held) in zip(moved.items(), begun, strict=True)
    ]


def _deployed(world: ServiceWorld, name: str, service: Service) -> Deployed:
    return world.run.service(f"{service.parent}/services/{name}")


def _job(world: ServiceWorld, service: Service) -> Job:
    return world.scheduler.job(f"{service.parent}/jobs/{service.schedule}")


def _held(world: ServiceWorld, name: str, service: Service) -> FlagEntry | None:
    return world.ledger(name, service).hold()


def _schedule(service: Service, job: Job) -> ScheduleStatus:
    return ScheduleStatus(service.schedule or "", job.cron, job.time_zone, job.due, job.paused)


def _public_value(one: Variable) -> str | Mapping[str, str | None]:
    if one.secret is not None:
        return {"secret": one.secret, "version": one.version}
    return one.value or "" if public(one.name) else HIDDEN
