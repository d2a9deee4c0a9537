"""What stands before any service does: APIs, accounts, roles, repository, buckets, secrets, and who may do what."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from gcp.grants import ROLES, Grant, Role, Target, grants
from gcp.needs import Call, Need, Words, holds, names
from gcp.variables import Bucket, Refused, Site

__all__ = ["APIS", "apis", "foundation", "given"]

APIS = tuple(
    f"{name}.googleapis.com"
    for name in (
        *("artifactregistry", "billingbudgets", "cloudresourcemanager", "cloudscheduler", "iam", "iamcredentials"),
        *("logging", "monitoring", "run", "secretmanager", "serviceusage", "storage"),
    )
)
DAY = 86_400
SOFT_DELETE = 90 * DAY
"""For how long what is deleted for good can be had back; Cloud Storage keeps it no longer."""

ADMINS = {
    "project": "roles/resourcemanager.projectIamAdmin",
    "repository": "roles/artifactregistry.admin",
    "bucket": "roles/storage.admin",
    "secret": "roles/secretmanager.admin",
    "account": "roles/iam.serviceAccountAdmin",
    "service": "roles/run.admin",
    "job": "roles/run.admin",
}
"""What whoever gives roles on a resource needs, by what it is."""


def apis(site: Site) -> Need:
    """Return the APIs of the project."""

    def missing(found: Sequence[Any]) -> list[Call]:
        left = sorted(set(APIS) - set(names(found[0], "config.name")))
        return [Call(("services", "enable", *left, "--project", site.project))] if left else []

    reads = (("services", "list", "--enabled", "--project", site.project),)
    return Need("APIs", "roles/serviceusage.serviceUsageAdmin", reads, missing)


def foundation(site: Site) -> list[Need]:
    """Return what needs nothing but the APIs."""
    made = [_accounts(site), _repository(site), _secrets(site)]
    made += [_bucket(site, bucket, first=n == 0) for n, bucket in enumerate(site.buckets)]
    return made + [_role(site, role) for role in ROLES]


def given(site: Site, *kinds: str) -> list[Need]:
    """Return the roles that are given on resources of some kinds, a need for each resource."""
    found: dict[Target, list[Grant]] = {}
    for grant in grants(site):
        if grant.target.kind in kinds:
            found.setdefault(grant.target, []).append(grant)
    return [_policy(site, target, wanted) for target, wanted in sorted(found.items())]


def _accounts(site: Site) -> Need:
    wanted = {each.name: f"Runs {each.name}" for each in site.services}
    wanted |= {f"{each.name}-job": f"Triggers {each.name}" for each in site.services}
    if site.snapshots is not None:
        wanted[site.snapshots.name] = "Builds and publishes feature snapshots"
        wanted[f"{site.snapshots.name}-job"] = f"Runs the job {site.snapshots.name}"

    def missing(found: Sequence[Any]) -> list[Call]:
        there = names(found[0], "email")
        create = ("iam", "service-accounts", "create")
        return [
            Call((*create, name, "--display-name", text, "--project", site.project))
            for name, text in wanted.items()
            if site.account(name) not in there
        ]

    reads = (("iam", "service-accounts", "list", "--project", site.project),)
    return Need("service accounts", "roles/iam.serviceAccountAdmin", reads, missing)


def _repository(site: Site) -> Need:
    name, region = site.repository
    place = ("--location", region, "--project", site.project)

    def missing(found: Sequence[Any]) -> list[Call]:
        one = found[0]
        if one is None:
            form = ("--repository-format", "docker", "--immutable-tags")
            return [Call(("artifacts", "repositories", "create", name, *place, *form))]
        if not holds(one, {"dockerConfig": {"immutableTags": True}}):
            return [Call(("artifacts", "repositories", "update", name, *place, "--immutable-tags"))]
        return []

    reads = (("artifacts", "repositories", "describe", name, *place),)
    return Need(f"repository {name}", "roles/artifactregistry.admin", reads, missing)


def _secrets(site: Site) -> Need:
    wanted = [each.name for each in site.secrets]
    if site.snapshots is not None:
        wanted.append(f"{site.snapshots.name}-notify-urls")

    def missing(found: Sequence[Any]) -> list[Call]:
        there = names(found[0], "name")
        create = ("secrets", "create")
        form = ("--replication-policy", "automatic", "--project", site.project)
        return [Call((*create, name, *form)) for name in wanted if name not in there]

    return Need("secrets", "roles/secretmanager.admin", (("secrets", "list", "--project", site.project),), missing)


def _bucket(site: Site, bucket: Bucket, *, first: bool) -> Need:
    """Return a bucket. What is replaced in it stays as a version, and what is deleted for good can be had back.

    The leases of the ledger are rewritten every minute: it has no retention period, which would forbid that.
    """
    address = f"gs://{bucket.name}"
    period = f"{bucket.days * DAY}s"
    wanted: dict[str, Any] = {
        "iamConfiguration": {"publicAccessPrevention": "enforced", "uniformBucketLevelAccess": {"enabled": True}},
        "softDeletePolicy": {"retentionDurationSeconds": str(SOFT_DELETE)},
        "versioning": {"enabled": True},
    }
    if bucket.days:
        wanted["retentionPolicy"] = {"retentionPeriod": str(bucket.days * DAY)}
    kept = ("--retention-period", period) if bucket.days else ()
    safe = ("--uniform-bucket-level-access", "--public-access-prevention", "--soft-delete-duration", f"{SOFT_DELETE}s")
    update = Call(("storage", "buckets", "update", address, "--versioning", *kept, *safe))

    def missing(found: Sequence[Any]) -> list[Call]:
        one = found[0]
        if one is None:
            where = ("--project", site.project, "--location", bucket.location)
            create = Call(("storage", "buckets", "create", address, *where, *kept, *safe))
            return [create, Call(("storage", "buckets", "update", address, "--versioning"))]
        if one["location"].lower() != bucket.location.lower():
            there = one["location"]
            raise Refused(f"{address} is in {there}, not in {bucket.location}; a bucket never moves: name another one")
        if first and one.get("retentionPolicy"):
            raise Refused(
                f"{address} has a retention period, so that no lease in it can be renewed; take it away: "
                f"gcloud storage buckets update {address} --clear-retention-period"
            )
        return [] if holds(one, wanted) else [update]

    reads = (("storage", "buckets", "describe", address, "--raw"),)
    return Need(f"bucket {bucket.name}", "roles/storage.admin", reads, missing)


def _role(site: Site, role: Role) -> Need:
    place = ("--project", site.project)
    allowed = ("--permissions", ",".join(role.permissions))

    def missing(found: Sequence[Any]) -> list[Call]:
        one = found[0]
        if one is None:
            more = ("--title", role.title, *allowed, "--stage", "GA")
            return [Call(("iam", "roles", "create", role.name, *place, *more))]
        if sorted(one.get("includedPermissions", [])) != sorted(role.permissions):
            return [Call(("iam", "roles", "update", role.name, *place, *allowed))]
        return []

    reads = (("iam", "roles", "describe", role.name, *place),)
    return Need(f"role {role.name}", "roles/iam.roleAdmin", reads, missing)


def _policy(site: Site, target: Target, wanted: Sequence[Grant]) -> Need:
    group, name, place = _addressed(site, target)

    def missing(found: Sequence[Any]) -> list[Call]:
        bindings = (found[0] or {}).get("bindings") or []
        there = {(one["role"], member) for one in bindings for member in one["members"]}
        return [_bind(group, name, place, each) for each in wanted if (each.role, each.member) not in there]

    reads = ((*group, "get-iam-policy", name, *place),)
    return Need(f"roles on {target.kind} {target.name}", ADMINS[target.kind], reads, partial(missing))


def _bind(group: Words, name: str, place: Words, grant: Grant) -> Call:
    condition = ("--condition", "None") if grant.target.kind == "project" else ()
    words = (*group, "add-iam-policy-binding", name, *place, "--member", grant.member, "--role", grant.role, *condition)
    return Call(words, f"{grant.member} lacks {grant.role} on {grant.target.kind} {grant.target.name}: {grant.call}")


def _addressed(site: Site, target: Target) -> tuple[Words, str, Words]:
    """Return how gcloud calls a resource: the group of its commands, its name, and where it is."""
    project = ("--project", site.project)
    match target.kind:
        case "project":
            return ("projects",), target.name, ()
        case "repository":
            return ("artifacts", "repositories"), target.name, ("--location", target.place, *project)
        case "bucket":
            return ("storage", "buckets"), f"gs://{target.name}", ()
        case "secret":
            return ("secrets",), target.name, project
        case "account":
            return ("iam", "service-accounts"), site.account(target.name), project
        case "service":
            return ("run", "services"), target.name, ("--region", target.place, *project)
        case _:
            return ("run", "jobs"), target.name, ("--region", target.place, *project)
