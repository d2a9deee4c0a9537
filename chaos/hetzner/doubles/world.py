"""What all doubles share: the one world, how a call ends, and how its words are read."""

from __future__ import annotations

import json
import os
import re
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to load than most calls take
    from typing import Any, NoReturn

    World = dict[str, Any]

ENVIRONMENT = os.environ  # noqa: TID251 - each call is a program of its own
RESOURCES = {
    "hcloud_primary_ip.server": "primary-ip",
    "hcloud_network.cluster": "network",
    "hcloud_network_subnet.nodes": "subnet",
    "hcloud_firewall.cluster": "firewall",
    "hcloud_volume.state": "volume",
    "hcloud_server.node": "server",
    "hcloud_volume_attachment.state": "attachment",
}
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
        "secrets": {},
        "ledger": {},
        "bus": "",
        "brokers": 1,
        "registry": {},
        "users": {},
        "repositories": [],
        "branches": {},
        "runners": {},
        "late": 0,
    }


def save(path: str, world: World) -> None:
    """Write the world down at once."""
    with open(path + ".part", "w") as file:
        json.dump(world, file)
    os.replace(path + ".part", path)


def kill() -> NoReturn:
    """End everything that was started with the bootstrap, as a crash of the workstation does."""
    os.killpg(os.getpgrp(), signal.SIGKILL)
    raise SystemExit(1)


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
