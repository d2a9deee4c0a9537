"""A double of terraform, hcloud, kubectl, curl, docker, git, uv and ssh: each call changes one world, kept in a file.

It stands alone: a program of each of these names loads a copy of it, without site packages, hundreds of times. The
folder that ``DOUBLES`` names has the world, every call with its words, and the fault that one of the calls meets.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to load than most calls take
    from collections.abc import Callable
    from typing import Any, NoReturn

    World = dict[str, Any]

ENVIRONMENT = os.environ  # noqa: TID251 - each call is a program of its own
LABEL = "event-trading"
ADDRESS = "203.0.113.10"
RESOURCES = {
    "hcloud_primary_ip.server": "primary-ip",
    "hcloud_network.cluster": "network",
    "hcloud_network_subnet.nodes": "subnet",
    "hcloud_firewall.cluster": "firewall",
    "hcloud_volume.state": "volume",
    "hcloud_server.node": "server",
    "hcloud_volume_attachment.state": "attachment",
}
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
LATE = 3
"""How often something that is late is not there yet."""
PATIENCE = 5
"""Seconds after which it is."""


class End(Exception):
    """The status of the call, and what it prints."""

    def __init__(self, status: int = 0, out: str = "", err: str = "") -> None:
        super().__init__(status)
        self.status, self.out, self.err = status, out, err


def empty() -> World:
    """Return a world in which nothing was made."""
    return {
        "calls": 0,
        "writes": [],
        "violations": [],
        "next": 100,
        "cloud": {},
        "terraform": {},
        "objects": {},
        "registry": {},
        "users": {},
        "repositories": [],
        "branches": {},
        "runners": {},
        "late": 0,
    }


def main() -> None:
    """Make the call; end with its status."""
    folder = ENVIRONMENT["DOUBLES"]
    program, words = os.path.basename(sys.argv[0]), sys.argv[1:]
    if program == "git" and not {"push", "ls-remote"} & set(words):
        os.execv(ENVIRONMENT["REAL_GIT"], ["git", *words])
    given = sys.stdin.read() if takes_stdin(program, words) else ""
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = os.path.join(folder, "world.json")
        world = json.load(open(path)) if os.path.exists(path) else empty()
        world["calls"] += 1
        with open(os.path.join(folder, "calls.jsonl"), "a") as calls:
            calls.write(json.dumps([program, words]) + "\n")
        fault: World = {}
        with contextlib.suppress(OSError):
            fault = json.load(open(os.path.join(folder, "fault.json")))
        met = str(fault["what"]) if fault.get("call") == world["calls"] else ""
        save(path, world)
        if met == "kill-before":
            kill()
        end = meet(met, world, program, words, given, path)
        save(path, world)
        if met == "kill-after":
            kill()
    sys.stdout.write(end.out)
    sys.stderr.write(end.err)
    sys.stdout.flush()
    if program == "kubectl" and "port-forward" in words and not end.status:
        stay()
    sys.exit(end.status)


def meet(met: str, world: World, program: str, words: list[str], given: str, path: str) -> End:
    """Make the call as the fault has it."""
    if met == "fail":
        return End(1, "", f"{program}: refused by the fault\n")
    if met == "late":
        world["late"] = LATE
        time.sleep(0.2)

    def inside() -> None:
        if met == "kill-inside":
            save(path, world)
            kill()

    try:
        PROGRAMS[program](world, words, given, inside)
        end = End()
    except End as told:
        end = told
    if met == "kill-inside":
        save(path, world)
        kill()
    if met == "fail-after":
        return End(1, "", f"{program}: the answer was lost\n")
    if met == "wrong":
        return End(0, "<html>Bad Gateway</html>\n", "")
    if met == "empty":
        return End(0, "", "")
    return end


def takes_stdin(program: str, words: list[str]) -> bool:
    """Whether what is asked for comes on standard input."""
    text = " ".join(words)
    return (program == "curl" and "--config -" in text) or (
        program == "kubectl" and ("--filename=-" in text or "--secret-stdin" in text)
    )


def save(path: str, world: World) -> None:
    """Write the world down at once."""
    with open(path + ".part", "w") as file:
        json.dump(world, file)
    os.replace(path + ".part", path)


def kill() -> NoReturn:
    """End everything that was started with the bootstrap, as a crash of the workstation does."""
    os.killpg(os.getpgrp(), signal.SIGKILL)
    raise SystemExit(1)


def stay() -> None:
    """Hold a port open, in a manner of speaking."""
    until = time.monotonic() + 30
    while time.monotonic() < until and os.getppid() != 1:
        time.sleep(0.02)


def wrote(world: World, what: str) -> None:
    """Take note of a change."""
    world["writes"].append(what)


def not_yet(world: World, seconds: int = 0) -> bool:
    """Whether what is waited for is late once more; who waits so long himself sees it come."""
    if seconds > PATIENCE:
        world["late"] = 0
    if world["late"]:
        world["late"] -= 1
        return True
    return False


def sha256(text: str) -> str:
    """Return the SHA-256 of a text; few calls need it."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def found(pattern: str, text: str) -> re.Match[str]:
    """Return where a pattern is, which it has to be."""
    match = re.search(pattern, text)
    assert match, f"{pattern} is not in {text}"
    return match


