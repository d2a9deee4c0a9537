"""The rendered overlays of deploy/k8s: every rule is kept, and a mutant that breaks one is caught."""

from __future__ import annotations

import copy
import subprocess
import sys
import tomllib
from collections.abc import Callable

import pytest
import yaml
from event_trading_app.names import Service
from event_trading_app.reactor.quoters import quoter_of
from event_trading_app.services.prices import price_events
from event_trading_app.services.running import NEEDS
from event_trading_app.settings import Settings, read_settings
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.identity import Mode

from . import rules
from .manifests import ROOT, Document, Peer, connects, kind, load, pod, workload

OVERLAYS = ("hetzner-cluster", "hetzner-single-node")
DOCUMENTS = {overlay: load(overlay) for overlay in OVERLAYS}
SINGLE = DOCUMENTS["hetzner-single-node"]
VENUE = Peer(address="203.0.113.7")
METADATA = Peer(address="169.254.169.254")
NODE = Peer(address="10.80.0.2")


def container(documents: list[Document], name: str) -> Document:
    return workload(documents, name).containers[0]


def policy(documents: list[Document], name: str) -> Document:
    (found,) = (each for each in kind(documents, "NetworkPolicy") if each["metadata"]["name"] == name)
    return found["spec"]


def role(documents: list[Document]) -> Document:
    (found,) = kind(documents, "Role")
    return found


def remove(documents: list[Document], wanted: str, name: str) -> None:
    documents[:] = [each for each in documents if (each["kind"], each["metadata"]["name"]) != (wanted, name)]


