"""Services, the job of snapshots, and the jobs that call them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from gcp.lines import (
    PREFLIGHT_RETRIES,
    RUN,
    ZONE,
    deploy_job,
    deploy_service,
    preflight_path,
    schedule_job,
    schedule_preflight,
    schedule_service,
)
from gcp.needs import Call, Need, Words, holds
from gcp.variables import Service, Site, Snapshots

__all__ = ["schedules", "services", "waiting"]

SCHEDULES = "roles/cloudscheduler.admin"
DESCRIBE = ("run", "services", "describe")


def services(site: Site) -> list[Need]:
    """Return the services and the job that have an image; each is made once, and never touched again."""
    made = [_service(site, each) for each in site.services if each.image]
    if site.snapshots is not None and site.snapshots.image:
        made.append(_job(site, site.snapshots))
    return made


def waiting(site: Site) -> list[tuple[str, str]]:
    """Return the services and the job that have no image yet, each with its app."""
    left = [(each.name, each.app.image_of) for each in site.services if each.image is None]
    if site.snapshots is not None and site.snapshots.image is None:
        left.append((site.snapshots.name, "snapshot_pipelines"))
    return left


def schedules(site: Site) -> list[Need]:
    """Return the jobs of Cloud Scheduler."""
    made = [_schedule(site, each) for each in site.services if each.image and each.schedule]
    made += [_preflight(site, each) for each in site.services if each.image and each.preflight]
    if site.snapshots is not None and site.snapshots.image:
        made.append(_schedule_of_job(site, site.snapshots))
    return made


def _service(site: Site, service: Service) -> Need:
    def missing(found: Sequence[Any]) -> list[Call]:
        # A service whose first revision could not start, for want of a secret's version, has not been made yet.
        made = found[0] is not None and found[0].get("status", {}).get("latestReadyRevisionName")
        return [] if made else [Call(tuple(deploy_service(site, service)))]

    return Need(f"service {service.name}", "roles/run.admin", (_described(site, service),), missing)


def _job(site: Site, job: Snapshots) -> Need:
    def missing(found: Sequence[Any]) -> list[Call]:
        return [Call(tuple(deploy_job(site, job)))] if found[0] is None else []

    reads = (("run", "jobs", "describe", job.name, "--project", site.project, "--region", job.region),)
    return Need(f"job {job.name}", "roles/run.admin", reads, missing)


def _described(site: Site, service: Service) -> Words:
    return (*DESCRIBE, service.name, "--project", site.project, "--region", service.region)


def _schedule(site: Site, service: Service) -> Need:
    retries = service.app.retries
    wanted = {
        "schedule": service.schedule,
        "retryConfig": {
            "retryCount": retries.count,
            "minBackoffDuration": retries.min_backoff,
            "maxBackoffDuration": retries.max_backoff,
        },
    }
    name = f"{service.name}-{service.app.job}"
    return _calling(site, service, name, service.app.path, wanted, schedule_service)


def _preflight(site: Site, service: Service) -> Need:
    wanted = {"schedule": service.preflight, "retryConfig": {"retryCount": PREFLIGHT_RETRIES}}
    name, path = f"{service.name}-preflight", preflight_path(service)
    return _calling(site, service, name, path, wanted, schedule_preflight)


def _calling(
    site: Site,
    service: Service,
    name: str,
    path: str,
    own: dict[str, Any],
    line: Callable[[Site, Service, str, str], list[str]],
) -> Need:
    """Return the need of a job that calls a service at a path; ``line`` makes or updates it."""
    token = {"serviceAccountEmail": site.account(f"{service.name}-job"), "audience": service.audience}
    wanted: dict[str, Any] = {
        "timeZone": ZONE,
        "attemptDeadline": service.app.timeout,
        "httpTarget": {"httpMethod": "POST", "oidcToken": token},
        **own,
    }

    def missing(found: Sequence[Any]) -> list[Call]:
        one, described = found
        url = f"https://{service.name}-PROJECT_NUMBER.{service.region}.run.app"
        if described is not None:
            url = described["status"]["url"]
        if one is None:
            return [Call(tuple(line(site, service, url, "create")))]
        if holds(one, wanted) and one["httpTarget"]["uri"] == f"{url}{path}":
            return []
        return [Call(tuple(line(site, service, url, "update")))]

    return Need(
        f"schedule {name}", SCHEDULES, (_scheduled(site, name, service.region), _described(site, service)), missing
    )


def _schedule_of_job(site: Site, job: Snapshots) -> Need:
    words = schedule_job(site, job, "create")
    given = dict(pairwise(words))
    wanted: dict[str, Any] = {
        "schedule": job.schedule,
        "timeZone": ZONE,
        "attemptDeadline": given["--attempt-deadline"],
        "httpTarget": {
            "httpMethod": "POST",
            "uri": f"{RUN}/projects/{site.project}/locations/{job.region}/jobs/{job.name}:run",
            "oauthToken": {"serviceAccountEmail": site.account(f"{job.name}-job")},
        },
        "retryConfig": {"retryCount": int(given["--max-retry-attempts"])},
    }

    def missing(found: Sequence[Any]) -> list[Call]:
        if found[0] is None:
            return [Call(tuple(words))]
        return [] if holds(found[0], wanted) else [Call(tuple(schedule_job(site, job, "update")))]

    return Need(f"schedule {job.name}-run", SCHEDULES, (_scheduled(site, f"{job.name}-run", job.region),), missing)


def _scheduled(site: Site, name: str, region: str) -> Words:
    return ("scheduler", "jobs", "describe", name, "--project", site.project, "--location", region)
