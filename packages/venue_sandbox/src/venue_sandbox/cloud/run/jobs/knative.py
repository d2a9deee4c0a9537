"""Jobs and executions in version 1 of the API, as gcloud reads and writes them."""

from __future__ import annotations

from typing import Any

from venue_sandbox.cloud.rest import ApiError, invalid, unserved
from venue_sandbox.cloud.run.fields import Document
from venue_sandbox.cloud.run.jobs.fields import normal
from venue_sandbox.cloud.run.jobs.records import Execution, Job
from venue_sandbox.cloud.run.knative.reading import LOCATION, SECRETS, aliases_of, container_of, items, members
from venue_sandbox.cloud.run.knative.showing import container_shown
from venue_sandbox.cloud.run.records import READY, Condition
from venue_sandbox.cloud.values import read_duration, time_text

__all__ = ["API", "execution_shown", "job_shown", "overrides_of", "read_job"]

API = "run.googleapis.com/v1"
BUCKETS = "gcsfuse.run.googleapis.com"
CLIENT, CLIENT_VERSION = "run.googleapis.com/client-name", "run.googleapis.com/client-version"
LAUNCH = "run.googleapis.com/launch-stage"
JOB_LABEL = "run.googleapis.com/job"
KNOWN = frozenset({CLIENT, CLIENT_VERSION, LAUNCH, SECRETS, "run.googleapis.com/execution-environment"})
SET_HERE = frozenset({"serving.knative.dev/creator", "serving.knative.dev/lastModifier", "run.googleapis.com/creator"})


def read_job(document: object) -> Document:
    """Return the document of version 2 that a job of version 1 is; `ApiError` if it is none."""
    job = members(document, "job", {"apiVersion", "kind", "metadata", "spec", "status"})
    metadata = members(job.get("metadata"), "metadata", None)
    execution = members(members(job.get("spec"), "spec", {"template"}).get("template"), "spec.template", None)
    spec = members(execution.get("spec"), "spec.template.spec", {"parallelism", "taskCount", "template"})
    place = "spec.template.spec.template.spec"
    served = {"containers", "volumes", "maxRetries", "timeoutSeconds", "serviceAccountName", "nodeSelector"}
    task = members(members(spec.get("template"), "spec.template.spec.template", {"spec"}).get("spec"), place, served)
    if task.get("nodeSelector"):
        raise unserved(f"{place}.nodeSelector is not served.")
    annotations = _annotations(metadata) | _annotations(
        members(execution.get("metadata"), "spec.template.metadata", None)
    )
    aliases = aliases_of(annotations.get(SECRETS, ""))
    made: dict[str, Any] = {
        "containers": [container_of(each, n, aliases) for n, each in enumerate(items(task, "containers"))],
        "volumes": [_volume(each, f"{place}.volumes[{n}]") for n, each in enumerate(items(task, "volumes"))],
        "serviceAccount": task.get("serviceAccountName", ""),
    }
    if task.get("maxRetries") is not None:
        made["maxRetries"] = task["maxRetries"]
    if task.get("timeoutSeconds"):
        made["timeout"] = f"{task['timeoutSeconds']}s"
    labels = dict(members(metadata.get("labels"), "metadata.labels", None))
    labels.pop(LOCATION, None)
    counts = {name: spec[name] for name in ("parallelism", "taskCount") if spec.get(name)}
    return normal(
        {
            "labels": labels,
            "client": annotations.get(CLIENT, ""),
            "clientVersion": annotations.get(CLIENT_VERSION, ""),
            "launchStage": annotations.get(LAUNCH) or 0,
            "template": {**counts, "template": made},
        }
    )


def overrides_of(order: Document) -> Document:
    """Return the overrides of a request to run a job, in the words of version 2."""
    if unknown := sorted(set(order) - {"overrides"}):
        raise invalid("the request", unknown[0], "it has overrides")
    overrides = members(order.get("overrides"), "overrides", {"containerOverrides", "taskCount", "timeoutSeconds"})
    if overrides.get("timeoutSeconds") or overrides.get("taskCount", 1) != 1:
        raise unserved("overrides.timeoutSeconds and overrides.taskCount are not served.")
    return {"containerOverrides": overrides.get("containerOverrides", [])}