MUTANTS: dict[str, tuple[rules.Rule, Callable[[list[Document]], object]]] = {
    "no readiness probe": (rules.probes, lambda d: container(d, "reactor").pop("readinessProbe")),
    "restarted while the broker is away": (
        rules.probes,
        lambda d: container(d, "executor")["livenessProbe"]["httpGet"].update(path="/healthz"),
    ),
    "a budget is missing": (rules.disruption_budgets, lambda d: remove(d, "PodDisruptionBudget", "executor")),
    "a budget lets all go": (
        rules.disruption_budgets,
        lambda d: [each["spec"].update(maxUnavailable=2) for each in kind(d, "PodDisruptionBudget")],
    ),
    "no limit": (rules.resources, lambda d: container(d, "ledger")["resources"].pop("limits")),
    "an init container without requests": (
        rules.resources,
        lambda d: workload(d, "redpanda").pod["initContainers"][0]["resources"].pop("requests"),
    ),
    "root": (rules.non_root, lambda d: workload(d, "monitor").pod["securityContext"].update(runAsUser=0)),
    "a container that is root": (
        rules.non_root,
        lambda d: container(d, "monitor")["securityContext"].update(runAsUser=0, runAsNonRoot=False),
    ),
    "a root that can be written": (
        rules.read_only_root,
        lambda d: container(d, "archiver")["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    "more rights": (
        rules.confined,
        lambda d: container(d, "redpanda")["securityContext"].update(capabilities={"add": ["SYS_ADMIN"]}),
    ),
    "no seccomp": (rules.confined, lambda d: workload(d, "runner").pod["securityContext"].pop("seccompProfile")),
    "the Docker socket": (
        rules.confined,
        lambda d: workload(d, "runner").pod["volumes"].append({"name": "s", "hostPath": {"path": "/run/docker.sock"}}),
    ),
    "an open namespace": (
        rules.confined,
        lambda d: [
            each["metadata"].pop("labels") for each in kind(d, "Namespace") if each["metadata"]["name"] == "delivery"
        ],
    ),
    "not closed": (rules.default_deny, lambda d: remove(d, "NetworkPolicy", "default-deny")),
    "closed for what comes in only": (
        rules.default_deny,
        lambda d: [
            each["spec"].update(policyTypes=["Ingress"])
            for each in kind(d, "NetworkPolicy")
            if each["metadata"]["name"] == "default-deny"
        ],
    ),
    "out to everybody": (rules.egress_by_name, lambda d: policy(d, "services-to-redpanda")["egress"][0].pop("to")),
    "out to every port": (rules.egress_by_name, lambda d: policy(d, "services-to-redpanda")["egress"][0].pop("ports")),
    "out to all pods": (
        rules.egress_by_name,
        lambda d: policy(d, "services-to-redpanda")["egress"][0].update(to=[{"podSelector": {}}]),
    ),
    "out to an address": (
        rules.egress_by_name,
        lambda d: policy(d, "services-to-redpanda")["egress"][0].update(to=[{"ipBlock": {"cidr": "10.42.0.0/16"}}]),
    ),
    "out to the metadata": (
        rules.egress_by_name,
        lambda d: policy(d, "venue-services-to-venue")["egress"][0]["to"][0]["ipBlock"].pop("except"),
    ),
    "the ledger open to all": (
        rules.ingress_by_name,
        lambda d: policy(d, "ledger-from-executor-and-monitor")["ingress"][0].pop("from"),
    ),
    "every port of the bus": (
        rules.ingress_by_name,
        lambda d: policy(d, "redpanda-from-services")["ingress"][0].pop("ports"),
    ),
    "the ledger open to addresses": (
        rules.ingress_by_name,
        lambda d: policy(d, "ledger-from-executor-and-monitor")["ingress"][0].update(
            {"from": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}
        ),
    ),
    "state elsewhere": (
        rules.volumes,
        lambda d: [
            each.update(mountPath="/var/lib/postgresql/data")
            for each in container(d, "ledger")["volumeMounts"]
            if each["name"] == "executor-state"
        ],
    ),
    "state in the pod": (rules.volumes, lambda d: workload(d, "ledger").document["spec"].pop("volumeClaimTemplates")),
    "data beside the volume": (
        rules.volumes,
        lambda d: [each.update(value="/tmp/x") for each in container(d, "ledger")["env"] if each["name"] == "PGDATA"],
    ),
    "the bus in the pod": (
        rules.volumes,
        lambda d: workload(d, "redpanda").document["spec"].pop("volumeClaimTemplates"),
    ),
    "the archive in the pod": (rules.volumes, lambda d: remove(d, "PersistentVolumeClaim", "archive")),
    "no storage class": (
        rules.volumes,
        lambda d: [each["spec"].pop("storageClassName") for each in kind(d, "PersistentVolumeClaim")],
    ),
    "no preStop": (rules.endings, lambda d: container(d, "normalizer").pop("lifecycle")),
    "too little grace": (
        rules.endings,
        lambda d: workload(d, "executor").pod.update(terminationGracePeriodSeconds=25),
    ),
    "the default grace": (rules.endings, lambda d: workload(d, "redpanda").pod.pop("terminationGracePeriodSeconds")),
    "a tag": (rules.images_by_digest, lambda d: container(d, "ledger").update(image="docker.io/library/postgres:17")),
    "an invented digest": (
        rules.images_by_digest,
        lambda d: container(d, "ledger").update(image=f"docker.io/library/postgres@sha256:{64 * '0'}"),
    ),
    "another image": (
        rules.images_by_digest,
        lambda d: container(d, "forgejo").update(image="example.org/forgejo@UNPINNED"),
    ),
    "a token": (rules.tokens, lambda d: workload(d, "executor").pod.update(automountServiceAccountToken=True)),
    "links of Services": (rules.tokens, lambda d: workload(d, "executor").pod.pop("enableServiceLinks")),
    "a secret in the open": (
        rules.secrets,
        lambda d: container(d, "ingestor")["env"].append({"name": "EVENT_TRADING_NEAR_TOKEN", "value": "x"}),
    ),
    "a Secret": (
        rules.secrets,
        lambda d: d.append({"kind": "Secret", "metadata": {"name": "x", "namespace": "event-trading"}}),
    ),
    "the key elsewhere": (
        rules.secrets,
        lambda d: container(d, "reactor")["env"].append(
            {
                "name": "EVENT_TRADING_NEAR_KEY",
                "valueFrom": {"secretKeyRef": {"name": "event-trading-key", "key": "key"}},
            }
        ),
    ),
    "two services in a pod": (
        rules.one_container_each,
        lambda d: workload(d, "prices").containers.append(copy.deepcopy(container(d, "inventory"))),
    ),
    "no archiver": (rules.one_container_each, lambda d: remove(d, "StatefulSet", "archiver")),
    "asked at another port": (
        rules.one_container_each,
        lambda d: container(d, "monitor")["ports"][0].update(containerPort=8808),
    ),
    "the ledger on the node": (
        rules.node_ports,
        lambda d: [
            each["spec"].update(type="NodePort", ports=[{"port": 5432, "nodePort": 30432}])
            for each in kind(d, "Service")
            if each["metadata"]["name"] == "ledger"
        ],
    ),
}
MUTANTS |= {
    "the runner moves any of a kind": (rules.runners_account, lambda d: role(d)["rules"][1].pop("resourceNames")),
    "the runner looks at all": (
        rules.runners_account,
        lambda d: role(d)["rules"].append({"resources": ["statefulsets"], "verbs": ["list", "watch"]}),
    ),
    "the runner moves the ledger": (
        rules.runners_account,
        lambda d: role(d)["rules"][1]["resourceNames"].append("ledger"),
    ),
    "the runner reads Secrets": (rules.runners_account, lambda d: role(d)["rules"][0]["resources"].append("secrets")),
    "the runner makes workloads": (rules.runners_account, lambda d: role(d)["rules"][0]["verbs"].append("create")),
    "the runner cannot move a service": (
        rules.runners_account,
        lambda d: role(d)["rules"][0]["resourceNames"].remove("prices"),
    ),
    "the runner is everywhere": (rules.runners_account, lambda d: role(d).update(kind="ClusterRole")),
    "the operator's listener open to pods": (
        rules.operators_listener,
        lambda d: [
            each["data"].update({"redpanda.yaml": each["data"]["redpanda.yaml"].replace("127.0.0.1", "0.0.0.0")})
            for each in kind(d, "ConfigMap")
            if "redpanda.yaml" in each["data"]
        ],
    ),
    "a broker that cannot be found from outside": (
        rules.operators_listener,
        lambda d: container(d, "redpanda").update(args=["redpanda", "start"]),
    ),
    "the operator's listener in a Service": (
        rules.operators_listener,
        lambda d: [
            each["spec"]["ports"].append({"name": "operator", "port": 19090, "targetPort": 19090})
            for each in kind(d, "Service")
            if each["metadata"]["name"] == "redpanda"
        ],
    ),
    "pods let in by their address": (
        rules.ingress_by_name,
        lambda d: d.append(
            {
                "kind": "NetworkPolicy",
                "metadata": {"name": "registry-from-nodes", "namespace": "delivery"},
                "spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "10.42.0.0/16"}}], "ports": [{"port": 5000}]}]},
            }
        ),
    ),
}
OF_A_CLUSTER: dict[str, tuple[rules.Rule, Callable[[list[Document]], object]]] = {
    "two brokers": (rules.survives_a_node, lambda d: workload(d, "redpanda").document["spec"].update(replicas=2)),
    "no standby": (rules.survives_a_node, lambda d: remove(d, "StatefulSet", "ledger-standby")),
    "brokers together": (rules.survives_a_node, lambda d: workload(d, "redpanda").pod.pop("affinity")),
    "ledger and standby together": (rules.survives_a_node, lambda d: workload(d, "ledger-standby").pod.pop("affinity")),
    "executors together": (
        rules.survives_a_node,
        lambda d: workload(d, "executor").pod.pop("topologySpreadConstraints"),
    ),
    "one copy of a topic": (
        rules.survives_a_node,
        lambda d: [
            each["data"].update({".bootstrap.yaml": "default_topic_replications: 1\n"})
            for each in kind(d, "ConfigMap")
            if ".bootstrap.yaml" in each["data"]
        ],
    ),
    "only the registry's own node": (rules.nodes_pull, lambda d: remove(d, "NetworkPolicy", "registry-from-nodes")),
    "the nodes' network alone": (
        rules.nodes_pull,
        lambda d: policy(d, "registry-from-nodes")["ingress"][0].update(
            {"from": [{"ipBlock": {"cidr": "10.80.0.0/24"}}]}
        ),
    ),
    "all of the pods' network": (
        rules.nodes_pull,
        lambda d: policy(d, "registry-from-nodes")["ingress"][0].update(
            {"from": [{"ipBlock": {"cidr": "10.80.0.0/24"}}, {"ipBlock": {"cidr": "10.42.0.0/16"}}]}
        ),
    ),
}


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_a_rendered_overlay_keeps_the_rule(overlay: str, rule: rules.Rule) -> None:
    assert list(rule(DOCUMENTS[overlay])) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught_by_its_rule(overlay: str, name: str) -> None:
    rule, break_it = MUTANTS[name]
    broken = copy.deepcopy(DOCUMENTS[overlay])
    break_it(broken)
    assert list(rule(broken)) != []


def test_every_rule_has_a_mutant() -> None:
    assert {rule for rule, _ in MUTANTS.values()} == set(rules.RULES)
    assert {rule for rule, _ in OF_A_CLUSTER.values()} == set(rules.CLUSTER_RULES)


@pytest.mark.parametrize("rule", rules.CLUSTER_RULES, ids=lambda rule: rule.__name__)
def test_the_overlay_of_three_nodes_keeps_the_rules_of_more_than_one(rule: rules.Rule) -> None:
    assert list(rule(DOCUMENTS["hetzner-cluster"])) == []
    assert list(rule(SINGLE)) != []


@pytest.mark.parametrize("name", OF_A_CLUSTER)
def test_a_mutant_of_the_cluster_is_caught(name: str) -> None:
    rule, break_it = OF_A_CLUSTER[name]
    broken = copy.deepcopy(DOCUMENTS["hetzner-cluster"])
    break_it(broken)
    assert list(rule(broken)) != []


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("service", Service)
def test_a_service_reaches_what_it_needs_and_nothing_else(overlay: str, service: Service) -> None:
    documents = DOCUMENTS[overlay]
    own = pod(documents, service.value)
    assert connects(documents, own, pod(documents, "redpanda"), 9092)
    assert connects(documents, own, pod(documents, "ledger"), 5432) == ("store_url" in NEEDS[service])
    outside = {"near_ws_url", "near_node_url"} & set(NEEDS[service])
    assert connects(documents, own, VENUE, 443) == bool(outside)
    assert not connects(documents, own, VENUE, 80)
    for target, port in ((METADATA, 443), (METADATA, 80), (NODE, 6443), (NODE, 443)):
        assert not connects(documents, own, target, port)
    for name, port in (
        ("redpanda", 9644),
        ("redpanda", 33145),
        ("forgejo", 3000),
        ("registry", 5000),
        ("builder", 1234),
    ):
        assert not connects(documents, own, pod(documents, name), port)
    for other in Service:
        assert not connects(documents, own, pod(documents, other.value), "http")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_delivery_reaches_what_it_needs_and_no_store(overlay: str) -> None:
    documents = DOCUMENTS[overlay]
    runner, builder, forgejo = (pod(documents, name) for name in ("runner", "builder", "forgejo"))
    assert connects(documents, runner, forgejo, 3000)
    assert connects(documents, runner, builder, 1234)
    assert connects(documents, runner, NODE, 6443)
    assert connects(documents, builder, pod(documents, "registry"), 5000)
    assert connects(documents, builder, VENUE, 443)
    assert not connects(documents, runner, VENUE, 443)
    assert not connects(documents, forgejo, VENUE, 443)
    assert not connects(documents, builder, METADATA, 80)
    for source in (runner, builder, forgejo):
        for name, port in (("ledger", 5432), ("redpanda", 9092)):
            assert not connects(documents, source, pod(documents, name), port)


def test_brokers_and_the_standby_reach_their_own() -> None:
    documents = DOCUMENTS["hetzner-cluster"]
    redpanda, ledger, standby = (pod(documents, name) for name in ("redpanda", "ledger", "ledger-standby"))
    assert connects(documents, redpanda, redpanda, 33145)
    assert connects(documents, standby, ledger, 5432)
    assert not connects(documents, ledger, standby, 5432)
    assert not connects(documents, redpanda, ledger, 5432)


def told(documents: list[Document], service: Service) -> Settings:
    """Return the settings of a pod, secrets filled in."""
    files = {key: text for each in kind(documents, "ConfigMap") for key, text in each["data"].items()}
    given = {entry["name"]: entry.get("value", "secret") for entry in container(documents, service.value)["env"]}
    given.pop("EVENT_TRADING_CONFIG")
    given["STORE_URL"] = "postgresql+psycopg://event_trading:secret@ledger/event_trading"
    document = yaml.safe_load(files["settings.yaml"])
    named = {
        f"EVENT_TRADING_{key.upper()}": str(value) for key, value in document.items() if isinstance(value, str | int)
    }
    named["LIVE_TRADING"] = named.pop("EVENT_TRADING_LIVE_TRADING")
    lists = {"EVENT_TRADING_TOKENS": ",".join(document["tokens"])}
    return read_settings(None, {**named, **lists, **given})


@pytest.mark.parametrize("service", Service)
def test_a_pod_has_all_that_its_service_needs_and_sends_nothing(service: Service) -> None:
    settings = told(SINGLE, service)
    settings.required(*NEEDS[service])
    assert settings.mode is Mode.DRY_RUN
    assert (settings.host, settings.port + service.offset) == (
        "0.0.0.0",
        container(SINGLE, service.value)["ports"][0]["containerPort"],
    )


def test_settings_name_what_stands_in_the_overlay() -> None:
    settings = told(SINGLE, Service.PRICES)
    assert settings.kafka_url == "redpanda.event-trading.svc:9092"
    mounts = workload(SINGLE, "prices").mounts()
    assert settings.prices_file.rpartition("/")[0] in mounts
    assert settings.archive_url.removeprefix("file://").rpartition("/")[0] in workload(SINGLE, "archiver").mounts()


def test_prices_are_no_part_of_an_overlay_which_would_take_them_back() -> None:
    for documents in DOCUMENTS.values():
        assert [each for each in kind(documents, "ConfigMap") if "prices" in each["metadata"]["name"]] == []
        volumes = {each["name"]: each for each in workload(documents, "prices").pod["volumes"]}
        assert volumes["prices"]["configMap"] == {"name": "event-trading-prices"}


def test_the_quoter_and_the_prices_of_the_overlay_can_be_used() -> None:
    document = yaml.safe_load((ROOT / "deploy/k8s/base/settings.yaml").read_text())
    assert quoter_of(document["quoter"], document["quoter_settings"])
    assert price_events(ROOT / "deploy/k8s/prices.example.jsonl", SystemClock().now())


CHECKER = """
import sys
sys.path.insert(0, "scripts")
from clusters.validating import faults
cases = [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "good"}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "misspelt"}, "dota": {}},
    {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "unknown"}},
]
print(*faults("a.yaml", cases, sys.argv[1]), sep="\\n")
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_a_misspelt_field_a_kind_without_schema_and_a_version_without_schemas_are_faults() -> None:
    version = tomllib.loads((ROOT / "deploy/images.toml").read_text())["binaries"]["k3s"]["version"][1:].partition("+")[
        0
    ]
    misspelt, unknown = run("-c", CHECKER, version).stdout.splitlines()
    assert misspelt.startswith("a.yaml: ConfigMap/misspelt: document: ")
    assert "dota" in misspelt
    assert unknown.startswith("a.yaml: Widget/unknown: Couldn't find schema")
    (newer,) = run("-c", CHECKER, "1.99.0").stdout.splitlines()
    assert "no schemas of Kubernetes 1.99.0" in newer


def test_what_is_checked_in_is_what_kustomize_renders() -> None:
    done = run("scripts/render_kubernetes.py", "--check")
    if done.stdout.startswith("not rendered: "):
        pytest.skip(done.stdout.strip())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_names_of_images_come_from_the_pins() -> None:
    done = run("scripts/generate_image_pins.py", "--check")
    assert (done.returncode, done.stderr) == (0, "")
