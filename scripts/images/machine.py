"""What a rehearsal of images needs of the machine, and the commands that it runs there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

__all__ = ["Failed", "Missing", "check_machine", "free_port", "run"]

PACKAGES = ("buildah", "mmdebstrap", "docker-registry", "skopeo", "git")
"""Commands that are needed; Debian's packages have the same names."""
TAIL = 12


class Missing(Exception):
    """Something that this machine has to have, with what to do about it."""


class Failed(Exception):
    """Something that an image has to do, and did not."""


def check_machine() -> None:
    """Raise `Missing` with everything that is missing."""
    if sys.platform != "linux":
        raise Missing(f"images are built on Linux, and this is {sys.platform}")
    found: list[str] = []
    if os.geteuid() != 0:
        found.append("root, for a base image is made and images are started in a chroot: run it as root")
    if absent := [name for name in PACKAGES if shutil.which(name) is None]:
        found.append(f"packages: apt-get install {' '.join(absent)}")
    if found:
        raise Missing("missing: " + "; ".join(found))


def run(*command: str) -> str:
    """Run a command and return its output; raise `Failed` with the last lines of what it said."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()[-TAIL:]
        raise Failed(f"{' '.join(command[:3])} failed with {done.returncode}: {' | '.join(said)}")
    return done.stdout


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
