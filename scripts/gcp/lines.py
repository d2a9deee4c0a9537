"""The lines of gcloud that make a service, the job of snapshots and what calls them."""

from __future__ import annotations

from gcp.variables import Refused, Service, Site, Snapshots

__all__ = [
    "PREFLIGHT_RETRIES",
    "deploy_job",
    "deploy_service",
    "environment",
    "preflight_path",
    "schedule_job",
    "schedule_preflight",
    "schedule_service",
]

PREFLIGHT_RETRIES = 1

ZONE = "America/New_York"
RUN = "https://run.googleapis.com/v2"
JOB_MEMORY, JOB_TIMEOUT, JOB_DEADLINE, JOB_RETRIES = "2Gi", "900s", "60s", 3


def environment(site: Site, service: Service) -> dict[str, str]:
    """Return the variables of a service's first revision, which sends no order, without its secrets."""
    if service.image is None:
        raise Refused(no_image(service.name, service.app.image_of))
    buckets = {"store": site.store_of(service), "reports": site.reports}
    made = {name: value.format_map(buckets) for name, value in service.app.settings.items()} | dict(service.settings)
    made |= {"CLOUD_RUN_SERVICE": service.name, "IMAGE": service.image, "OIDC_AUDIENCE": service.audience}
    made["OIDC_SERVICE_ACCOUNT"] = site.account(f"{service.name}-job")
    if service.readers:
        made["OIDC_READERS"] = ",".join(reader.partition(":")[2] for reader in service.readers)
    return dict(sorted(made.items()))


def no_image(name: str, app: str) -> str:
    """Return what is said of a service or job that has no image yet."""
    where = "snapshots.image" if app == "snapshot_pipelines" else f"services.{name}.image"
    return (
        f"{name} has no image: run `release apply BUNDLE` with a bundle that ends at images, {app} among its "
        f"platforms; write the digest that `release status BUNDLE` shows as {where}, and run this again"
    )


def deploy_service(site: Site, service: Service) -> list[str]:
    """Return the line that makes a service, or gives it a revision like its first one."""
    variables = "|".join(f"{name}={value}" for name, value in environment(site, service).items())
    secrets = ",".join(f"{name}={reference}" for name, reference in service.secrets.items())
    least, throttling = ("1", "--no-cpu-throttling") if service.app.always_on else ("0", "--cpu-throttling")
    return [
        *("run", "deploy", service.name, "--project", site.project, "--region", service.region),
        *("--image", str(service.image), "--service-account", site.account(service.name)),
        *("--cpu", "1", "--memory", service.app.memory, "--timeout", service.app.timeout, "--concurrency", "1"),
        *("--min-instances", least, "--max-instances", "1", throttling, "--cpu-boost", "--ingress", "all"),
        *(("--args", ",".join(service.app.args)) if service.app.args else ()),
        *("--no-allow-unauthenticated", "--add-custom-audiences", service.audience),
        # A value may have a comma, and a digest or an account an @: none of them has a |.
        *("--set-env-vars", f"^|^{variables}"),
        *(("--set-secrets", secrets) if secrets else ()),
        "--quiet",
    ]


def deploy_job(site: Site, job: Snapshots) -> list[str]:
    """Return the line that makes the job of snapshots."""
    if job.image is None:
        raise Refused(no_image(job.name, "snapshot_pipelines"))
    return [
        *("run", "jobs", "deploy", job.name, "--project", site.project, "--region", job.region, "--image", job.image),
        *("--service-account", site.account(job.name), "--args", "run,--config,/sources/job.toml"),
        *("--cpu", "1", "--memory", JOB_MEMORY, "--task-timeout", JOB_TIMEOUT, "--max-retries", "1", "--tasks", "1"),
        *("--parallelism", "1", "--add-volume", f"name=sources,type=cloud-storage,bucket={job.sources}"),
        *("--add-volume-mount", "volume=sources,mount-path=/sources", "--quiet"),
    ]


def schedule_service(site: Site, service: Service, url: str, verb: str) -> list[str]:
    """Return the line that makes or updates the job that calls a service.

    Parameters
    ----------
    verb
        ``create`` or ``update``.
    """
    retries, caller = service.app.retries, site.account(f"{service.name}-job")
    return [
        *("scheduler", "jobs", verb, "http", f"{service.name}-{service.app.job}", "--project", site.project),
        *("--location", service.region, "--schedule", str(service.schedule), "--time-zone", ZONE),
        *("--uri", f"{url}{service.app.path}", "--http-method", "POST"),
        *("--oidc-service-account-email", caller, "--oidc-token-audience", service.audience),
        *("--attempt-deadline", service.app.timeout, "--max-retry-attempts", str(retries.count)),
        *("--min-backoff", retries.min_backoff, "--max-backoff", retries.max_backoff),
    ]


def schedule_preflight(site: Site, service: Service, url: str, verb: str) -> list[str]:
    """Return the line that makes or updates the job that lets a service look ahead; see `schedule_service`."""
    caller = site.account(f"{service.name}-job")
    return [
        *("scheduler", "jobs", verb, "http", f"{service.name}-preflight", "--project", site.project),
        *("--location", service.region, "--schedule", str(service.preflight), "--time-zone", ZONE),
        *("--uri", f"{url}{preflight_path(service)}", "--http-method", "POST"),
        *("--oidc-service-account-email", caller, "--oidc-token-audience", service.audience),
        *("--attempt-deadline", service.app.timeout, "--max-retry-attempts", str(PREFLIGHT_RETRIES)),
    ]


def preflight_path(service: Service) -> str:
    """Return what a service is asked to look ahead by: the schedule of its runs goes with it."""
    return f"/preflight?schedule={str(service.schedule).replace(' ', '+')}"


def schedule_job(site: Site, job: Snapshots, verb: str) -> list[str]:
    """Return the line that makes or updates the job of Cloud Scheduler that runs the job of snapshots."""
    return [
        *("scheduler", "jobs", verb, "http", f"{job.name}-run", "--project", site.project),
        *("--location", job.region, "--schedule", job.schedule, "--time-zone", ZONE),
        *("--uri", f"{RUN}/projects/{site.project}/locations/{job.region}/jobs/{job.name}:run"),
        *("--http-method", "POST", "--oauth-service-account-email", site.account(f"{job.name}-job")),
        *("--attempt-deadline", JOB_DEADLINE, "--max-retry-attempts", str(JOB_RETRIES)),
    ]
