"""Who is given which role on what, each with the call that needs it; nobody is given more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gcp.variables import Service, Site, Snapshots

__all__ = ["ROLES", "Grant", "Role", "Target", "grants"]


@dataclass(frozen=True, order=True)
class Target:
    """A resource that has a policy.

    Attributes
    ----------
    kind
        What it is: ``project``, ``repository``, ``bucket``, ``secret``, ``account``, ``service`` or ``job``.
    place
        Its region, where gcloud wants one.
    """

    kind: str
    name: str
    place: str = ""


@dataclass(frozen=True, order=True)
class Grant:
    """A role on a resource for somebody.

    Attributes
    ----------
    call
        What it is needed for.
    """

    target: Target
    role: str
    member: str
    call: str


@dataclass(frozen=True)
class Role:
    """A role of the project's own."""

    name: str
    title: str
    permissions: tuple[str, ...]


OBSERVE = Role(
    "quantReleaseObserve",
    "Release: observe services, pause jobs",
    (
        *("cloudscheduler.jobs.enable", "cloudscheduler.jobs.get", "cloudscheduler.jobs.pause", "run.operations.get"),
        *("run.revisions.get", "run.revisions.list", "run.services.get"),
    ),
)
DEPLOY = Role("quantReleaseDeploy", "Release: deploy a service", ("run.services.get", "run.services.update"))
ROLES = (OBSERVE, DEPLOY)


def grants(site: Site) -> list[Grant]:
    """Return all roles that the project has need of."""
    found = [*_of_operators(site), *_of_secrets(site)]
    for service in site.services:
        found += _of_service(site, service)
    if site.snapshots is not None:
        found += _of_snapshots(site, site.snapshots)
    return found


def _own(site: Site, role: Role) -> str:
    return f"projects/{site.project}/roles/{role.name}"


def _account(site: Site, name: str) -> str:
    return f"serviceAccount:{site.account(name)}"


def _of_operators(site: Site) -> Iterator[Grant]:
    repository, region = site.repository
    for who in site.operators:
        yield Grant(
            Target("project", site.project), _own(site, OBSERVE), who, "release: read revisions, pause and resume jobs"
        )
        images = Target("repository", repository, region)
        yield Grant(images, "roles/artifactregistry.writer", who, "release: push an image, read its digest")
        stores = dict.fromkeys([site.ledger, *(each.bucket for each in site.services if each.bucket)])
        for bucket in stores:
            yield Grant(Target("bucket", bucket), "roles/storage.objectUser", who, "release, quant: journal and halts")
        reports = Target("bucket", site.reports)
        yield Grant(reports, "roles/storage.objectViewer", who, "quant: read reports and recorded inputs")


def _of_service(site: Site, service: Service) -> Iterator[Grant]:
    me, caller = _account(site, service.name), _account(site, f"{service.name}-job")
    store = Target("bucket", site.store_of(service))
    yield Grant(store, "roles/storage.objectUser", me, "a run: create and replace objects of its store")
    if service.bucket is None:
        reports = Target("bucket", site.reports)
        yield Grant(reports, "roles/storage.objectCreator", me, "a run: write its report and inputs, once")
        yield Grant(reports, "roles/storage.objectViewer", me, "GET /runs: read reports")
    for who in site.operators:
        as_service = Target("account", service.name)
        yield Grant(as_service, "roles/iam.serviceAccountUser", who, "release: deploy a revision that runs as it")
        as_caller = Target("account", f"{service.name}-job")
        role = "roles/iam.serviceAccountOpenIdTokenCreator"
        yield Grant(as_caller, role, who, "release: ask /version in the name of the job")
    if service.image is None:
        return
    here = Target("service", service.name, service.region)
    yield Grant(here, "roles/run.invoker", caller, f"Cloud Scheduler: POST {service.app.path}")
    for who in service.readers:
        yield Grant(here, "roles/run.invoker", who, "a person: GET /version, /runs")
    for who in site.operators:
        yield Grant(here, _own(site, DEPLOY), who, "release: write a revision and its traffic")


def _of_secrets(site: Site) -> Iterator[Grant]:
    for secret in site.secrets:
        here = Target("secret", secret.name)
        for name in secret.readers:
            role = "roles/secretmanager.secretAccessor"
            yield Grant(here, role, _account(site, name), "a service's start: read the value")
        for name in secret.writers:
            role = "roles/secretmanager.secretVersionAdder"
            yield Grant(here, role, _account(site, name), "a login that was renewed: add a version")


def _of_snapshots(site: Site, job: Snapshots) -> Iterator[Grant]:
    me, caller = _account(site, job.name), _account(site, f"{job.name}-job")
    for bucket in (job.bucket, job.sources):
        yield Grant(
            Target("bucket", bucket), "roles/storage.objectUser", me, "snapshots run: publish, keep pulled prices"
        )
        for who in site.operators:
            yield Grant(
                Target("bucket", bucket), "roles/storage.objectUser", who, "snapshots: publish, prune, job.toml"
            )
    for name in job.readers:
        here = Target("bucket", job.bucket)
        yield Grant(here, "roles/storage.objectViewer", _account(site, name), "a run: read the snapshot")
    secret = Target("secret", f"{job.name}-notify-urls")
    yield Grant(secret, "roles/secretmanager.secretAccessor", me, "the job's start: read NOTIFY_URLS")
    for who in site.operators:
        as_job = Target("account", job.name)
        yield Grant(as_job, "roles/iam.serviceAccountUser", who, "a person: give the job an image")
    if job.image is None:
        return
    here = Target("job", job.name, job.region)
    yield Grant(here, "roles/run.invoker", caller, "Cloud Scheduler: run the job")
    for who in site.operators:
        yield Grant(here, "roles/run.developer", who, "a person: give the job an image, run it")
