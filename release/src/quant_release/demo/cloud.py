"""Cloud Run, Cloud Scheduler and IAM on this machine, for rehearsals: servers of the sandbox, and what is on them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2, scheduler_v1
from venue_sandbox.servers.launch import Server

__all__ = ["CALLER", "REGION", "Cloud", "cloud_on_this_machine", "service_text"]

REGION = "europe-west1"
CALLER = "scheduler@rehearsal.iam.gserviceaccount.com"
"""Whose tokens the jobs send."""
SECONDS = 60.0
NEVER = "0 0 1 1 *"
"""A schedule that is far from due on every other day of the year."""


@dataclass(frozen=True)
class Cloud:
    """The servers, and clients of theirs."""

    run: Server
    scheduler: Server
    secrets: Server

    @property
    def certificates(self) -> str:
        """Where the keys of the jobs' tokens are."""
        return f"{self.settings['CLOUD_SCHEDULER_URL']}/oauth2/v3/certs"

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment that leads a release here."""
        return {
            "CLOUD_RUN_URL": f"http://127.0.0.1:{self.run.port}",
            "CLOUD_SCHEDULER_URL": f"http://127.0.0.1:{self.scheduler.port}",
        }

    @property
    def services(self) -> Any:
        """A client of Cloud Run's services."""
        options = ClientOptions(api_endpoint=self.settings["CLOUD_RUN_URL"])
        return run_v2.ServicesClient(transport="rest", credentials=AnonymousCredentials(), client_options=options)

    @property
    def jobs(self) -> Any:
        """A client of Cloud Scheduler."""
        options = ClientOptions(api_endpoint=self.settings["CLOUD_SCHEDULER_URL"])
        return scheduler_v1.CloudSchedulerClient(
            transport="rest", credentials=AnonymousCredentials(), client_options=options
        )

    def deploy(self, project: str, name: str, image: str, environment: Mapping[str, str]) -> str:
        """Make a service that runs an image, and give one revision of it the traffic by name; return its address."""
        container = {"image": image, "env": [{"name": key, "value": value} for key, value in environment.items()]}
        template = {"containers": [container], "revision": f"{name}-00001"}
        traffic = [{"type_": 2, "revision": f"{name}-00001", "percent": 100}]
        operation = self.services.create_service(
            parent=f"projects/{project}/locations/{REGION}",
            service={"template": template, "traffic": traffic},
            service_id=name,
        )
        return operation.result(SECONDS).uri

    def schedule(self, project: str, name: str, address: str, audience: str, cron: str = NEVER) -> None:
        """Make the job that triggers a service."""
        parent = f"projects/{project}/locations/{REGION}"
        target = {
            "uri": f"{address}/run",
            "http_method": scheduler_v1.HttpMethod.POST,
            "oidc_token": {"service_account_email": CALLER, "audience": audience},
        }
        job = {
            "name": f"{parent}/jobs/{name}",
            "schedule": cron,
            "time_zone": "America/New_York",
            "http_target": target,
        }
        self.jobs.create_job(parent=parent, job=job)


def service_text(name: str, app: str, project: str, store: str, more: str) -> str:
    """Return what a bundle says of a service that `Cloud` has: its job has its name, its audience is https://NAME.

    Parameters
    ----------
    store
        Address of its ledger.
    more
        Further lines.
    """
    return (
        f'\n[services.{name}]\nplatform = "{app}"\nregion = "{REGION}"\nproject = "{project}"\n'
        f'image = "registry.invalid/rehearsal/{app}"\nschedule = "{name}"\nservice_account = "{CALLER}"\n'
        f'audience = "https://{name}"\nstore = "{store}"\n{more}'
    )


@contextmanager
def cloud_on_this_machine(builder: str, logs: Path | None = None, now: datetime | None = None) -> Generator[Cloud]:
    """Start the servers; they end with the context.

    Parameters
    ----------
    builder
        What an image is: ``venv:FOLDER`` or ``registry:FILE``.
    logs
        Folder for what the revisions say.
    now
        What time it is for the scheduler, aware; it fires nothing by itself then. None for real time.
    """
    more = () if logs is None else ("--logs", str(logs))
    with ExitStack() as stack:
        secrets = stack.enter_context(Server("venue_sandbox.cloud.secrets"))
        more = (*more, "--secrets", f"http://127.0.0.1:{secrets.port}")
        run = stack.enter_context(Server("venue_sandbox.cloud.run", "--builder", builder, *more))
        clock = () if now is None else ("--clock", "virtual", "--start", f"{now:%Y-%m-%dT%H:%M:%SZ}")
        scheduler = stack.enter_context(Server("venue_sandbox.cloud.scheduler", *clock))
        yield Cloud(run, scheduler, secrets)
