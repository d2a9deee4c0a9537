#!/usr/bin/env python3
"""Check what clusters are made of: rendered manifests, shell scripts, Terraform files, what cloud-init is told.

No cluster and no cloud is asked. What cannot be checked on this machine is said, with the reason.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from checkout import ROOT
from clusters import shells, terraform, user_data
from clusters.pins import kubernetes_version
from clusters.rendering import OVERLAYS, place
from clusters.validating import documents, faults

USER_DATA = "infra/terraform/hetzner/cloud-init.yaml.tftpl"


def manifests() -> Iterable[str]:
    """Yield faults of the rendered overlays."""
    version = kubernetes_version()
    for overlay in OVERLAYS:
        found = documents(ROOT / place(overlay))
        yield from faults(place(overlay), found, version)
        print(f"{place(overlay)}: {len(found)} documents, Kubernetes {version}, strict")


def scripts() -> Iterable[str]:
    """Yield what shellcheck says."""
    found = shells.scripts()
    yield from shells.faults(found)
    print(f"{len(found)} shell scripts")


def modules() -> Iterable[str]:
    """Yield faults of Terraform files."""
    for folder in sorted(path for path in (ROOT / "infra" / "terraform").iterdir() if path.is_dir()):
        yield from terraform.faults(folder)
        print(f"infra/terraform/{folder.name}")


def told_to_cloud_init() -> Iterable[str]:
    """Yield faults of user-data."""
    try:
        wanted = user_data.schema(lambda line: print(f"cloud-init: {line}"))
    except user_data.NotHere as reason:
        print(f"{USER_DATA}: not checked: {reason}")
        return
    yield from user_data.faults(USER_DATA, user_data.example(ROOT / USER_DATA), wanted)
    print(USER_DATA)


if __name__ == "__main__":
    faulty = [line for part in (manifests, scripts, modules, told_to_cloud_init) for line in part()]
    for line in faulty:
        print(line, file=sys.stderr)
    sys.exit(1 if faulty else 0)
