"""A double of kubectl and of ``docker compose``: each call asks or changes one world, kept in a file.

It stands alone: a program of each of these names is a copy of it, without site packages. Beside the copy are the world,
a line for every call, and the fault that one of the calls meets.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to load than most calls take
    from typing import Any, NoReturn

    World = dict[str, Any]

HERE = os.path.dirname(os.path.abspath(__file__))
WORLD = os.path.join(HERE, "world.json")
LONG = 30.0
"""Seconds that a call hangs which hangs."""


class Said(Exception):
    """The status of a call, and what it prints."""

    def __init__(self, code: int = 0, out: str = "", err: str = "") -> None:
        super().__init__(code)
        self.code, self.out, self.err = code, out, err


def main() -> None:
    """Make the call."""
    name = "kubectl" if os.path.basename(sys.argv[0]) == "kubectl" else "docker"
    with open(os.path.join(HERE, "cluster.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        world = json.load(open(WORLD))
        world["calls"] += 1
        with open(os.path.join(HERE, "cluster.log"), "a") as log:
            log.write(" ".join([name, *sys.argv[1:]]) + "\n")
        fault: World = world["fault"]
        save(world)
        meet(world, str(fault["what"]) if fault.get("call") == world["calls"] else "", name, sys.argv[1:])


def meet(world: World, fault: str, name: str, words: list[str]) -> None:
    """Make the call as the fault has it."""
    if fault == "kill-before":
        kill()
    if fault == "fail":
        end(1, err="Unable to connect to the server: connection refused")
    if fault == "hang":
        time.sleep(LONG)
    try:
        (kubectl if name == "kubectl" else docker)(world, words)
    except Said as said:
        save(world)
        if fault == "kill-after":
            kill()
        if fault == "fail-after":
            end(1, err="error: the answer was lost")
        if fault == "nonsense":
            end(0, "<html>Bad Gateway</html>")
        if fault == "empty":
            end(0, "{}")
        end(said.code, said.out, said.err)


def end(code: int, out: str = "", err: str = "") -> NoReturn:
    """End with a status."""
    sys.stdout.write(out and out + "\n")
    sys.stderr.write(err and err + "\n")
    sys.exit(code)


def kill() -> NoReturn:
    """Kill whoever made the call, as a machine that loses power does."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(os.getppid(), signal.SIGKILL)
    sys.exit(1)


def save(world: World) -> None:
    """Write the world as a whole."""
    with open(WORLD + ".new", "w") as file:
        json.dump(world, file)
    os.replace(WORLD + ".new", WORLD)


def option(words: list[str], name: str) -> str:
    """Return the value of an option that may be anywhere."""
    return next((words[at + 1] for at, word in enumerate(words[:-1]) if word == name), "")


def give(world: World, workload: World, image: str) -> None:
    """Give a workload an image: what runs is replaced, and becomes ready after a while, or never."""
    workload["given"].append(image)
    workload["told"] = image
    workload["late"] = world["late"]
    workload["runs"] = [image]
    workload["ready"] = not any(image.endswith(one) for one in workload["broken"])
    workload["generation"] += 1


def is_ready(workload: World) -> bool:
    """Whether a workload is ready now; each question brings one that is late nearer."""
    late = workload["late"]
    workload["late"] = max(0, late - 1)
    return workload["ready"] and late == 0


# --- kubectl -------------------------------------------------------------------------------------


def kubectl(world: World, words: list[str]) -> None:
    """Ask or change the cluster."""
    namespace, verbs = option(words, "--namespace"), ("get", "set", "rollout")
    said = words[next(number for number, word in enumerate(words) if word in verbs) :]
    if said[:2] == ["get", "pods"]:
        key = f"{namespace} {option(words, '--selector').partition('=')[2]}"
        raise Said(0, json.dumps({"items": pods(world["workloads"][key])}))
    name = said[1] if said[0] == "get" else said[2]
    found = world["workloads"].get(f"{namespace} {name}")
    if found is None:
        raise Said(1, err=f"Error from server (NotFound): {name.replace('/', 's.apps ')} not found")
    if said[0] == "get":
        raise Said(0, json.dumps(manifest(name, found)) if option(said, "--output") == "json" else found["told"])
    if said[0] == "set":
        container, _, image = said[3].partition("=")
        if container != "service":
            raise Said(1, err=f'error: unable to find container named "{container}"')
        if image != found["told"]:
            give(world, found, image)
        raise Said(0, f"{name} image updated")
    if not is_ready(found):
        raise Said(1, err="error: timed out waiting for the condition")
    raise Said(0, f"{name} successfully rolled out")


def manifest(name: str, found: World) -> World:
    """Return a workload as the cluster shows it."""
    ready = found["replicas"] if is_ready(found) else 0
    return {
        "metadata": {"name": name.partition("/")[2], "generation": found["generation"]},
        "spec": {
            "replicas": found["replicas"],
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": {"spec": {"containers": [{"name": "service", "image": found["told"]}]}},
        },
        "status": {
            "observedGeneration": found["generation"],
            "replicas": found["replicas"],
            "updatedReplicas": ready,
            "readyReplicas": ready,
            "currentRevision": "r1",
            "updateRevision": "r1",
        },
    }


def pods(found: World) -> list[World]:
    """Return the pods of a workload, beside one that is being deleted."""
    going = {"metadata": {"name": "going", "deletionTimestamp": "2026-01-01T00:00:00Z"}, **pod("old", "")}
    return [going, *({"metadata": {"name": "pod"}, **pod(image, found["node"])} for image in found["runs"])]


def pod(image: str, node: str) -> World:
    """Return what a pod was made with, and what its node says of it."""
    return {
        "spec": {"containers": [{"name": "service", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "service", "imageID": node}]},
    }


# --- docker --------------------------------------------------------------------------------------


def docker(world: World, words: list[str]) -> None:
    """Ask or change the containers of a machine."""
    words = words[2:] if words[0] == "--context" else words
    if "compose" in words:
        compose(world, option(words, "--project-name"), words)
    if words[0] == "image":
        found = next(one for one in world["workloads"].values() if words[-1] == f"id of {one['runs'][0]}")
        raise Said(0, json.dumps([found["node"]] if found["node"] else []))
    found = world["workloads"][words[-1].replace("~", " ")]
    state = {"Status": "running", "Health": {"Status": "healthy" if is_ready(found) else "starting"}}
    raise Said(
        0,
        json.dumps(
            [{"Image": f"id of {image}", "Config": {"Image": image}, "State": state} for image in found["runs"]]
        ),
    )


def compose(world: World, project: str, words: list[str]) -> None:
    """Ask or change the services of a project; the image is in the environment."""
    name = words[-1]
    found = world["workloads"].get(f"{project} {name}")
    if found is None:
        raise Said(1, err=f"no such service: {name}")
    image = os.environ[world["variable"]]  # noqa: TID251 - compose takes it from there
    if "ps" in words:
        raise Said(0, f"{project}~{name}" if found["runs"] else "")
    if "up" in words and image != found["told"]:
        give(world, found, image)
    raise Said(0)


if __name__ == "__main__":
    main()