def job_shown(one: Job) -> Document:
    """Return a job."""
    execution = one.spec["template"]
    annotations = {LAUNCH: one.spec["launchStage"], "serving.knative.dev/creator": one.creator}
    annotations["serving.knative.dev/lastModifier"] = one.modifier
    for name, annotation in (("client", CLIENT), ("clientVersion", CLIENT_VERSION)):
        if one.spec.get(name):
            annotations[annotation] = one.spec[name]
    status: Document = {
        "observedGeneration": one.generation,
        "conditions": [_condition("Ready", READY, time_text(one.updated))],
        "executionCount": len(one.executions),
    }
    if one.executions:
        last = one.executions[-1]
        status["latestCreatedExecution"] = {"name": last.id, "creationTimestamp": time_text(last.created)}
    counts = {name: execution[name] for name in ("parallelism", "taskCount") if name in execution}
    task, secrets = _task(one.task, one.project)
    return {
        "apiVersion": API,
        "kind": "Job",
        "metadata": {
            "name": one.id,
            "namespace": one.project,
            "selfLink": f"/apis/{API}/namespaces/{one.project}/jobs/{one.id}",
            "uid": one.uid,
            "resourceVersion": one.version,
            "generation": one.generation,
            "creationTimestamp": time_text(one.created),
            "labels": {**one.spec.get("labels", {}), LOCATION: one.location.split("/")[3]},
            "annotations": annotations,
        },
        "spec": {"template": {"metadata": {"annotations": secrets}, "spec": {**counts, "template": {"spec": task}}}},
        "status": status,
    }


def execution_shown(one: Execution) -> Document:
    """Return an execution."""
    _, project, _, location, _, job, _, _ = one.name.split("/")
    task, secrets = _task(one.template, project)
    at = time_text(max(one.changed, one.created))
    started = Condition(ready=True)
    return {
        "apiVersion": API,
        "kind": "Execution",
        "metadata": {
            "name": one.id,
            "namespace": project,
            "uid": one.uid,
            "resourceVersion": one.version,
            "generation": 1,
            "creationTimestamp": time_text(one.created),
            "labels": {JOB_LABEL: job, LOCATION: location},
            "annotations": {**secrets, "run.googleapis.com/creator": one.creator},
            "ownerReferences": [{"apiVersion": API, "kind": "Job", "name": job, "controller": True, "uid": one.uid}],
        },
        "spec": {"parallelism": 1, "taskCount": 1, "template": {"spec": task}},
        "status": {
            "observedGeneration": 1,
            "startTime": time_text(one.created),
            **({"completionTime": at} if one.ended else {}),
            "conditions": [
                _condition("Completed", one.condition, at),
                _condition("ResourcesAvailable", started, at),
                _condition("ContainerReady", started, at),
                _condition("Started", started, at),
            ],
            "logUri": one.document()["logUri"],
            **one.counts(),
        },
    }


def _annotations(metadata: Document) -> dict[str, str]:
    found = dict(members(metadata.get("annotations"), "metadata.annotations", None))
    if unknown := sorted(set(found) - KNOWN - SET_HERE):
        raise ApiError(501, "UNIMPLEMENTED", f"The annotation {unknown[0]} of a job is not served.")
    return found


def _volume(value: object, path: str) -> Document:
    volume = members(value, path, {"name", "csi"})
    csi = members(volume.get("csi"), f"{path}.csi", {"driver", "readOnly", "volumeAttributes"})
    attributes = members(csi.get("volumeAttributes"), f"{path}.csi.volumeAttributes", {"bucketName"})
    if csi.get("driver") != BUCKETS:
        raise unserved(f"{path}.csi.driver is not served but for {BUCKETS}.")
    bucket = {"bucket": attributes.get("bucketName", ""), "readOnly": bool(csi.get("readOnly"))}
    return {"name": volume.get("name", ""), "gcs": bucket}


def _task(template: Document, project: str) -> tuple[Document, dict[str, str]]:
    """Return a task's template, and the annotation that it needs for secrets of other projects."""
    aliases: dict[str, str] = {}
    made: Document = {
        "containers": [container_shown(each, project, aliases) for each in template["containers"]],
        "maxRetries": template["maxRetries"],
        "timeoutSeconds": str(int(read_duration("timeout", template["timeout"]))),
        "serviceAccountName": template["serviceAccount"],
    }
    if "volumes" in template:
        made["volumes"] = [_volume_shown(each) for each in template["volumes"]]
    return made, {SECRETS: ",".join(f"{name}:{secret}" for name, secret in aliases.items())} if aliases else {}


def _volume_shown(one: Document) -> Document:
    bucket = one["gcs"]
    csi = {"driver": BUCKETS, "volumeAttributes": {"bucketName": bucket.get("bucket", "")}}
    return {"name": one["name"], "csi": {**csi, "readOnly": True} if bucket.get("readOnly") else csi}


def _condition(kind: str, one: Condition, at: str) -> Document:
    status = {True: "True", False: "False", None: "Unknown"}[one.ready]
    made = {"type": kind, "status": status, "lastTransitionTime": at}
    if one.message:
        made["message"] = one.message
    return {**made, "reason": one.reason} if one.reason else made
