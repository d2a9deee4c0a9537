"""Fields of version 2 that are annotations in version 1."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from venue_sandbox.cloud.run.fields import Document

__all__ = ["OF_RESOURCES", "OF_SERVICE", "OF_TEMPLATE", "Pair", "is_system"]

RUN = "run.googleapis.com"
SYSTEM = ("googleapis.com", "knative.dev")


@dataclass(frozen=True, slots=True)
class Pair:
    """A field and its annotation.

    Attributes
    ----------
    path
        The names of the field and of those it is in.
    read
        Returns the value of the field, given the text; None for a text that only version 1 can say.
    show
        Returns the text.
    """

    annotation: str
    path: tuple[str, ...]
    read: Callable[[str], Any]
    show: Callable[[Any], str]

    def find(self, document: Document) -> Any:
        """Return the value of the field in a document; None if it has none."""
        *parents, last = self.path
        for name in parents:
            document = document.get(name) or {}
        return document.get(last)

    def put(self, document: Document, value: Any) -> None:
        """Set the field in a document."""
        for name in self.path[:-1]:
            document = document.setdefault(name, {})
        document[self.path[-1]] = value


def is_system(annotation: str) -> bool:
    """Whether an annotation is not the owner's own, and so not one in version 2."""
    return annotation.partition("/")[0].endswith(SYSTEM)


def _number(annotation: str, *path: str) -> Pair:
    return Pair(annotation, path, lambda text: int(text) if text.isascii() and text.isdigit() else None, str)


def _truth(annotation: str, *path: str) -> Pair:
    return Pair(annotation, path, lambda text: True if text.lower() == "true" else None, lambda _: "true")


def _word(annotation: str, words: Mapping[str, str], *path: str) -> Pair:
    texts = {value: text for text, value in words.items()}
    return Pair(annotation, path, words.get, texts.__getitem__)


def _text(annotation: str, *path: str) -> Pair:
    return Pair(annotation, path, str, str)


def _json(annotation: str, *path: str) -> Pair:
    return Pair(annotation, path, json.loads, json.dumps)


INGRESS = {
    "all": "INGRESS_TRAFFIC_ALL",
    "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "internal-and-cloud-load-balancing": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    "none": "INGRESS_TRAFFIC_NONE",
}
OF_SERVICE = (
    _word(f"{RUN}/ingress", INGRESS, "ingress"),
    _text(f"{RUN}/description", "description"),
    _text(f"{RUN}/client-name", "client"),
    _text(f"{RUN}/client-version", "clientVersion"),
    _text(f"{RUN}/launch-stage", "launchStage"),
    _json(f"{RUN}/custom-audiences", "customAudiences"),
    _truth(f"{RUN}/invoker-iam-disabled", "invokerIamDisabled"),
    _truth(f"{RUN}/default-url-disabled", "defaultUriDisabled"),
    _number(f"{RUN}/minScale", "scaling", "minInstanceCount"),
    _number(f"{RUN}/maxScale", "scaling", "maxInstanceCount"),
    _number(f"{RUN}/manualInstanceCount", "scaling", "manualInstanceCount"),
    _word(f"{RUN}/scalingMode", {"automatic": "AUTOMATIC", "manual": "MANUAL"}, "scaling", "scalingMode"),
)
EGRESS = {"all-traffic": "ALL_TRAFFIC", "private-ranges-only": "PRIVATE_RANGES_ONLY"}
GENERATIONS = {"gen1": "EXECUTION_ENVIRONMENT_GEN1", "gen2": "EXECUTION_ENVIRONMENT_GEN2"}
OF_TEMPLATE = (
    _number("autoscaling.knative.dev/minScale", "scaling", "minInstanceCount"),
    _number("autoscaling.knative.dev/maxScale", "scaling", "maxInstanceCount"),
    _word(f"{RUN}/execution-environment", GENERATIONS, "executionEnvironment"),
    _truth(f"{RUN}/sessionAffinity", "sessionAffinity"),
    _truth(f"{RUN}/health-check-disabled", "healthCheckDisabled"),
    _text(f"{RUN}/vpc-access-connector", "vpcAccess", "connector"),
    _word(f"{RUN}/vpc-access-egress", EGRESS, "vpcAccess", "egress"),
    _json(f"{RUN}/network-interfaces", "vpcAccess", "networkInterfaces"),
)
OF_RESOURCES = (
    _truth(f"{RUN}/cpu-throttling", "resources", "cpuIdle"),
    _truth(f"{RUN}/startup-cpu-boost", "resources", "startupCpuBoost"),
)
"""Annotations of a template that are fields of its container."""
