"""The cluster: kubectl, and what it is asked for."""

from __future__ import annotations

import os
import re

from .forge import command
from .stores import archive, is_known
from .world import ENVIRONMENT, End, found, not_yet, option, sha256, wrote

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to load than most calls take
    from collections.abc import Callable

    from .world import World

STORES = (
    "statefulset/ledger",
    "statefulset/redpanda",
    "deployment/registry",
    "statefulset/forgejo",
    "deployment/builder",
)
SERVICES = ("archiver", "monitor", "executor", "reactor", "normalizer", "inventory", "prices", "ingestor")
OVERLAY = "deploy/k8s/overlays/hetzner-single-node"
PORT = 40000


def kubectl(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Ask or change the cluster, which is there once its server is."""
    if not world["cloud"].get("server"):
        raise End(1, "", "Unable to connect to the server: dial tcp: i/o timeout\n")
    if not os.path.exists(ENVIRONMENT.get("KUBECONFIG", "")):
        raise End(1, "", "no configuration has been provided\n")
    verb = [word for word in words if not word.startswith("-")]
    CLUSTER[verb[0]](world, words, verb, given)


def wanted(world: World, words: list[str], given: str) -> dict[str, str]:
    """Return what a manifest or an overlay asks for, by name."""
    if option(words, "--filename") == "-":
        asked: dict[str, str] = {}
        for text in given.split("---\n"):
            if name := re.search(r"name: (\S+), namespace: (\S+) ", text):
                asked[f"secret/{name[2]}/{name[1]}"] = sha256(text)
                if "namespaces" not in world["objects"]:
                    raise End(1, "", f"namespace {name[2]} not found\n")
        return asked
    text = open(os.path.join(option(words, "--kustomize"), "kustomization.yaml")).read()
    resources = found(r"resources: \[(.*)\]", text)[1]
    if not resources.endswith(OVERLAY) or "," in resources:
        world["violations"].append(f"applied {resources}")
    digest = found(r"digest: (\S+) ", text)[1]
    selector = option(words, "--selector")
    if selector == "app.kubernetes.io/component=namespace":
        return {"namespaces": "there"}
    if selector == "app.kubernetes.io/component!=service":
        return {"namespaces": "there", "stores": "there"}
    if not digest.startswith("sha256:"):
        world["violations"].append("services without a digest")
    return {"namespaces": "there", "stores": "there", "services": digest}


def apply(world: World, words: list[str], verb: list[str], given: str) -> None:
    """Apply manifests."""
    asked = wanted(world, words, given)
    world["secrets"].update(zip(asked, given.split("---\n"), strict=False) if option(words, "--filename") else ())
    for name, content in asked.items():
        if name == "services" and not world["ledger"]:
            world["violations"].append("services were started on a new ledger that nobody has halted")
        if world["objects"].get(name) != content:
            world["objects"][name] = content
            world["running"] = world.get("running") or name == "services"
            wrote(world, f"apply {name}")
    raise End(0, "".join(f"{name} serverside-applied\n" for name in asked))


def diff(world: World, words: list[str], verb: list[str], given: str) -> None:
    """Say whether manifests would change anything."""
    asked = wanted(world, words, given)
    raise End(0 if asked.items() <= world["objects"].items() else 1, "a difference\n")


def get(world: World, words: list[str], verb: list[str], given: str) -> None:
    """Show one object."""
    objects = world["objects"]
    if verb[1] == "node":
        raise End(1, "", "not found\n") if not_yet(world) else End(0, f"{verb[2]} Ready\n")
    if verb[1:3] == ["statefulset", "executor"]:
        digest = objects.get("services")
        raise End(0, f"registry.delivery.svc:5000/event_trading@{digest}" if digest else "")
    if verb[1:3] == ["configmap", "event-trading-prices"]:
        raise End(0, "event-trading-prices") if "prices" in objects else End(1, "", "not found\n")
    if verb[1] == "persistentvolumeclaim":
        raise End(0, "volume-1") if "stores" in objects else End(1, "", "not found\n")
    if verb[1] == "secret":
        secret(world, words, f"secret/{option(words, '--namespace')}/{verb[2]}")
    if verb[1] == "pods":
        raise End(0, "".join(f"pod/{name}-0\n" for name in SERVICES) if world.get("running") else "")
    if verb[1:3] == ["statefulset", "redpanda"]:
        raise End(0, str(world["brokers"]))
    raise End(1, "", f"not found: {verb}\n")


def secret(world: World, words: list[str], name: str) -> None:
    """Show a Secret: its name, one of its values, or the annotation of the registration."""
    asked = option(words, "--output")
    if name not in world["objects"]:
        raise End(0, "")
    if "annotations" in asked:
        raise End(0, world["objects"].get("annotation", ""))
    if asked == "name":
        raise End(0, name)
    key = found(r"\.data\.(.*)}", asked)[1].replace("\\", "")
    raise End(0, found(rf"(?m)^  {re.escape(key)}: (\S+)$", world["secrets"][name])[1])


def delete(world: World, words: list[str], verb: list[str], given: str) -> None:
    """Delete a Secret."""
    if world["objects"].pop(f"secret/{option(words, '--namespace')}/{verb[2]}", None):
        wrote(world, f"delete {verb[2]}")


def create(world: World, words: list[str], verb: list[str], given: str) -> None:
    """Make the prices."""
    if "prices" in world["objects"]:
        raise End(1, "", "AlreadyExists\n")
    world["objects"]["prices"] = option(words, "--from-file")
    wrote(world, "create prices")


def wait(world: World, words: list[str], verb: list[str], given: str) -> None:
    """Wait for the node."""
    raise End(1, "", "timed out\n") if not_yet(world, timeout(words)) else End(0, "condition met\n")


def rollout(world: World, words: list[str], verb: list[str], given: str) -> None:
    """Say whether a workload is ready."""
    target, objects = verb[2], world["objects"]
    if target in STORES:
        there = "stores" in objects and "secret/event-trading/ledger-owner" in objects
    elif target == "deployment/runner":
        there = "secret/delivery/runner-registration" in objects and bool(world["runners"])
    else:
        assert target.partition("/")[2] in SERVICES, target
        there = objects.get("services") in world["registry"].values()
    if not_yet(world, timeout(words)) or not there:
        raise End(1, "", "error: timed out waiting for the condition\n")
    raise End(0, f"{target} successfully rolled out\n")


def timeout(words: list[str]) -> int:
    """Return for how many seconds kubectl waits."""
    return int(option(words, "--timeout").removesuffix("s"))


def annotate(world: World, words: list[str], verb: list[str], given: str) -> None:
    """Annotate the registration."""
    value = verb[3].partition("=")[2]
    if world["objects"].get("annotation") != value:
        world["objects"]["annotation"] = value
        wrote(world, "annotate runner-registration")


def port_forward(world: World, words: list[str], verb: list[str], given: str) -> None:
    """Open a port."""
    if "stores" not in world["objects"]:
        raise End(1, "", "service not found\n")
    local, _, remote = verb[2].partition(":")
    raise End(0, f"Forwarding from 127.0.0.1:{local or PORT} -> {remote}\n")


def execute(world: World, words: list[str], verb: list[str], given: str) -> None:
    """Run a command in a pod."""
    if "stores" not in world["objects"]:
        raise End(1, "", f"pod {verb[1]} not found\n")
    inner = words[words.index("--") + 1 :]
    if inner[0] == "psql":
        is_known(world, inner)
    if inner[0] == "tar":
        archive()
    command(world, inner, given)


CLUSTER = {
    "annotate": annotate,
    "create": create,
    "delete": delete,
    "apply": apply,
    "diff": diff,
    "exec": execute,
    "get": get,
    "port-forward": port_forward,
    "rollout": rollout,
    "wait": wait,
}
