"""What a service is given that its owner left out, and what it must be."""

from __future__ import annotations

import copy
import re
from typing import Any

from venue_sandbox.cloud.rest import ApiError, invalid, unserved
from venue_sandbox.cloud.run.fields import LATEST, Document
from venue_sandbox.cloud.values import read_duration

__all__ = ["check_names", "check_template", "container", "filled"]

IDENTITY = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", re.ASCII)
REVISION = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
VARIABLE = re.compile(r"[^\s=\x00]+")
RESERVED = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
PORT = 8080
CONCURRENCY = 80
TIMEOUT = "300s"
LONGEST_TIMEOUT = 3600.0


def container(template: Document) -> Document:
    """Return the container of a template."""
    return template["containers"][0]


def filled(spec: Document, project: str) -> Document:
    """Return what a service is, given what its owner wrote."""
    made: dict[str, Any] = {"ingress": "INGRESS_TRAFFIC_ALL", "launchStage": "GA", **copy.deepcopy(spec)}
    made.setdefault("traffic", [{"type": LATEST, "percent": 100}])
    template: dict[str, Any] = made.setdefault("template", {})
    template.setdefault("timeout", TIMEOUT)
    template.setdefault("serviceAccount", f"{project}-compute@developer.gserviceaccount.com")
    template.setdefault("maxInstanceRequestConcurrency", CONCURRENCY)
    for each in template.get("containers", []):
        each.setdefault("ports", [{"name": "http1", "containerPort": PORT}])
        each.setdefault("resources", {}).setdefault("limits", {"cpu": "1000m", "memory": "512Mi"})
    return made


def check_names(identity: str, revision: str | None) -> None:
    """Raise `ApiError` unless a service, and the revision that it names, may be called so."""
    if not IDENTITY.fullmatch(identity):
        rule = "it has 49 small letters, digits and hyphens at most, begins with a letter and ends with no hyphen"
        raise invalid("serviceId", identity, rule)
    if revision is None:
        return
    if not revision.startswith(f"{identity}-"):
        raise invalid("template.revision", revision, f"the name of a revision begins with {identity}-")
    if not REVISION.fullmatch(revision):
        raise invalid("template.revision", revision, "it has 63 small letters, digits and hyphens at most")


def check_template(template: Document) -> None:
    """Raise `ApiError` unless a revision can be made of a template."""
    containers = template.get("containers", [])
    if len(containers) != 1:
        if containers:
            raise unserved("More than one container is not served.")
        raise ApiError(400, "INVALID_ARGUMENT", "template.containers is empty: a revision needs one container.")
    if not container(template).get("image"):
        raise ApiError(400, "INVALID_ARGUMENT", "template.containers[0].image is missing.")
    seconds = read_duration("template.timeout", template["timeout"])
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise invalid("template.timeout", template["timeout"], f"it is longer than 0s and {LONGEST_TIMEOUT:g}s at most")
    _check_env(container(template).get("env", []))


def _check_env(env: list[Document]) -> None:
    names = [variable.get("name", "") for variable in env]
    if reserved := sorted(RESERVED.intersection(names)):
        where = "spec.template.spec.containers[0].env: The following reserved env names were provided"
        message = f"{where}: {', '.join(reserved)}. These values are automatically set by the system."
        raise ApiError(400, "INVALID_ARGUMENT", message)
    for place, variable in enumerate(env):
        path, name = f"template.containers[0].env[{place}]", names[place]
        if not VARIABLE.fullmatch(name):
            raise invalid(f"{path}.name", name, "it has no space and no =, and is not empty")
        if names.index(name) != place:
            raise invalid(f"{path}.name", name, "each name is there once")
        if "\0" in variable.get("value", ""):
            raise invalid(f"{path}.value", variable["value"], "it has no zero byte")
        if "value" in variable and "valueSource" in variable:
            raise invalid(path, name, "a variable has a value or a secret, not both")
        if "valueSource" in variable and not variable["valueSource"].get("secretKeyRef", {}).get("secret"):
            raise invalid(f"{path}.valueSource.secretKeyRef.secret", "", "it names a secret")
