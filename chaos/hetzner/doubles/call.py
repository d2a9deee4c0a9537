"""One call of a double: it is written down, meets a fault if one is meant for it, and changes the world."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from importlib import import_module

from .world import ENVIRONMENT, LATE, End, empty, kill, save

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to load than most calls take
    from .world import World

MODULES = {
    "createdb": "stores",
    "curl": "web",
    "docker": "images",
    "dropdb": "stores",
    "event-trading": "stores",
    "git": "forge",
    "hcloud": "cloud",
    "kubectl": "cluster",
    "pg_dump": "stores",
    "pg_restore": "stores",
    "psql": "stores",
    "quant": "stores",
    "ssh": "cloud",
    "terraform": "cloud",
    "uv": "images",
}
"""Which module has a program's double: a function of its name."""


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

    double = getattr(import_module(f".{MODULES[program]}", __package__), program.replace("-", "_"))
    try:
        double(world, words, given, inside)
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


def stay() -> None:
    """Hold a port open, in a manner of speaking."""
    until = time.monotonic() + 30
    while time.monotonic() < until and os.getppid() != 1:
        time.sleep(0.02)
