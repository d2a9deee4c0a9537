"""Overlays as kustomize renders them; the results are checked in, so that everybody sees what would be applied."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

from checkout import ROOT

__all__ = ["OVERLAYS", "NotHere", "kustomize", "place", "rendered"]

OVERLAYS = ("hetzner-cluster", "hetzner-single-node")
KUBECTL, KUSTOMIZE = (1, 27), (5,)
"""The oldest that render as the checked-in files are: kubectl since 1.27 has kustomize 5 inside."""
OFFLINE = {"KUBECONFIG": "/dev/null"}


class NotHere(Exception):
    """No program of this machine renders overlays, and why."""


def place(overlay: str) -> str:
    """Return where the rendered overlay is checked in."""
    return f"deploy/k8s/rendered/{overlay}.yaml"


def kustomize() -> tuple[str, ...]:
    """Return the command that renders an overlay; raise `NotHere` if there is none that is new enough."""
    found: list[str] = []
    if program := shutil.which("kustomize"):
        version = _version(_said(program, "version"))
        if version >= KUSTOMIZE:
            return (program, "build")
        found.append(f"kustomize is {_dotted(version)}")
    if program := shutil.which("kubectl"):
        version = _version(
            json.loads(_said(program, "version", "--client", "--output=json"))["clientVersion"]["gitVersion"]
        )
        if version >= KUBECTL:
            return (program, "kustomize")
        found.append(f"kubectl is {_dotted(version)}")
    why = " and ".join(found) or "neither kubectl nor kustomize is installed"
    raise NotHere(f"{why}; kubectl >= 1.27 or kustomize >= 5 renders them")


def rendered(overlay: str, command: tuple[str, ...]) -> str:
    """Return an overlay rendered anew; no cluster is asked."""
    return _said(*command, str(ROOT / "deploy" / "k8s" / "overlays" / overlay))


def _said(*command: str) -> str:
    done = subprocess.run(command, env=OFFLINE, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise NotHere(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"v?(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else ()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version)) or "of an unknown version"
