"""The JSON document of a service: which fields there are, what they may hold, and how an update replaces some of them.

A document that was read here has the JSON names of its fields and the names of enumerations, and no field that holds
its default; so two documents are the same service if they are equal.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from venue_sandbox.cloud.rest import ApiError, invalid, unserved

__all__ = ["HIDDEN", "LATEST", "NAMED", "Document", "masked", "normal", "paths"]

Document = dict[str, Any]
Reader = Callable[[object, str], Any]
"""Reads the value of a field, given its path; None stands for its default."""

HIDDEN = "knative"
"""Where a service and its template keep what only the older of the two APIs shows; clients cannot set it."""

LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
NAMED = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


def text(value: object, path: str) -> str | None:
    """Read a text."""
    if not isinstance(value, str):
        raise invalid(path, value, "it is a text")
    return value or None


def whole(value: object, path: str) -> int | None:
    """Read a whole number, which JSON may have as a text."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value, re.ASCII):
        value = int(value)
    if type(value) is not int:
        raise invalid(path, value, "it is a whole number")
    return value or None


def truth(value: object, path: str) -> bool | None:
    """Read true or false."""
    if type(value) is not bool:
        raise invalid(path, value, "it is true or false")
    return value or None


def kept(value: object, path: str) -> Any:
    """Take what has no meaning here as it is."""
    return value or None


def left_out(value: object, path: str) -> None:
    """Refuse what this server does not do."""
    if value not in (None, "", 0, False, [], {}):
        raise unserved(f"{path} is not served.")


def texts(value: object, path: str) -> dict[str, str] | None:
    """Read texts by their names."""
    if not isinstance(value, dict):
        raise invalid(path, value, "it is a JSON object of texts")
    for name, each in cast(Document, value).items():
        if not isinstance(each, str):
            raise invalid(f"{path}.{name}", each, "it is a text")
    return cast("dict[str, str]", value) or None


def one_of(prefix: str, **numbers: int) -> Reader:
    """Return what reads an enumeration by its names, without or with their prefix, or its numbers."""
    names = {number: prefix + name for name, number in numbers.items()}

    def read(value: object, path: str) -> str | None:
        if value in (0, f"{prefix}UNSPECIFIED"):
            return None
        if type(value) is int and value in names:
            return names[value]
        if value not in names.values():
            raise invalid(path, value, f"it is one of {', '.join(names.values())}")
        return cast(str, value)

    return read


def many(reader: Reader) -> Reader:
    """Return what reads a list."""

    def read(value: object, path: str) -> list[Any] | None:
        if not isinstance(value, list):
            raise invalid(path, value, "it is a list")
        return [reader(each, f"{path}[{n}]") or {} for n, each in enumerate(cast("list[object]", value))] or None

    return read


def message(fields: Mapping[str, Reader], also_empty: frozenset[str] = frozenset()) -> Reader:
    """Return what reads an object.

    Parameters
    ----------
    also_empty
        Fields that are there with an empty value too, such as the value of an environment variable.
    """

    def read(value: object, path: str) -> Document | None:
        if not isinstance(value, dict):
            raise invalid(path, value, "it is a JSON object")
        made: Document = {}
        for key, each in cast(Document, value).items():
            name = _camel(key)
            if name not in fields:
                where = f"Unknown name \"{key}\" at '{path}': Cannot find field."
                raise ApiError(400, "INVALID_ARGUMENT", f"Invalid JSON payload received. {where}")
            found = None if each is None else fields[name](each, f"{path}.{name}")
            if found is not None:
                made[name] = found
            elif name in also_empty and each is not None:
                made[name] = each
        return made or None

    return read


