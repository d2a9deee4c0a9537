"""The requests of all the APIs of a project."""

from __future__ import annotations

import sqlite3

from aiohttp import web

from venue_sandbox.cloud.accounts import account_name, project_of
from venue_sandbox.cloud.enforcing import Needed, enforcing
from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.project.artifacts import ArtifactsApi
from venue_sandbox.cloud.project.iam import IamApi
from venue_sandbox.cloud.project.observing import ObservingApi
from venue_sandbox.cloud.project.shelf import Shelf
from venue_sandbox.cloud.project.usage import UsageApi
from venue_sandbox.cloud.rest import errors_as, refuse
from venue_sandbox.servers.control import control_routes, faulty
from venue_sandbox.servers.faults import FaultBook

__all__ = ["NUMBER", "application"]

LONGEST_BODY = 1 << 20
PERMISSIONS = {
    **{"list_services": "serviceusage.services.list", "get_service": "serviceusage.services.get"},
    **{"enable": "serviceusage.services.enable", "enable_one": "serviceusage.services.enable"},
    "project": "resourcemanager.projects.get",
    "get_project_policy": "resourcemanager.projects.getIamPolicy",
    "set_project_policy": "resourcemanager.projects.setIamPolicy",
    **{f"{verb}_account": f"iam.serviceAccounts.{verb}" for verb in ("create", "get", "delete")},
    **{"list_accounts": "iam.serviceAccounts.list", "get_account_policy": "iam.serviceAccounts.getIamPolicy"},
    "set_account_policy": "iam.serviceAccounts.setIamPolicy",
    **{f"{verb}_role": f"iam.roles.{verb}" for verb in ("create", "get", "update")},
    "list_roles": "iam.roles.list",
    **{f"{verb}_repository": f"artifactregistry.repositories.{verb}" for verb in ("create", "get", "update")},
    "list_repositories": "artifactregistry.repositories.list",
    "get_repository_policy": "artifactregistry.repositories.getIamPolicy",
    "set_repository_policy": "artifactregistry.repositories.setIamPolicy",
    **{f"{verb}_metric": f"logging.logMetrics.{verb}" for verb in ("create", "get", "update")},
    "list_metrics": "logging.logMetrics.list",
    **{
        "list_channels": "monitoring.notificationChannels.list",
        "create_channel": "monitoring.notificationChannels.create",
    },
    **{f"{verb}_alert": f"monitoring.alertPolicies.{verb}" for verb in ("create", "get", "update")},
    "list_alerts": "monitoring.alertPolicies.list",
    **{f"{verb}_dashboard": f"monitoring.dashboards.{verb}" for verb in ("create", "get", "update")},
    "list_dashboards": "monitoring.dashboards.list",
}
"""What operations take."""
NUMBER = "100000000001"
"""The number of every project."""


def application(database: sqlite3.Connection, kept_to: Policies | None = None) -> web.Application:
    """Return the service over what it remembers; with policies it keeps to them."""
    book, shelf, policies = FaultBook(), Shelf(database), kept_to or Policies(database)
    middlewares = [
        faulty(book, _operation, refuse),
        errors_as(f"A request has {LONGEST_BODY} bytes at most."),
        enforcing(kept_to, _needs),
    ]
    made = web.Application(middlewares=middlewares, client_max_size=LONGEST_BODY)
    made.add_routes(control_routes(book))
    for api in (
        UsageApi(shelf, policies, NUMBER),
        IamApi(shelf, policies),
        ArtifactsApi(shelf, policies),
        ObservingApi(shelf, NUMBER),
    ):
        made.add_routes(api.routes())
    return made


async def _needs(request: web.Request) -> list[Needed]:
    """Return what a request takes: the policy of an account or a repository may give it, too."""
    found = request.match_info
    permission, project = PERMISSIONS.get(_operation(request)), f"projects/{found.get('project', '')}"
    if permission is None:
        return []
    if "account" in found:
        return [Needed(permission, (account_name(found["account"]), f"projects/{project_of(found['account'])}"))]
    if "repository" in found:
        return [Needed(permission, (f"{project}/locations/*/repositories/{found['repository']}", project))]
    return [Needed(permission, (project,))]


def _operation(request: web.Request) -> str:
    return request.match_info.route.name or "unknown"
