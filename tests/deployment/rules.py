"""What every rendered overlay has to keep: one function a rule, which returns a line for each fault."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator

import yaml
from event_trading_app.names import Service
from event_trading_app.services.running import LAST_SECONDS, NEEDS

from .manifests import ROOT, Document, Peer, Workload, connects, kind, pod, workload, workloads

Rule = Callable[[list[Document]], Iterator[str]]

PINS = tomllib.loads((ROOT / "deploy" / "images.toml").read_text())["images"]
OURS = "registry.delivery.svc:5000/event_trading"
STATE = "/var/lib/unrip/executor-state"
UNCONFINED = {"builder"}
"""Makes user namespaces; it is in a namespace of its own, and not root either."""
WITH_TOKEN = {"runner"}
OUTSIDE = {"venue-services-to-venue", "builder-to-registry-and-packages", "runner-to-forgejo-builder-and-api"}
"""Policies that name addresses, as no pod stands there."""
BEHIND_THE_FIREWALL = {"forgejo-from-operator-and-runner"}
"""Policies that name nobody: the server's firewall does."""
OF_NODES = re.compile(r"10\.80\.0\.0/24|10\.42\.\d+\.0/32")
"""Addresses that nodes have and no pod: their network, and flannel's in each node's part of the pods' network."""
FROM_NODES = {"registry-from-nodes"}
OPERATORS_PORT = 19090
"""Of the bus, for who may forward a port: scripts/hetzner/steps/forward.sh."""
PRIVATE = {"10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}
NODE_PORTS = {"registry": 30500, "forgejo": 30443}
DRAIN_SECONDS = {
    "ledger": 5.0,
    "ledger-standby": 5.0,
    "redpanda": 30.0,
    "registry": 15.0,
    "forgejo": 60.0,
    "runner": 600.0,
    "builder": 10.0,
}
"""How long the others take to end: docs/adr/0035. Services are measured, and end themselves after `LAST_SECONDS`."""
HOOK_SECONDS = {"maintenance.sh": 60.0, "--command=CHECKPOINT": 60.0}
"""What a preStop that is a command takes at most."""
SECRET_NAMES = re.compile(r"PASSWORD|SECRET|TOKEN|KEY$|STORE_URL|NOTIFY_URLS")
KEPT = {
    "ledger": ("executor-state", STATE),
    "ledger-standby": ("executor-state", STATE),
    "redpanda": ("data", "/var/lib/redpanda/data"),
}


def probes(documents: list[Document]) -> Iterator[str]:
    for each in workloads(documents):
        for container in each.containers:
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                if name not in container:
                    yield f"{each.name} has no {name}"
    for each in workloads(documents):
        if each.is_service:
            (container,) = each.containers
            asked = {
                name: container.get(name, {}).get("httpGet", {}).get("path")
                for name in ("livenessProbe", "readinessProbe")
            }
            if asked != {"livenessProbe": "/metrics", "readinessProbe": "/healthz"}:
                yield f"{each.name} is asked {asked}: /healthz is 503 while a server is away, which no restart mends"


def disruption_budgets(documents: list[Document]) -> Iterator[str]:
    budgets = kind(documents, "PodDisruptionBudget")
    for each in workloads(documents):
        own = [
            budget
            for budget in budgets
            if budget["metadata"]["namespace"] == each.namespace
            and budget["spec"]["selector"]["matchLabels"].items() <= each.labels.items()
        ]
        if [budget["spec"].get("maxUnavailable") for budget in own] != [1]:
            yield f"{each.name} is not in one disruption budget that lets one pod go"


def resources(documents: list[Document]) -> Iterator[str]:
    for each in workloads(documents):
        for container in each.all_containers:
            for side in ("requests", "limits"):
                if not {"cpu", "memory"} <= container.get("resources", {}).get(side, {}).keys():
                    yield f"{each.name}/{container['name']} has no {side} of cpu and memory"


def non_root(documents: list[Document]) -> Iterator[str]:
    for each in workloads(documents):
        context = each.pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{each.name} may run as root"
        for container in each.all_containers:
            own = container.get("securityContext", {})
            if own.get("runAsUser", 1) == 0 or own.get("runAsNonRoot", True) is not True or own.get("privileged"):
                yield f"{each.name}/{container['name']} may run as root"


def read_only_root(documents: list[Document]) -> Iterator[str]:
    for each in workloads(documents):
        for container in each.all_containers:
            if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
                yield f"{each.name}/{container['name']} may write into its image"


def confined(documents: list[Document]) -> Iterator[str]:
    for each in workloads(documents):
        if each.name in UNCONFINED:
            continue
        if each.pod.get("securityContext", {}).get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{each.name} has no seccomp profile"
        if any(each.pod.get(word) for word in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{each.name} shares a namespace of its node"
        if any("hostPath" in volume for volume in each.pod.get("volumes", [])):
            yield f"{each.name} mounts a folder of its node"
        for container in each.all_containers:
            own = container.get("securityContext", {})
            if own.get("allowPrivilegeEscalation") is not False or own.get("capabilities") != {"drop": ["ALL"]}:
                yield f"{each.name}/{container['name']} may get more rights"
    for each in kind(documents, "Namespace"):
        wanted = "privileged" if each["metadata"]["name"] in UNCONFINED else "restricted"
        if each["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != wanted:
            yield f"namespace {each['metadata']['name']} does not enforce {wanted}"


def default_deny(documents: list[Document]) -> Iterator[str]:
    closed = {
        each["metadata"]["namespace"]
        for each in kind(documents, "NetworkPolicy")
        if each["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    for name in sorted({each.namespace for each in workloads(documents)} - closed):
        yield f"namespace {name} is not closed by default"


def egress_by_name(documents: list[Document]) -> Iterator[str]:
    for each in kind(documents, "NetworkPolicy"):
        name = each["metadata"]["name"]
        for rule in each["spec"].get("egress", []):
            if not rule.get("to") or not rule.get("ports"):
                yield f"{name} lets out to everybody or to every port"
            for peer in rule.get("to", []):
                if "ipBlock" in peer:
                    yield from _addresses(name, peer["ipBlock"])
                elif not _named(peer):
                    yield f"{name} lets out to pods that it does not name"


def ingress_by_name(documents: list[Document]) -> Iterator[str]:
    for each in kind(documents, "NetworkPolicy"):
        name = each["metadata"]["name"]
        for rule in each["spec"].get("ingress", []):
            if not rule.get("ports"):
                yield f"{name} lets in to every port"
            if not rule.get("from") and name not in BEHIND_THE_FIREWALL:
                yield f"{name} lets everybody in"
            for peer in rule.get("from", []):
                if "ipBlock" in peer and not (name in FROM_NODES and OF_NODES.fullmatch(peer["ipBlock"]["cidr"])):
                    yield f"{name} lets in addresses"


def _named(peer: Document) -> bool:
    selector = peer.get("podSelector", {})
    return bool(selector.get("matchLabels") or selector.get("matchExpressions"))


def _addresses(name: str, block: Document) -> Iterator[str]:
    if name not in OUTSIDE:
        yield f"{name} names addresses"
    if block["cidr"].endswith("/0") and not set(block.get("except", [])) >= PRIVATE:
        yield f"{name} lets out to private addresses, of which one is the machine's metadata"


def volumes(documents: list[Document]) -> Iterator[str]:
    by_name = {each.name: each for each in workloads(documents)}
    for name, (volume, place) in KEPT.items():
        if name == "ledger-standby" and name not in by_name:
            continue
        each = by_name[name]
        claimed = [claim["metadata"]["name"] for claim in each.document["spec"].get("volumeClaimTemplates", [])]
        if each.mounts().get(place) != volume or volume not in claimed:
            yield f"{name} does not keep {place} in a volume of its own"
    variables = {entry["name"]: entry.get("value") for entry in by_name["ledger"].containers[0]["env"]}
    if not str(variables["PGDATA"]).startswith(f"{STATE}/"):
        yield f"the ledger's data are not in {STATE}"
    archiver = by_name["archiver"]
    claims = {
        volume["name"]: volume.get("persistentVolumeClaim", {}).get("claimName") for volume in archiver.pod["volumes"]
    }
    kept = {each["metadata"]["name"] for each in kind(documents, "PersistentVolumeClaim")}
    if claims.get(archiver.mounts().get("/var/lib/event-trading", "")) not in kept:
        yield "the archive is not in a volume"
    templates = [
        (each.name, claim)
        for each in by_name.values()
        for claim in each.document["spec"].get("volumeClaimTemplates", [])
    ]
    for name, claim in [
        *templates,
        *((each["metadata"]["name"], each) for each in kind(documents, "PersistentVolumeClaim")),
    ]:
        if claim["spec"].get("storageClassName") != "local-path":
            yield f"the volume of {name} has no storage class"


def endings(documents: list[Document]) -> Iterator[str]:
    for each in workloads(documents):
        grace = each.pod.get("terminationGracePeriodSeconds", 30)
        for container in each.containers:
            if not (hook := container.get("lifecycle", {}).get("preStop")):
                yield f"{each.name} has no preStop"
                continue
            drain = LAST_SECONDS if each.is_service else DRAIN_SECONDS[each.name]
            needed = _seconds(hook) + drain
            if grace <= needed:
                yield f"{each.name} has {grace} s to end, and may take {needed:g} s"


def _seconds(hook: Document) -> float:
    if "sleep" in hook:
        return hook["sleep"]["seconds"]
    words = " ".join(hook["exec"]["command"])
    return next(seconds for word, seconds in HOOK_SECONDS.items() if word in words)


def images_by_digest(documents: list[Document]) -> Iterator[str]:
    known = {f"{pin['repository']}@{pin['digest']}" for pin in PINS.values()} | {f"{OURS}@UNPINNED"}
    for each in workloads(documents):
        for container in each.all_containers:
            if container["image"] not in known:
                yield f"{each.name}/{container['name']} runs {container['image']}, which is not deploy/images.toml's"


def tokens(documents: list[Document]) -> Iterator[str]:
    for each in workloads(documents):
        if each.pod.get("automountServiceAccountToken") is not (each.name in WITH_TOKEN):
            yield f"{each.name}: who talks to the cluster is {WITH_TOKEN}"
        if each.pod.get("enableServiceLinks") is not False:
            yield f"{each.name} gets variables of Services, which settings refuse"


def secrets(documents: list[Document]) -> Iterator[str]:
    for each in kind(documents, "Secret"):
        yield f"Secret {each['metadata']['name']} is in the manifests"
    given = dict.fromkeys(Service, frozenset[str]())
    for each in workloads(documents):
        for container in each.all_containers:
            for entry in container.get("env", []):
                if SECRET_NAMES.search(entry["name"]) and "secretKeyRef" not in entry.get("valueFrom", {}):
                    yield f"{each.name} has {entry['name']} in the open"
        if each.is_service:
            given[Service(each.name)] = frozenset(entry["name"] for entry in each.containers[0]["env"])
    for service, names in given.items():
        wanted = {
            "near_key": "EVENT_TRADING_NEAR_KEY",
            "near_token": "EVENT_TRADING_NEAR_TOKEN",
            "store_url": "STORE_URL",
        }
        if {setting for setting, name in wanted.items() if name in names} != set(wanted) & set(NEEDS[service]):
            yield f"{service.value} has other secrets than it needs"


def one_container_each(documents: list[Document]) -> Iterator[str]:
    found: dict[str, Workload] = {each.name: each for each in workloads(documents) if each.is_service}
    if found.keys() != {service.value for service in Service}:
        yield f"the services are {sorted(found)}"
        return
    for service in Service:
        each = found[service.value]
        if [container.get("args") for container in each.containers] != [["run", service.value]]:
            yield f"{each.name} is not one container that runs {service.value}"
        if each.containers[0]["ports"] != [{"name": "http", "containerPort": 8801 + service.offset}]:
            yield f"{each.name} is asked elsewhere than it listens"


def node_ports(documents: list[Document]) -> Iterator[str]:
    found = {
        each["metadata"]["name"]: port.get("nodePort")
        for each in kind(documents, "Service")
        for port in each["spec"]["ports"]
        if each["spec"].get("type", "ClusterIP") != "ClusterIP"
    }
    if found != NODE_PORTS:
        yield f"nodes listen for {found}"


def runners_account(documents: list[Document]) -> Iterator[str]:
    """Let the runner move services by their names, of their kind, and read and make nothing."""
    wanted = {(each.document["kind"].lower() + "s", each.name) for each in workloads(documents) if each.is_service}
    for each in kind(documents, "Role", "ClusterRole"):
        if each["kind"] == "ClusterRole" or each["metadata"]["namespace"] != "event-trading":
            yield f"{each['kind']} {each['metadata']['name']} reaches beyond the services"
        for rule in each["rules"]:
            named = {(resource, name) for resource in rule["resources"] for name in rule.get("resourceNames", ())}
            if not named or not named <= wanted:
                yield f"{each['metadata']['name']} reaches {rule['resources']} that are no services"
            if not {*rule["verbs"]} <= {"get", "list", "watch", "patch"}:
                yield f"{each['metadata']['name']} may {rule['verbs']}"
            wanted -= named
    for resource, name in sorted(wanted):
        yield f"the runner cannot move {resource} {name}"


def operators_listener(documents: list[Document]) -> Iterator[str]:
    """Have the bus listen for the operator on the loopback of its pod alone, where a forwarded port comes out."""
    settings = [
        each["data"]["redpanda.yaml"] for each in kind(documents, "ConfigMap") if "redpanda.yaml" in each["data"]
    ]
    listeners = {each["name"]: each for text in settings for each in yaml.safe_load(text)["redpanda"]["kafka_api"]}
    own = listeners.get("operator", {})
    if (own.get("address"), own.get("port")) != ("127.0.0.1", OPERATORS_PORT):
        yield f"the operator's listener of the bus is {own}"
    arguments = " ".join(workload(documents, "redpanda").containers[0]["args"])
    if f"operator://127.0.0.1:{OPERATORS_PORT // 10}$(POD_INDEX)" not in arguments:
        yield "a broker does not say where the operator finds it"
    if re.search(rf"'(port|targetPort|containerPort)': {OPERATORS_PORT}\b", str(documents)):
        yield "the operator's listener is reached by others"


RULES: tuple[Rule, ...] = (
    probes,
    disruption_budgets,
    resources,
    non_root,
    read_only_root,
    confined,
    default_deny,
    egress_by_name,
    ingress_by_name,
    volumes,
    endings,
    images_by_digest,
    tokens,
    secrets,
    one_container_each,
    node_ports,
    runners_account,
    operators_listener,
)


def nodes_pull(documents: list[Document]) -> Iterator[str]:
    """Of the overlay for three nodes only: k3s lets in the registry's own node, a policy the others."""
    registry = pod(documents, "registry")
    for address in ("10.80.0.3", "10.42.0.0", "10.42.1.0", "10.42.2.0", "10.42.15.0"):
        if not connects(documents, Peer(address=address), registry, 5000):
            yield f"a node that comes from {address} pulls nothing"
    if connects(documents, Peer(address="10.42.1.7"), registry, 5000):
        yield "every pod reaches the registry"


def survives_a_node(documents: list[Document]) -> Iterator[str]:
    """Of the overlay for three nodes only."""
    by_name = {each.name: each for each in workloads(documents)}
    if by_name["redpanda"].document["spec"]["replicas"] != 3 or "ledger-standby" not in by_name:
        yield "a store stands on one node only"
    for name in {"redpanda", "ledger", "ledger-standby"} & by_name.keys():
        terms = by_name[name].pod.get("affinity", {}).get("podAntiAffinity", {})
        required = terms.get("requiredDuringSchedulingIgnoredDuringExecution", [])
        if [term["topologyKey"] for term in required] != ["kubernetes.io/hostname"]:
            yield f"two of {name} may be on one node"
    for each in by_name.values():
        if each.is_service and not each.pod.get("topologySpreadConstraints"):
            yield f"all of {each.name} may be on one node"
    settings = [each["data"] for each in kind(documents, "ConfigMap") if ".bootstrap.yaml" in each["data"]]
    if len(settings) != 1 or "default_topic_replications: 3\n" not in settings[0][".bootstrap.yaml"]:
        yield "topics have one copy"


CLUSTER_RULES: tuple[Rule, ...] = (survives_a_node, nodes_pull)
