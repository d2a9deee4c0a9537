"""Rendered manifests as tests look at them: workloads, their containers, and who may talk to whom."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
RENDERED = ROOT / "deploy" / "k8s" / "rendered"
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
Document = dict[str, Any]


def load(overlay: str) -> list[Document]:
    return list(yaml.load_all((RENDERED / f"{overlay}.yaml").read_text(), yaml.CSafeLoader))


@dataclass(frozen=True)
class Workload:
    """A document that makes pods."""

    document: Document

    @property
    def name(self) -> str:
        return self.document["metadata"]["name"]

    @property
    def namespace(self) -> str:
        return self.document["metadata"]["namespace"]

    @property
    def labels(self) -> dict[str, str]:
        return self.document["spec"]["template"]["metadata"]["labels"]

    @property
    def pod(self) -> Document:
        return self.document["spec"]["template"]["spec"]

    @property
    def is_service(self) -> bool:
        return self.labels["app.kubernetes.io/component"] == "service"

    @property
    def containers(self) -> list[Document]:
        return self.pod["containers"]

    @property
    def all_containers(self) -> list[Document]:
        return [*self.pod.get("initContainers", []), *self.containers]

    def mounts(self) -> dict[str, str]:
        """Return what is mounted in the first container: the volume by its place."""
        return {each["mountPath"]: each["name"] for each in self.containers[0].get("volumeMounts", [])}


def kind(documents: list[Document], *names: str) -> list[Document]:
    return [each for each in documents if each["kind"] in names]


def workloads(documents: list[Document]) -> list[Workload]:
    return [Workload(each) for each in kind(documents, *WORKLOADS)]


def workload(documents: list[Document], name: str) -> Workload:
    (found,) = (each for each in workloads(documents) if each.name == name)
    return found


def selects(selector: Document, labels: dict[str, str]) -> bool:
    """Whether a label selector takes something; the operators that are used here."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for each in selector.get("matchExpressions", []):
        assert each["operator"] == "In"
        if labels.get(each["key"]) not in each["values"]:
            return False
    return True


@dataclass(frozen=True)
class Peer:
    """One end of a connection: a pod of a workload, or an address outside."""

    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    address: str = ""


def pod(documents: list[Document], name: str) -> Peer:
    found = workload(documents, name)
    return Peer(found.namespace, tuple(sorted(found.labels.items())))


def _rules(documents: list[Document], peer: Peer, way: str) -> Iterator[Document] | None:
    """Return the rules for a pod in one direction; None where no policy isolates it."""
    taken = [
        each["spec"]
        for each in kind(documents, "NetworkPolicy")
        if each["metadata"]["namespace"] == peer.namespace and selects(each["spec"]["podSelector"], dict(peer.labels))
    ]
    isolating = [spec for spec in taken if way in spec["policyTypes"]]
    return (rule for spec in isolating for rule in spec.get(way.lower(), [])) if isolating else None


def _matches(entry: Document, own: Peer, other: Peer) -> bool:
    if block := entry.get("ipBlock"):
        if not other.address:
            return False
        address = ipaddress.ip_address(other.address)
        inside = address in ipaddress.ip_network(block["cidr"])
        return inside and not any(address in ipaddress.ip_network(each) for each in block.get("except", []))
    if other.address:
        return False
    namespaces = {"kubernetes.io/metadata.name": other.namespace}
    if "namespaceSelector" in entry:
        if not selects(entry["namespaceSelector"], namespaces):
            return False
    elif other.namespace != own.namespace:
        return False
    return selects(entry.get("podSelector", {}), dict(other.labels))


def _let_through(documents: list[Document], own: Peer, other: Peer, port: int | str, way: str) -> bool:
    if own.address or (rules := _rules(documents, own, way)) is None:
        return True
    peers = "to" if way == "Egress" else "from"
    return any(
        (peers not in rule or any(_matches(entry, own, other) for entry in rule[peers]))
        and ("ports" not in rule or port in [each["port"] for each in rule["ports"]])
        for rule in rules
    )


def connects(documents: list[Document], source: Peer, target: Peer, port: int | str) -> bool:
    """Whether the policies of both ends let a TCP connection through."""
    return _let_through(documents, source, target, port, "Egress") and _let_through(
        documents, target, source, port, "Ingress"
    )