def option(words: list[str], name: str) -> str:
    """Return the value of ``--name=value`` or ``--name value``, empty if it is not there."""
    for place, word in enumerate(words):
        if word.startswith(name + "="):
            return word[len(name) + 1 :]
        if word == name and place + 1 < len(words):
            return words[place + 1]
    return ""


# --- the cloud ------------------------------------------------------------------------------------


def terraform(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Make, import, show and destroy what stands at the cloud."""
    verb = [word for word in words if not word.startswith("-")]
    cloud, known = world["cloud"], world["terraform"]
    if verb[0] == "plan":
        whole = all(name in known and known[name] in cloud.get(kind, []) for name, kind in RESOURCES.items())
        raise End(0 if whole else 2)
    if verb[:2] == ["state", "list"]:
        raise End(0, "".join(f"{name}\n" for name in known)) if known else End(1, "", "No state file was found!\n")
    if verb[0] == "output":
        raise End(0, ADDRESS) if "hcloud_primary_ip.server" in known else End(1, "", "no output\n")
    if verb[0] == "import":
        imported(world, verb[1], verb[2].partition("-")[0])
    if verb[0] == "apply":
        created(world, inside)
    if verb[0] == "destroy":
        destroyed(world, [word.partition("=")[2] for word in words if word.startswith("-target=")])


def imported(world: World, name: str, given: str) -> None:
    """Take what is there into the state."""
    there = world["cloud"].get(RESOURCES[name], [])
    number = there[0] if RESOURCES[name] in ("subnet", "attachment") and there else int(given)
    if name in world["terraform"] or number not in there:
        raise End(1, "", f"{name} is managed already, or there is none\n")
    world["terraform"][name] = number
    wrote(world, f"import {name}")


def created(world: World, inside: Callable[[], None]) -> None:
    """Make what is missing; a name that is used already is refused."""
    cloud, known = world["cloud"], world["terraform"]
    for name, kind in RESOURCES.items():
        if name in known and known[name] in cloud.get(kind, []):
            continue
        if cloud.get(kind):
            raise End(1, "", f"{name}: uniqueness_error: the name is used already\n")
        world["next"] += 1
        cloud[kind] = [world["next"]]
        wrote(world, f"create {kind}")
        if ENVIRONMENT.get("INSIDE") == kind:
            inside()
        known[name] = world["next"]


def destroyed(world: World, targets: list[str]) -> None:
    """Delete what is known, or some of it."""
    for name in targets or list(world["terraform"]):
        if RESOURCES[name] == "volume" and not world.get("unprotected"):
            raise End(1, "", "the volume is protected\n")
        world["cloud"].pop(RESOURCES[name], None)
        world["terraform"].pop(name, None)
        wrote(world, f"destroy {RESOURCES[name]}")


def hcloud(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """List and describe what stands at the cloud."""
    kind, verb = words[:2]
    there = world["cloud"].get(kind, [])
    if verb == "list":
        if not option(words, "--selector").startswith(f"{LABEL}="):
            world["violations"].append("hcloud list without a label")
        raise End(0, "".join(f"{each}\n" for each in there))
    if verb == "describe":
        if not there:
            raise End(1, "", f"{kind} not found\n")
        if kind == "network":
            raise End(0, str(len(world["cloud"].get("subnet", []))))
        raise End(0, str(world["cloud"]["server"][0]) if world["cloud"].get("attachment") else "")
    if verb == "disable-protection":
        if not there:
            raise End(1, "", "volume not found\n")
        world["unprotected"] = True
        wrote(world, "unprotect volume")


def ssh(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Nobody logs in."""
    world["violations"].append("somebody logged in")
    raise End(255)


# --- the cluster ----------------------------------------------------------------------------------


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
    for name, content in asked.items():
        if world["objects"].get(name) != content:
            world["objects"][name] = content
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
    if verb[1:3] == ["secret", "runner-registration"]:
        raise End(0, objects.get("annotation", ""))
    raise End(1, "", f"not found: {verb}\n")


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
    raise End(0, f"Forwarding from 127.0.0.1:{PORT} -> 5000\n")


def execute(world: World, words: list[str], verb: list[str], given: str) -> None:
    """Run the forge's own command."""
    if "stores" not in world["objects"]:
        raise End(1, "", "pod forgejo-0 not found\n")
    inner = words[words.index("--") + 1 :]
    users = world["users"]
    if inner[1:4] == ["admin", "user", "list"]:
        lines = [f"{place}   {name}   {each['mail']}\n" for place, (name, each) in enumerate(users.items(), 1)]
        raise End(0, "ID   Username   Email\n" + "".join(lines))
    if inner[1:4] == ["admin", "user", "create"]:
        name = option(inner, "--username")
        if name in users:
            raise End(1, "", "user already exists\n")
        users[name] = {
            "mail": option(inner, "--email"),
            "admin": "--admin" in inner,
            "password": "random",
            "tokens": {},
        }
        wrote(world, "create user")
        raise End(0, "generated random password is 'random'\n")
    if inner[1:4] == ["admin", "user", "generate-access-token"]:
        tokens, name = users[option(inner, "--username")]["tokens"], option(inner, "--token-name")
        if name in tokens:
            raise End(1, "", "access token name has been used already\n")
        tokens[name] = sha256(name)[:40]
        wrote(world, "create token")
        raise End(0, tokens[name] + "\n")
    if inner[1:4] == ["forgejo-cli", "actions", "register"]:
        if not re.fullmatch("[0-9a-f]{40}", given):
            raise End(1, "", "the secret must be an hexadecimal string of 40 characters\n")
        if world["runners"].get(given[:16]) != option(inner, "--scope"):
            world["runners"][given[:16]] = option(inner, "--scope")
            wrote(world, "register runner")
        raise End(0, "uuid\n")
    raise End(1, "", f"unknown: {inner}\n")


# --- over HTTP ------------------------------------------------------------------------------------


def curl(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Answer over HTTP."""
    url = words[-1]
    authority = option(words, "--cacert")
    if (url.startswith("https:") and not os.path.exists(authority)) or "--insecure" in words:
        world["violations"].append(f"{url} was asked without our authority")
    if not world["cloud"].get("server"):
        raise End(7, "", "curl: (7) Failed to connect\n")
    if url.endswith(":6443/readyz"):
        if not_yet(world):
            raise End(22, "", "curl: (22) The requested URL returned error: 503\n")
        raise End(0, "ok")
    if "/v2/event_trading/manifests/" in url:
        if digest := world["registry"].get(url.rpartition("/")[2]):
            raise End(0, f"HTTP/1.1 200 OK\r\nDocker-Content-Digest: {digest}\r\n\r\n")
        raise End(22, "", "curl: (22) The requested URL returned error: 404\n")
    if "stores" not in world["objects"]:
        raise End(7, "", "curl: (7) Failed to connect\n")
    if url.endswith("/api/healthz"):
        if not_yet(world):
            raise End(22, "", "curl: (22) The requested URL returned error: 502\n")
        raise End(0, '{"status": "pass"}')
    status, answer = forge(world, option(words, "--request"), url.partition("/api/v1")[2], given)
    raise End(0, f"{json.dumps(answer)}\n{status}")


def forge(world: World, method: str, path: str, given: str) -> tuple[int, object]:
    """Return the status and the answer of the forge's API."""
    settings = dict(re.findall(r'^(\w+) = "(.*)"$', given, re.MULTILINE))
    body = json.loads(settings["data"].replace('\\"', '"').replace("\\\\", "\\")) if "data" in settings else {}
    user, _, password = settings.get("user", "").replace('\\"', '"').replace("\\\\", "\\").partition(":")
    token = re.search(r"Authorization: token (\w+)", given)
    users = world["users"]
    own = users.get(user, {})
    by_password = bool(own) and own["password"] == password
    by_token = token is not None and any(token[1] in each["tokens"].values() for each in users.values())
    if not (by_password or by_token):
        return 401, {"message": "user does not exist"}
    if (method, path) == ("GET", "/user"):
        return 200, {"login": user, "is_admin": own["admin"]}
    if method == "PATCH" and path.startswith("/admin/users/"):
        users[path.rpartition("/")[2]]["password"] = body["password"]
        wrote(world, "set password")
        return 200, {}
    if path == f"/users/{user}/tokens":
        return 200, [{"name": name} for name in own["tokens"]]
    if method == "DELETE" and path.startswith(f"/users/{user}/tokens/"):
        wrote(world, "delete token")
        return (204, {}) if own["tokens"].pop(path.rpartition("/")[2], None) else (404, {})
    if (method, path) == ("POST", "/user/repos"):
        if f"{user}/{body['name']}" in world["repositories"]:
            return 409, {"message": "The repository with the same name already exists."}
        world["repositories"].append(f"{user}/{body['name']}")
        wrote(world, "create repository")
        return 201, {}
    if method == "GET" and path.startswith("/repos/"):
        return (200, {}) if path[len("/repos/") :] in world["repositories"] else (404, {})
    return 404, {}


# --- images and commits ---------------------------------------------------------------------------


def docker(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Build and push images."""
    if words[0] == "push":
        tag = words[1].rpartition(":")[2]
        digest = "sha256:" + sha256("image")
        if world["registry"].get(tag) != digest:
            world["registry"][tag] = digest
            wrote(world, f"push {'commit' if len(tag) == 40 else tag}")


def git(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Push to the forge, and look what it has."""
    if not ENVIRONMENT.get("GIT_SSL_CAINFO"):
        world["violations"].append("git asks without our authority")
    place = found(r"/([^/]+/[^/]+)\.git", " ".join(words))[1]
    if place not in world["repositories"]:
        raise End(128, "", "repository not found\n")
    if "ls-remote" in words:
        tip = world["branches"].get(place)
        raise End(0, f"{tip}\trefs/heads/main\n" if tip else "")
    with os.popen(f"{ENVIRONMENT['REAL_GIT']} rev-parse HEAD") as head:
        world["branches"][place] = head.read().strip()
    wrote(world, "push main")


def uv(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Export the lock."""
    open(option(words, "--output-file"), "w").write("pinned\n")


PROGRAMS = {each.__name__: each for each in (curl, docker, git, hcloud, kubectl, ssh, terraform, uv)}
CLUSTER = {
    "annotate": annotate,
    "create": create,
    "apply": apply,
    "diff": diff,
    "exec": execute,
    "get": get,
    "port-forward": port_forward,
    "rollout": rollout,
    "wait": wait,
}
