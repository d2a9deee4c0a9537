"""Cloud Scheduler over REST: the job that triggers a service, read, paused and resumed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast

from google.api_core.client_options import ClientOptions
from google.auth.credentials import Credentials
from google.cloud import scheduler_v1

from quant_release.cloud.calls import CALL_SECONDS, Calls, CloudError, Unclear

__all__ = ["Job", "Scheduler"]


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was read once.

    Attributes
    ----------
    due
        When it fires next, aware UTC; None while it is paused.
    service_account, audience
        Of the identity token that it sends; empty without one.
    """

    name: str
    cron: str
    time_zone: str
    target: str
    service_account: str
    audience: str
    paused: bool
    due: datetime | None


class Scheduler:
    """The jobs of Cloud Scheduler; see `quant_release.cloud.run_api.CloudRun`."""

    def __init__(self, credentials: Credentials, calls: Calls, url: str | None) -> None:
        self._calls = calls
        options = ClientOptions(api_endpoint=url) if url else None
        self._client: Any = scheduler_v1.CloudSchedulerClient(
            credentials=credentials, transport="rest", client_options=options
        )

    def job(self, name: str) -> Job:
        """Return a job by its full name; `NotThere` if it is not there."""
        what = f"job {name.rpartition('/')[2]}"
        ask = partial(self._client.get_job, name=name, retry=None, timeout=CALL_SECONDS)
        found: scheduler_v1.Job = self._calls.looked_up(what, ask)
        if found.name != name:
            raise CloudError(f"{what} is answered with something that is no such document: its name is {found.name!r}")
        token = found.http_target.oidc_token
        paused = found.state is not scheduler_v1.Job.State.ENABLED
        return Job(
            name,
            found.schedule,
            found.time_zone,
            found.http_target.uri,
            token.service_account_email,
            token.audience,
            paused,
            None if paused else cast("datetime | None", found.schedule_time),
        )

    def set_paused(self, name: str, *, paused: bool) -> None:
        """Pause a job, or resume it; one that is so already is left alone.

        Raises
        ------
        CloudError
            It is not so afterwards.
        """
        if self.job(name).paused is paused:
            return
        what = f"{'pausing' if paused else 'resuming'} job {name.rpartition('/')[2]}"
        change = self._client.pause_job if paused else self._client.resume_job
        try:
            self._calls.written(what, lambda: change(name=name, retry=None, timeout=CALL_SECONDS))
        except Unclear:
            if self.job(name).paused is not paused:
                raise
        if self.job(name).paused is not paused:
            raise CloudError(f"{what} is said to be done, and it is not so")
