"""What is installed and runs: for the release tool, which compares it with what was meant."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution

from quant_platform_kit.runtime.service import Service
from quant_platform_kit.services.operate.switches import HALT_KINDS

__all__ = ["Installed", "installed", "version_document"]

PACKAGES = ("quant-platform-kit", "us-equity-strategies")


@dataclass(frozen=True, slots=True)
class Installed:
    """One installed package.

    Attributes
    ----------
    url, commit
        Where it was installed from, as its ``direct_url.json`` says; None for a package out of an index.
    """

    version: str | None
    url: str | None = None
    commit: str | None = None


def installed(name: str) -> Installed:
    """Return what is installed under a name; the version is None when nothing is."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return Installed(None)
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    return Installed(found.version, origin.get("url"), origin.get("vcs_info", {}).get("commit_id"))


def version_document(service: Service) -> dict[str, object]:
    """Return what runs here; ``halts`` are the kinds of halts that this code obeys."""
    settings, manifest = service.settings, service.strategy.manifest
    return {
        "service": service.name,
        "revision": settings.revision,
        "commit": settings.commit_sha,
        "image": settings.image,
        "platform": service.platform.name,
        "packages": {name: installed(name) for name in PACKAGES},
        "profile": manifest.profile,
        "display_name": manifest.display_name,
        "input_mode": manifest.input_mode,
        "config": service.strategy.config_values,
        "stale_snapshot_settings": service.stale_settings,
        "halts": HALT_KINDS,
    }
