"""Shows services, revisions and configurations as version 1 does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from venue_sandbox.cloud.run.fields import HIDDEN, LATEST, Document
from venue_sandbox.cloud.run.knative.annotations import OF_RESOURCES, OF_SERVICE, OF_TEMPLATE, Pair
from venue_sandbox.cloud.run.knative.reading import LOCATION, SECRETS
from venue_sandbox.cloud.run.records import Condition, Revision, Service
from venue_sandbox.cloud.run.specs import container
from venue_sandbox.cloud.run.traffic import Target
from venue_sandbox.cloud.values import read_duration, time_text

__all__ = ["API", "SERVICE_LABEL", "configuration", "container_shown", "listed", "revision", "service"]

API = "serving.knative.dev/v1"
SERVICE_LABEL = "serving.knative.dev/service"


def listed(kind: str, items: list[Document], following: str = "") -> Document:
    """Return a list, with the token of the next page if there is one."""
    return {
        "apiVersion": API,
        "kind": f"{kind}List",
        "metadata": {"continue": following} if following else {},
        "items": items,
    }


def service(one: Service) -> Document:
    """Return a service."""
    targets = [_status(target, one.tags.get(target.tag)) for target in one.targets]
    status = {
        "observedGeneration": one.observed,
        "conditions": _conditions(
            one.changed, Ready=one.ready, ConfigurationsReady=one.configurations, RoutesReady=one.routes
        ),
        "latestCreatedRevisionName": one.latest_created,
        "latestReadyRevisionName": one.latest_ready,
        "traffic": targets,
        "url": one.uri,
        "address": {"url": one.uri},
    }
    return {
        "apiVersion": API,
        "kind": "Service",
        "metadata": _metadata(one),
        "spec": {
            "template": _template(one.spec["template"], one.project),
            "traffic": [_target(target) for target in one.spec["traffic"]],
        },
        "status": {name: value for name, value in status.items() if value != ""},
    }


def configuration(one: Service) -> Document:
    """Return the configuration of a service: what its revisions are made of."""
    return {
        "apiVersion": API,
        "kind": "Configuration",
        "metadata": {**_metadata(one), "labels": {SERVICE_LABEL: one.id, LOCATION: one.location.split("/")[3]}},
        "spec": {"template": _template(one.spec["template"], one.project)},
        "status": {
            "observedGeneration": one.observed,
            "conditions": _conditions(one.changed, Ready=one.configurations),
            "latestCreatedRevisionName": one.latest_created,
            "latestReadyRevisionName": one.latest_ready,
        },
    }


def revision(one: Revision, *, active: bool) -> Document:
    """Return a revision.

    Parameters
    ----------
    active
        Whether requests may go to it.
    """
    _, project, _, location, _, owner, _, _ = one.name.split("/")
    made = _template(one.template, project)
    labels = {**made["metadata"].get("labels", {}), SERVICE_LABEL: owner, LOCATION: location}
    labels["serving.knative.dev/configuration"] = owner
    image = container(one.template)["image"]
    return {
        "apiVersion": API,
        "kind": "Revision",
        "metadata": {
            "name": one.id,
            "namespace": project,
            "uid": one.uid,
            "generation": 1,
            "resourceVersion": one.version,
            "creationTimestamp": time_text(one.created),
            "labels": labels,
            "annotations": {**made["metadata"].get("annotations", {}), "serving.knative.dev/creator": one.creator},
            "ownerReferences": [
                {"apiVersion": API, "kind": "Configuration", "name": owner, "controller": True, "uid": one.uid}
            ],
        },
        "spec": made["spec"],
        "status": {
            "observedGeneration": 1,
            "conditions": _conditions(
                one.changed,
                Ready=one.condition,
                ContainerHealthy=one.condition,
                ResourcesAvailable=one.condition,
                Active=Condition(ready=active),
            ),
            "logUrl": one.document()["logUri"],
            **({"imageDigest": image} if "@" in image else {}),
        },
    }


def _metadata(one: Service) -> Document:
    annotations = {
        **one.spec.get("annotations", {}),
        **one.spec.get(HIDDEN, {}),
        **_annotations(one.spec, OF_SERVICE),
        "serving.knative.dev/creator": one.creator,
        "serving.knative.dev/lastModifier": one.modifier,
        "run.googleapis.com/urls": json.dumps([one.uri]),
    }
    annotations["run.googleapis.com/ingress-status"] = annotations["run.googleapis.com/ingress"]
    return {
        "name": one.id,
        "namespace": one.project,
        "selfLink": f"/apis/{API}/namespaces/{one.project}/services/{one.id}",
        "uid": one.uid,
        "resourceVersion": one.version,
        "generation": one.generation,
        "creationTimestamp": time_text(one.created),
        "labels": {**one.spec.get("labels", {}), LOCATION: one.location.split("/")[3]},
        "annotations": annotations,
    }


def _annotations(document: Document, pairs: Collection[Pair]) -> dict[str, str]:
    found = {pair.annotation: (pair, pair.find(document)) for pair in pairs}
    return {name: pair.show(value) for name, (pair, value) in found.items() if value is not None}


def _template(template: Document, project: str) -> Document:
    aliases: dict[str, str] = {}
    containers = [container_shown(each, project, aliases) for each in template["containers"]]
    annotations = {
        **template.get("annotations", {}),
        **template.get(HIDDEN, {}),
        **_annotations(template, OF_TEMPLATE),
        **_annotations(container(template), OF_RESOURCES),
    }
    if aliases:
        annotations[SECRETS] = ",".join(f"{alias}:{secret}" for alias, secret in aliases.items())
    metadata: dict[str, Any] = {
        "name": template.get("revision", ""),
        "labels": template.get("labels", {}),
        "annotations": annotations,
    }
    return {
        "metadata": {name: value for name, value in metadata.items() if value},
        "spec": {
            "containerConcurrency": template["maxInstanceRequestConcurrency"],
            "timeoutSeconds": int(read_duration("timeout", template["timeout"])),
            "serviceAccountName": template["serviceAccount"],
            "containers": containers,
        },
    }


def container_shown(one: Document, project: str, aliases: dict[str, str]) -> Document:
    """Return a container in the words of version 1.

    Parameters
    ----------
    aliases
        Takes up the full names of secrets of other projects, by what the container calls them.
    """
    made = {**one, "resources": {"limits": one["resources"]["limits"]}}
    if "env" in one:
        made["env"] = [_variable(variable, project, aliases) for variable in one["env"]]
    return made


def _variable(one: Document, project: str, aliases: dict[str, str]) -> Document:
    if "valueSource" not in one:
        return {"name": one["name"], "value": one.get("value", "")}
    reference = one["valueSource"]["secretKeyRef"]
    secret: str = reference["secret"]
    own = f"projects/{project}/secrets/"
    if secret.startswith(own):
        secret = secret.removeprefix(own)
    elif "/" in secret:
        alias = f"secret-{hashlib.sha256(secret.encode()).hexdigest()[:12]}"
        aliases[alias], secret = secret, alias
    return {
        "name": one["name"],
        "valueFrom": {"secretKeyRef": {"name": secret, "key": reference.get("version", "latest")}},
    }


def _target(one: Document) -> Document:
    made: Document = {name: one[name] for name in ("percent", "tag") if name in one}
    if one.get("type") == LATEST:
        return {**made, "latestRevision": True}
    return {**made, "revisionName": one["revision"]}


def _status(target: Target, url: str | None) -> Document:
    made: Document = {"revisionName": target.revision}
    if target.percent:
        made["percent"] = target.percent
    if target.latest:
        made["latestRevision"] = True
    return {**made, "tag": target.tag, "url": url} if target.tag else made


def _conditions(at: datetime, **standing: Condition) -> list[Document]:
    words = {True: "True", False: "False", None: "Unknown"}
    made: list[Document] = []
    for kind, one in standing.items():
        shown: Document = {"type": kind, "status": words[one.ready], "lastTransitionTime": time_text(at)}
        if one.message:
            shown.update(message=one.message, reason=_camel(one.reason))
        made.append({**shown, "severity": "Info"} if kind == "Active" else shown)
    return made


def _camel(reason: str) -> str:
    return "".join(part.capitalize() for part in reason.split("_"))