PROBE = message(
    {
        "initialDelaySeconds": whole,
        "timeoutSeconds": whole,
        "periodSeconds": whole,
        "failureThreshold": whole,
        "successThreshold": whole,
        "httpGet": kept,
        "tcpSocket": kept,
        "grpc": kept,
    }
)
SECRET: Mapping[str, Reader] = {"secret": text, "version": text}
VARIABLE: Mapping[str, Reader] = {
    "name": text,
    "value": text,
    "valueSource": message({"secretKeyRef": message(SECRET)}),
}
CONTAINER: Mapping[str, Reader] = {
    "name": text,
    "image": text,
    "command": many(text),
    "args": many(text),
    "env": many(message(VARIABLE, frozenset({"value"}))),
    "resources": message({"limits": texts, "cpuIdle": truth, "startupCpuBoost": truth}),
    "ports": many(message({"name": text, "containerPort": whole})),
    "livenessProbe": PROBE,
    "startupProbe": PROBE,
    "readinessProbe": PROBE,
    "workingDir": left_out,
    "volumeMounts": left_out,
    "dependsOn": left_out,
    "baseImageUri": left_out,
    "sourceCode": left_out,
    "buildInfo": left_out,
}
SCALING: Mapping[str, Reader] = {
    "minInstanceCount": whole,
    "maxInstanceCount": whole,
    "scalingMode": one_of("", AUTOMATIC=1, MANUAL=2),
    "manualInstanceCount": whole,
}
EGRESS = one_of("", ALL_TRAFFIC=1, PRIVATE_RANGES_ONLY=2)
TEMPLATE: Mapping[str, Reader] = {
    "revision": text,
    "labels": texts,
    "annotations": texts,
    "scaling": message({"minInstanceCount": whole, "maxInstanceCount": whole}),
    "vpcAccess": message({"connector": text, "egress": EGRESS, "networkInterfaces": kept}),
    "timeout": text,
    "serviceAccount": text,
    "containers": many(message(CONTAINER)),
    "executionEnvironment": one_of("EXECUTION_ENVIRONMENT_", GEN1=1, GEN2=2),
    "maxInstanceRequestConcurrency": whole,
    "sessionAffinity": truth,
    "healthCheckDisabled": truth,
    "volumes": left_out,
    "encryptionKey": left_out,
    "serviceMesh": left_out,
    "encryptionKeyRevocationAction": left_out,
    "encryptionKeyShutdownDuration": left_out,
    "nodeSelector": left_out,
    "gpuZonalRedundancyDisabled": left_out,
}
TARGET: Mapping[str, Reader] = {
    "type": one_of("TRAFFIC_TARGET_ALLOCATION_TYPE_", LATEST=1, REVISION=2),
    "revision": text,
    "percent": whole,
    "tag": text,
}
SETTABLE: Mapping[str, Reader] = {
    "description": text,
    "labels": texts,
    "annotations": texts,
    "client": text,
    "clientVersion": text,
    "ingress": one_of("INGRESS_TRAFFIC_", ALL=1, INTERNAL_ONLY=2, INTERNAL_LOAD_BALANCER=3, NONE=4),
    "launchStage": one_of("", EARLY_ACCESS=1, ALPHA=2, BETA=3, GA=4, DEPRECATED=5, UNIMPLEMENTED=6, PRELAUNCH=7),
    "template": message(TEMPLATE),
    "traffic": many(message(TARGET)),
    "scaling": message(SCALING),
    "invokerIamDisabled": truth,
    "defaultUriDisabled": truth,
    "customAudiences": many(text),
    "iapEnabled": left_out,
    "binaryAuthorization": left_out,
    "multiRegionSettings": left_out,
    "threatDetectionEnabled": left_out,
    "buildConfig": left_out,
}
OUTPUT_ONLY = frozenset(
    {
        *("name", "uid", "generation", "createTime", "updateTime", "deleteTime", "expireTime", "creator"),
        *("lastModifier", "urls", "observedGeneration", "terminalCondition", "conditions", "latestReadyRevision"),
        *("latestCreatedRevision", "trafficStatuses", "uri", "satisfiesPzs", "reconciling", "etag"),
    }
)
"""What a client may send and has no effect; the etag is looked at by itself."""

DEEP: Mapping[str, Mapping[str, Reader]] = {"template": TEMPLATE, "scaling": SCALING}
SERVICE = message({**SETTABLE, **dict.fromkeys(OUTPUT_ONLY, kept)})


def normal(document: object) -> Document:
    """Return the settable fields of a service's document.

    Raises
    ------
    ApiError
        It is not a service's document, has fields that a service has not, or values that they cannot hold.
    """
    read: Document = SERVICE(document, "service") or {}
    return {name: value for name, value in read.items() if name not in OUTPUT_ONLY}


def paths(mask: str | None) -> list[list[str]] | None:
    """Return the fields that an update mask names; None for all of them.

    Raises
    ------
    ApiError
        A service has no such field, or it is in a field that is replaced as a whole.
    """
    if mask is None or mask.strip() in ("", "*"):
        return None
    found = [[_camel(part) for part in name.strip().split(".")] for name in mask.split(",")]
    for path in found:
        known = SETTABLE if len(path) == 1 else DEEP.get(path[0], {})
        if path[0] not in OUTPUT_ONLY and (len(path) > 2 or path[-1] not in known):
            raise invalid("updateMask", ".".join(path), "a service has no such field, or it is written as a whole")
    return [path for path in found if path[0] not in OUTPUT_ONLY]


def masked(before: Document, after: Document, named: list[list[str]] | None) -> Document:
    """Return a document with the fields that are named taken from another one; with all of them if none are."""
    if named is None:
        return copy.deepcopy(after)
    made = copy.deepcopy(before)
    for path in named:
        here, there = made, after
        for part in path[:-1]:
            here, there = here.setdefault(part, {}), there.get(part, {})
        if path[-1] in there:
            here[path[-1]] = copy.deepcopy(there[path[-1]])
        else:
            here.pop(path[-1], None)
    return {name: value for name, value in made.items() if value != {}}


def _camel(name: str) -> str:
    return re.sub("_([a-z])", lambda found: found[1].upper(), name)
