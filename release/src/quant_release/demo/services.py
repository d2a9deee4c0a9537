"""Services of a rehearsal: each app at the baseline's pins, on Cloud Run of this machine, trading at its venue."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from quant_release.cloud.world import Terms
from quant_release.demo.baseline import AFTER, BEFORE, BUNDLE, TARGET
from quant_release.demo.cloud import CALLER, REGION, Cloud, cloud_on_this_machine, service_text
from quant_release.demo.triggers import Triggers
from quant_release.demo.venues import OPENS, Venues, open_venues
from quant_release.images.build_context import build_context
from quant_release.images.builders import VenvBuilder
from quant_release.repository.git import Git
from quant_release.repository.observed import ObservedState
from quant_release.run.opening import Options, read_release
from quant_release.settings import settings_of
from quant_release.steps.machine import Subject
from quant_release.steps.table import Scope

__all__ = ["Services", "bundle_of", "services_on_this_machine"]

PROJECT = "rehearsal"
CRON = "45 15 * * 1-5"
ANSWER_SECONDS = 10


def bundle_of(apps: Mapping[str, str], folder: Path) -> str:
    """Return the first bundle with services that a release goes on through, each given by its name and its app."""
    platforms = ", ".join(f'"{app}"' for app in dict.fromkeys(apps.values()))
    text = f'name = "{BUNDLE}"\nplatforms = [{platforms}]\n\n[packages]\n'
    text += "".join(f'{name} = "{version}"\n' for name, version in TARGET.items())
    profile = f'profile = "{AFTER}"\n'
    return text + "".join(
        service_text(name, app, PROJECT, _ledger(folder, name), profile) for name, app in apps.items()
    )


def _ledger(folder: Path, service: str) -> str:
    return f"file://{folder}/ledgers/{service}"


@dataclass(frozen=True)
class Services:
    """Services, their jobs and their venues.

    Attributes
    ----------
    apps
        The app of each service.
    folder
        Where everything is kept: the journal of releases in ``store``, images, ledgers.
    """

    git: Git
    cloud: Cloud
    venues: Venues
    apps: Mapping[str, str]
    folder: Path

    def options(self, *services: str) -> Options:
        """Return where a release of some services works, of all if none is named."""
        return Options(
            self.git.root,
            "demo",
            f"file://{self.folder}/store",
            local=True,
            builder=f"venv:{self.folder}/images",
            services=services,
            terms=Terms(confirmed=frozenset(self.apps)),
            clock=self.venues.clock,
        )

    def deploy(self, service: str) -> None:
        """Build the app of a service from the pins that it has at the origin, and deploy it with its job."""
        name, observed = self.apps[service], ObservedState(self.git)
        app = observed.workspace.apps[name]
        commit, pins = self.git.last_touching(observed.remote_head, app.folder), tuple((app.pins or {}).values())
        with build_context(self.git, app, commit, pins) as context:
            builder = VenvBuilder(self.folder / "images")
            image = builder.build(context, f"registry.invalid/rehearsal/{name}", commit)
        address = self.cloud.deploy(PROJECT, service, image, self._environment(service, image))
        self.cloud.schedule(PROJECT, service, address, f"https://{service}", CRON)

    def _environment(self, service: str, image: str) -> Mapping[str, str]:
        ledger = _ledger(self.folder, service)
        return {
            "CLOUD_RUN_SERVICE": service,
            "STRATEGY_PROFILE": BEFORE,
            "STORE_URL": ledger,
            "REPORT_STORE_URL": f"{ledger}-reports",
            "IMAGE": image,
            "HANDOVER": "sell",
            "ENTER_NOW": "true",
            "OIDC_AUDIENCE": f"https://{service}",
            "OIDC_SERVICE_ACCOUNT": CALLER,
            "OIDC_CERTS_URL": self.cloud.certificates,
            **self.venues.settings(self.apps[service]),
        }

    def triggers(self, pace: float, ago: timedelta = timedelta(0)) -> Triggers:
        """Return what fires the services' jobs; the first slot is so long ago."""
        jobs = {name: f"projects/{PROJECT}/locations/{REGION}/jobs/{name}" for name in self.apps}
        return Triggers(self.cloud.scheduler, jobs, self.venues.clock.now() - ago, pace)

    def version(self, service: str) -> dict[str, Any]:
        """Return what a service says at its main address of what runs there."""
        state = read_release(self.options(), BUNDLE).executor.services.state(Subject(Scope.SERVICE, service))
        headers = {"Authorization": f"Bearer {state.caller.token}"}
        return requests.get(f"{state.deployed.address}/version", headers=headers, timeout=ANSWER_SECONDS).json()


@contextmanager
def services_on_this_machine(git: Git, apps: Mapping[str, str], folder: Path) -> Generator[Services]:
    """Start the venues and the cloud of services that are still to be deployed; everything ends with the context.

    Parameters
    ----------
    git
        A copy at the baseline, whose bundle is `bundle_of` the services.
    """
    images = folder / "images"
    images.mkdir()
    venues = open_venues(dict.fromkeys(apps.values()), (BEFORE, AFTER), folder / "venues")
    with venues as opened, cloud_on_this_machine(f"venv:{images}", folder / "logs", OPENS) as cloud:
        with settings_of(cloud.settings):
            yield Services(git, cloud, opened, apps, folder)
