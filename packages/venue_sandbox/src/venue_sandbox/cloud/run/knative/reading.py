"""Reads a service of version 1 into the document of version 2."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, cast

from venue_sandbox.cloud.rest import ApiError, invalid, unserved
from venue_sandbox.cloud.run.fields import HIDDEN, LATEST, NAMED, Document, normal
from venue_sandbox.cloud.run.knative.annotations import OF_RESOURCES, OF_SERVICE, OF_TEMPLATE, Pair, is_system

__all__ = ["LOCATION", "OUTPUT_ONLY", "SECRETS", "aliases_of", "container_of", "items", "members", "read"]

LOCATION = "cloud.googleapis.com/location"
SECRETS = "run.googleapis.com/secrets"
OUTPUT_ONLY = frozenset(
    {
        *("serving.knative.dev/creator", "serving.knative.dev/lastModifier", "run.googleapis.com/ingress-status"),
        *("run.googleapis.com/operation-id", "run.googleapis.com/urls"),
    }
)
"""Annotations that the server sets."""


def read(document: object) -> Document:
    """Return the document of version 2 that a service of version 1 is.

    Raises
    ------
    ApiError
        It is not a service, or has fields that are not served.
    """
    service = members(document, "service", {"apiVersion", "kind", "metadata", "spec", "status"})
    metadata = members(service.get("metadata"), "metadata", None)
    spec = members(service.get("spec"), "spec", {"template", "traffic"})
    made, hidden = _annotated(metadata, OF_SERVICE)
    labels = {name: value for name, value in members(metadata.get("labels"), "labels", None).items()}
    labels.pop(LOCATION, None)
    template, of_template = _template(members(spec.get("template"), "spec.template", {"metadata", "spec"}))
    traffic = [_target(each, f"spec.traffic[{n}]") for n, each in enumerate(items(spec, "traffic"))]
    read_so_far = {**made, "labels": labels, "template": template}
    found = normal({**read_so_far, "traffic": traffic} if traffic else read_so_far)
    if hidden:
        found[HIDDEN] = hidden
    if of_template:
        found.setdefault("template", {})[HIDDEN] = of_template
    return found


def _annotated(metadata: Document, pairs: Collection[Pair]) -> tuple[Document, dict[str, str]]:
    """Return the fields that annotations are, and the annotations that only version 1 has."""
    left = dict(members(metadata.get("annotations"), "annotations", None))
    made: Document = {}
    for pair in pairs:
        try:
            value = pair.read(left[pair.annotation]) if pair.annotation in left else None
        except ValueError as error:
            raise invalid(pair.annotation, left[pair.annotation], f"it is JSON: {error}") from error
        if value is not None:
            pair.put(made, value)
            del left[pair.annotation]
    own = {name: value for name, value in left.items() if not is_system(name)}
    hidden = {name: value for name, value in left.items() if is_system(name) and name not in OUTPUT_ONLY}
    return {**made, "annotations": own} if own else made, hidden


def _template(template: Document) -> tuple[Document, dict[str, str]]:
    metadata = members(template.get("metadata"), "spec.template.metadata", None)
    served = {"containerConcurrency", "containers", "serviceAccountName", "timeoutSeconds", "volumes", "nodeSelector"}
    spec = members(template.get("spec"), "spec.template.spec", served | {"enableServiceLinks", "runtimeClassName"})
    for name in ("volumes", "nodeSelector", "runtimeClassName"):
        if spec.get(name):
            raise unserved(f"spec.template.spec.{name} is not served.")
    made, hidden = _annotated(metadata, OF_TEMPLATE)
    aliases = aliases_of(hidden.pop(SECRETS, ""))
    containers = [container_of(each, n, aliases) for n, each in enumerate(items(spec, "containers"))]
    for pair in OF_RESOURCES:
        value = pair.read(hidden[pair.annotation]) if pair.annotation in hidden and containers else None
        if value is not None:
            pair.put(containers[0], value)
            del hidden[pair.annotation]
    made.update(
        revision=metadata.get("name") or "",
        labels=members(metadata.get("labels"), "labels", None),
        maxInstanceRequestConcurrency=spec.get("containerConcurrency", 0),
        serviceAccount=spec.get("serviceAccountName", ""),
        containers=containers,
    )
    if spec.get("timeoutSeconds"):
        made["timeout"] = f"{spec['timeoutSeconds']}s"
    return made, hidden


def container_of(value: object, place: int, aliases: dict[str, str]) -> Document:
    """Return a container in the words of version 2.

    Parameters
    ----------
    aliases
        The full names of secrets of other projects; see `aliases_of`.
    """
    path = f"spec.template.spec.containers[{place}]"
    made = dict(members(value, path, None))
    made["env"] = [_variable(each, f"{path}.env[{n}]", aliases) for n, each in enumerate(items(made, "env"))]
    if resources := dict(members(made.get("resources"), f"{path}.resources", {"limits", "requests"})):
        if resources.pop("requests", None):
            raise unserved(f"{path}.resources.requests is not served.")
        made["resources"] = resources
    made["ports"] = [
        {name: value for name, value in members(each, f"{path}.ports", None).items() if name != "protocol"}
        for each in items(made, "ports")
    ]
    return made


def _variable(value: object, path: str, aliases: dict[str, str]) -> Document:
    variable = members(value, path, {"name", "value", "valueFrom"})
    name = variable.get("name", "")
    source = members(variable.get("valueFrom"), f"{path}.valueFrom", {"secretKeyRef"}).get("secretKeyRef")
    if source is None:
        return {"name": name, "value": variable.get("value", "")}
    reference = members(source, f"{path}.valueFrom.secretKeyRef", {"name", "key", "optional"})
    secret = str(reference.get("name", ""))
    key = {"secret": aliases.get(secret, secret), "version": reference.get("key", "latest")}
    return {"name": name, "valueSource": {"secretKeyRef": key}}


def aliases_of(text: str) -> dict[str, str]:
    """Return the full names of secrets of other projects, by what a template calls them."""
    made: dict[str, str] = {}
    for entry in filter(None, text.split(",")):
        alias, colon, secret = entry.partition(":")
        if not colon:
            raise invalid(SECRETS, text, "it is names and secrets, such as alias:projects/P/secrets/S")
        made[alias.strip()] = re.sub(r"/versions/[^/]*$", "", secret.strip())
    return made


def _target(value: object, path: str) -> Document:
    target = members(value, path, {"latestRevision", "revisionName", "percent", "tag", "url", "configurationName"})
    made: Document = {"percent": target.get("percent") or 0, "tag": target.get("tag") or ""}
    if target.get("latestRevision"):
        return {**made, "type": LATEST}
    return {**made, "type": NAMED, "revision": target.get("revisionName") or ""}


def members(value: object, path: str, known: set[str] | None) -> Document:
    """Return a JSON object, empty if it is left out; refuse fields that are not known, if any are named."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(path, value, "it is a JSON object")
    made = cast(Document, value)
    if known is not None and (unknown := sorted(set(made) - known)):
        message = f"Invalid JSON payload received. Unknown name \"{unknown[0]}\" at '{path}': Cannot find field."
        raise ApiError(400, "INVALID_ARGUMENT", message)
    return made


def items(document: Document, name: str) -> list[Any]:
    """Return a field that is a list, empty if it is left out."""
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(name, json.dumps(value), "it is a list")
    return cast("list[Any]", value)
