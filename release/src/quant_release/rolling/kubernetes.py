"""Workloads of Kubernetes: deployments and stateful sets, by kubectl."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, Field

from quant_release.rolling.images import digest_of
from quant_release.rolling.programs import Program, read
from quant_release.rolling.workloads import Absent, RollerError, Running
from quant_release.rolls import CONTAINER, Roll

__all__ = ["Kubernetes"]

_ENDED = frozenset({"Failed", "Succeeded"})
_FINAL = ("timed out waiting", "exceeded its progress deadline")
_MORE = 30.0
"""Seconds that kubectl may take longer than it was told to wait."""


class _Container(BaseModel):
    name: str
    image: str


class _PodSpec(BaseModel):
    containers: list[_Container]


class _Meta(BaseModel):
    name: str = ""
    generation: int = 0
    deletion: str | None = Field(None, alias="deletionTimestamp")


class _Selector(BaseModel):
    labels: dict[str, str] = Field(alias="matchLabels", min_length=1)


class _Template(BaseModel):
    spec: _PodSpec


class _Spec(BaseModel):
    replicas: int = 1
    selector: _Selector
    template: _Template


class _Status(BaseModel):
    seen: int = Field(0, alias="observedGeneration")
    replicas: int = 0
    updated: int = Field(0, alias="updatedReplicas")
    ready: int = Field(0, alias="readyReplicas")
    current_revision: str | None = Field(None, alias="currentRevision")
    update_revision: str | None = Field(None, alias="updateRevision")


class _Workload(BaseModel):
    metadata: _Meta
    spec: _Spec
    status: _Status = Field(default_factory=lambda: _Status.model_validate({}))


class _ContainerStatus(BaseModel):
    name: str
    image: str = Field("", alias="imageID")


class _PodStatus(BaseModel):
    phase: str = ""
    containers: list[_ContainerStatus] = Field(default_factory=list[_ContainerStatus], alias="containerStatuses")


class _Pod(BaseModel):
    metadata: _Meta
    spec: _PodSpec
    status: _PodStatus = _PodStatus()


class _Pods(BaseModel):
    items: list[_Pod]


class Kubernetes:
    """Asks and tells by kubectl; see `quant_release.rolling.workloads.Roller`."""

    def __init__(self, roll: Roll, folder: Path, asking: float) -> None:
        assert roll.namespace is not None  # the bundle was checked
        context = () if roll.context is None else ("--context", roll.context)
        self._kubectl = Program(("kubectl", *context, "--namespace", roll.namespace), folder, asking)
        self._container = roll.container or CONTAINER

    def running(self, workload: str) -> Running:
        """Return what the pods of a workload run; those that are being deleted or have ended do not count."""
        asked = self._kubectl.call("get", workload, "--output", "json")
        if asked.code != 0 and "(NotFound)" in asked.text:
            raise Absent(f"{workload} is not there: {asked.text}")
        found = read(_Workload, asked)
        selector = ",".join(f"{name}={value}" for name, value in found.spec.selector.labels.items())
        pods = read(_Pods, self._kubectl.call("get", "pods", "--selector", selector, "--output", "json"))
        told = self._image_of(workload, found.spec.template.spec.containers)
        return Running(told, self._digests(pods.items), _unready(found, workload))

    def _image_of(self, what: str, containers: Iterable[_Container]) -> str:
        image = next((one.image for one in containers if one.name == self._container), None)
        if image is None:
            raise RollerError(f"{what} has no container {self._container}: name the one to set as container")
        return image

    def _digests(self, pods: Iterable[_Pod]) -> tuple[str | None, ...]:
        """Return the digests of what pods run: the one that a pod was made with, or without one the node's."""
        found: dict[str | None, None] = {}
        for pod in pods:
            if pod.metadata.deletion is None and pod.status.phase not in _ENDED:
                image = self._image_of(f"pod {pod.metadata.name}", pod.spec.containers)
                known = next((one.image for one in pod.status.containers if one.name == self._container), "")
                found[digest_of(image) or digest_of(known)] = None
        return tuple(found)

    def give(self, workload: str, image: str) -> None:
        """Set the image of a workload's container."""
        self._kubectl.call("set", "image", workload, f"{self._container}={image}").require()

    def wait(self, workload: str, image: str, seconds: float) -> bool:
        """Wait until the rollout has ended; kubectl also gives up where it cannot ask."""
        said = self._kubectl.call(*self._status(workload, seconds), within=seconds + _MORE)
        return said.code != 0 and any(text in said.text for text in _FINAL)

    @staticmethod
    def _status(workload: str, seconds: float) -> Sequence[str]:
        return "rollout", "status", workload, "--timeout", f"{max(1, round(seconds))}s"

    def commands(self, workload: str, image: str, seconds: float) -> Sequence[str]:
        """Return the two commands."""
        start = " ".join(self._kubectl.words)
        return (
            f"{start} set image {workload} {self._container}={image}",
            f"{start} {' '.join(self._status(workload, seconds))}",
        )

    def look(self, workload: str) -> str:
        """Return the command that describes the workload."""
        return f"{' '.join(self._kubectl.words)} describe {workload}"


def _unready(found: _Workload, workload: str) -> str | None:
    wanted, status = found.spec.replicas, found.status
    if wanted < 1:
        return "it has no replica"
    if status.seen < found.metadata.generation:
        return "its controller has not seen the last change"
    if status.ready < wanted:
        return f"{status.ready} of {wanted} ready"
    if workload.startswith("statefulset/"):
        is_behind = status.current_revision != status.update_revision
    else:
        is_behind = status.updated < wanted or status.replicas > wanted
    return "not all of it is new" if is_behind else None
