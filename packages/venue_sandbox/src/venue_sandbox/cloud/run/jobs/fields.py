"""The document of a job in version 2 of the API: which fields there are, and what they may hold."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from venue_sandbox.cloud.rest import ApiError, invalid, unserved
from venue_sandbox.cloud.run.fields import (
    CONTAINER,
    EGRESS,
    Document,
    Reader,
    kept,
    left_out,
    many,
    message,
    one_of,
    text,
    texts,
    truth,
    whole,
)
from venue_sandbox.cloud.run.specs import container
from venue_sandbox.cloud.values import read_duration

__all__ = ["filled", "normal"]

MOST_TASKS = 1
MOST_RETRIES = 10
LONGEST_TIMEOUT = 168 * 3600.0
USUAL_RETRIES, USUAL_TIMEOUT = 3, "600s"
MOUNTS: Mapping[str, Reader] = {"volumeMounts": many(message({"name": text, "mountPath": text, "subPath": text}))}
VOLUME: Mapping[str, Reader] = {
    "name": text,
    "gcs": message({"bucket": text, "readOnly": truth, "mountOptions": many(text)}),
    "secret": left_out,
    "nfs": left_out,
    "emptyDir": left_out,
    "cloudSqlInstance": left_out,
}
TASK: Mapping[str, Reader] = {
    "containers": many(message({**CONTAINER, **MOUNTS})),
    "volumes": many(message(VOLUME)),
    "maxRetries": kept,
    "timeout": text,
    "serviceAccount": text,
    "executionEnvironment": one_of("EXECUTION_ENVIRONMENT_", GEN1=1, GEN2=2),
    "vpcAccess": message({"connector": text, "egress": EGRESS, "networkInterfaces": kept}),
    "encryptionKey": left_out,
    "nodeSelector": left_out,
}
EXECUTION: Mapping[str, Reader] = {
    "labels": texts,
    "annotations": texts,
    "parallelism": whole,
    "taskCount": whole,
    "template": message(TASK, frozenset({"maxRetries"})),
}
SETTABLE: Mapping[str, Reader] = {
    "labels": texts,
    "annotations": texts,
    "client": text,
    "clientVersion": text,
    "launchStage": one_of("", EARLY_ACCESS=1, ALPHA=2, BETA=3, GA=4, DEPRECATED=5, UNIMPLEMENTED=6, PRELAUNCH=7),
    "template": message(EXECUTION),
    "binaryAuthorization": left_out,
    "startExecutionToken": left_out,
    "runExecutionToken": left_out,
}
OUTPUT_ONLY = frozenset(
    {
        *("name", "uid", "generation", "createTime", "updateTime", "deleteTime", "expireTime", "creator"),
        *("lastModifier", "observedGeneration", "terminalCondition", "conditions", "executionCount"),
        *("latestCreatedExecution", "reconciling", "satisfiesPzs", "etag"),
    }
)
JOB = message({**SETTABLE, **dict.fromkeys(OUTPUT_ONLY, kept)})


def normal(document: object) -> Document:
    """Return the settable fields of a job's document.

    Raises
    ------
    ApiError
        It is not a job's document, has fields that a job has not, or values that they cannot hold.
    """
    read: Document = JOB(document, "job") or {}
    return {name: value for name, value in read.items() if name not in OUTPUT_ONLY}


def filled(spec: Document, project: str) -> Document:
    """Return what a job is, given what its owner wrote; `ApiError` if it cannot be one."""
    made: dict[str, Any] = {"launchStage": "GA", **copy.deepcopy(spec)}
    execution: dict[str, Any] = made.setdefault("template", {})
    task: dict[str, Any] = execution.setdefault("template", {})
    execution.setdefault("taskCount", 1)
    task.setdefault("maxRetries", USUAL_RETRIES)
    task.setdefault("timeout", USUAL_TIMEOUT)
    task.setdefault("serviceAccount", f"{project}-compute@developer.gserviceaccount.com")
    _check(execution, task)
    for each in task["containers"]:
        each.setdefault("resources", {}).setdefault("limits", {"cpu": "1000m", "memory": "512Mi"})
    return made


def _check(execution: Document, task: Document) -> None:
    if execution["taskCount"] != MOST_TASKS:
        raise unserved("template.taskCount is not served but for 1.")
    containers = task.get("containers", [])
    if len(containers) != 1:
        raise ApiError(400, "INVALID_ARGUMENT", f"template.template.containers has {len(containers)}: a job has one.")
    if not container(task).get("image"):
        raise ApiError(400, "INVALID_ARGUMENT", "template.template.containers[0].image is missing.")
    if type(task["maxRetries"]) is not int or not 0 <= task["maxRetries"] <= MOST_RETRIES:
        raise invalid("template.template.maxRetries", task["maxRetries"], f"it is from 0 to {MOST_RETRIES}")
    seconds = read_duration("template.template.timeout", task["timeout"])
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise invalid(
            "template.template.timeout", task["timeout"], f"it is longer than 0s, {LONGEST_TIMEOUT:g}s at most"
        )
    volumes = {each.get("name") for each in task.get("volumes", [])}
    for mount in container(task).get("volumeMounts", []):
        if mount.get("name") not in volumes:
            raise invalid("template.template.containers[0].volumeMounts", mount.get("name"), "no volume has that name")
