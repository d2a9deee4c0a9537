"""What Google's roles allow, as far as requests of the emulators ask for it; patterns as of a shell.

Source: https://cloud.google.com/iam/docs/understanding-roles, read for each role that a project here may give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

__all__ = ["ROLES", "allows"]

_OBJECTS = "storage.objects"
_ACCOUNTS = "iam.serviceAccounts"

ROLES: Mapping[str, tuple[str, ...]] = {
    "roles/owner": ("*",),
    "roles/artifactregistry.admin": ("artifactregistry.*",),
    "roles/artifactregistry.writer": (
        *("artifactregistry.repositories.get", "artifactregistry.repositories.list"),
        *("artifactregistry.repositories.uploadArtifacts", "artifactregistry.repositories.downloadArtifacts"),
    ),
    "roles/cloudscheduler.admin": ("cloudscheduler.*",),
    "roles/iam.roleAdmin": ("iam.roles.*",),
    "roles/iam.serviceAccountAdmin": tuple(
        f"{_ACCOUNTS}.{verb}" for verb in ("create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update")
    ),
    "roles/iam.serviceAccountOpenIdTokenCreator": (f"{_ACCOUNTS}.getOpenIdToken",),
    "roles/iam.serviceAccountTokenCreator": (f"{_ACCOUNTS}.getOpenIdToken", f"{_ACCOUNTS}.getAccessToken"),
    "roles/iam.serviceAccountUser": (f"{_ACCOUNTS}.actAs", f"{_ACCOUNTS}.get", f"{_ACCOUNTS}.list"),
    "roles/logging.configWriter": ("logging.logMetrics.*",),
    "roles/monitoring.editor": ("monitoring.*",),
    "roles/resourcemanager.projectIamAdmin": (
        *("resourcemanager.projects.get", "resourcemanager.projects.getIamPolicy"),
        "resourcemanager.projects.setIamPolicy",
    ),
    "roles/run.admin": ("run.*",),
    "roles/run.developer": (
        *(f"run.services.{verb}" for verb in ("create", "delete", "get", "list", "update")),
        *(f"run.jobs.{verb}" for verb in ("create", "delete", "get", "list", "run", "update")),
        *("run.revisions.*", "run.operations.*", "run.executions.*", "run.configurations.*"),
    ),
    "roles/run.invoker": ("run.routes.invoke", "run.jobs.run"),
    "roles/secretmanager.admin": ("secretmanager.*",),
    "roles/secretmanager.secretAccessor": ("secretmanager.versions.access",),
    "roles/secretmanager.secretVersionAdder": ("secretmanager.versions.add",),
    "roles/serviceusage.serviceUsageAdmin": ("serviceusage.services.*", "serviceusage.operations.*"),
    "roles/storage.admin": ("storage.*",),
    "roles/storage.objectCreator": (f"{_OBJECTS}.create",),
    "roles/storage.objectUser": tuple(f"{_OBJECTS}.{verb}" for verb in ("create", "delete", "get", "list", "update")),
    "roles/storage.objectViewer": (f"{_OBJECTS}.get", f"{_OBJECTS}.list"),
}


def allows(patterns: Iterable[str], permission: str) -> bool:
    """Whether one of some patterns covers a permission."""
    return any(fnmatchcase(permission, pattern) for pattern in patterns)
