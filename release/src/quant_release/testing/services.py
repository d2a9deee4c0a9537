"""The small workspace with its services: deployed as the baseline has them, each with its job and its ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.services.operate.owners import require_ownership

from quant_release.cloud.world import Terms
from quant_release.demo.baseline import AFTER, BEFORE, BUNDLE, SERVICES, TARGET, pinned
from quant_release.demo.cloud import Cloud, service_text
from quant_release.repository.versions import Version, tag_name
from quant_release.run.apply import apply
from quant_release.run.journal import Journal
from quant_release.run.opening import Options
from quant_release.testing.rehearsal import Rehearsal

__all__ = ["CANARY", "SIBLING", "ServiceRehearsal", "register", "register_images", "release_images"]

SIBLING = {"longbridge-sg": "longbridge"}
CANARY = "canary-0f8a1c2b"
"""A value that nothing but the service may ever hold."""
_SCRIPT = Path(__file__).with_name("revision.py")


@dataclass(frozen=True)
class ServiceRehearsal:
    """A rehearsal, its services, and the servers that they are on.

    Attributes
    ----------
    project
        Of the services: one for each rehearsal on the same servers.
    registry
        What an image by digest is, as JSON; the servers read it.
    """

    rehearsal: Rehearsal
    cloud: Cloud
    project: str
    registry: Path
    services: Mapping[str, str] = field(default_factory=lambda: SERVICES)

    @property
    def ledger(self) -> str:
        """The address of the services' ledger."""
        return f"file://{self.rehearsal.root.parent}/ledger"

    def options(self, *services: str, **terms: Any) -> Options:
        """Return where a release of the rehearsal works; every service is confirmed, and nobody is waited for long."""
        usual = Terms(patience=0.5, timeout=20.0, confirmed=frozenset(self.services))
        return Options(
            self.rehearsal.root,
            "ana",
            self.rehearsal.store,
            local=True,
            builder="docker",
            services=services,
            terms=replace(usual, **terms),
        )

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment that a service has before."""
        return {
            "CLOUD_RUN_SERVICE": name,
            "STRATEGY_PROFILE": BEFORE,
            "STORE_URL": self.ledger,
            "REPORT_STORE_URL": f"{self.ledger}-reports",
            "IMAGE": self.image_before(self.services[name]),
            "MAX_WEIGHT": "0.25",
            "BROKER_PASSWORD": CANARY,
            f"{self.services[name].upper()}_DRY_RUN_ONLY": "true",
        }

    def image_before(self, app: str) -> str:
        """Return the image that an app's services run before."""
        return f"registry.invalid/rehearsal/{app}@sha256:{sha256(f'{app} before'.encode())}"

    def deploy(self) -> None:
        """Deploy every service at the baseline, with its job, and an account in the ledger."""
        tags = self.rehearsal.origin.tags()
        for app in dict.fromkeys(self.services.values()):
            commits = {name: tags[tag_name(name, Version.read(text))] for name, text in pinned(app).items()}
            register(self.registry, self.image_before(app), f"{app}-before", commits)
        store = open_store(self.ledger)
        for name, app in self.services.items():
            address = self.cloud.deploy(self.project, name, self.image_before(app), self.environment(name))
            self.cloud.schedule(self.project, name, address, f"https://{name}")
            require_ownership(store, f"ACCOUNT-{name}", name)

    def write_bundle(self, **more: str) -> None:
        """Commit and publish the bundle that goes on through the services.

        Parameters
        ----------
        more
            Lines that a service has besides, by its name with ``_`` for ``-``.
        """
        text = f'name = "{BUNDLE}"\nplatforms = ["ibkr", "schwab", "longbridge"]\n\n[packages]\n'
        text += "".join(f'{name} = "{version}"\n' for name, version in TARGET.items())
        for name, app in self.services.items():
            further = more.get(name.replace("-", "_"), "")
            lines = f'profile = "{AFTER}"\nflags = {{ MAX_WEIGHT = "0.5" }}\n{further}'
            text += service_text(name, app, self.project, self.ledger, lines)
        self.rehearsal.commit(f"release/bundles/{BUNDLE}.toml", text, "The bundle")
        self.rehearsal.git.run("push", "--quiet", "origin", "main")


def register(registry: Path, image: str, commit: str, packages: Mapping[str, str]) -> None:
    """Say what an image is: a revision that starts in milliseconds, and says this of itself."""
    profiles = registry.with_name("profiles.json")
    if not profiles.exists():
        known = {name: [one.manifest.display_name, one.manifest.input_mode] for name, one in catalog().items()}
        profiles.write_text(json.dumps(known))
    words = ["python", "-I", "-S", str(_SCRIPT), commit, json.dumps(packages), str(profiles)]
    found: dict[str, Any] = json.loads(registry.read_text()) if registry.exists() else {}
    temporary = registry.with_suffix(".new")
    temporary.write_text(json.dumps(found | {image.partition("@")[2]: words}))
    temporary.replace(registry)


def release_images(rehearsal: Rehearsal) -> None:
    """Release packages, pins and images of the first bundle, which says nothing of how services are moved."""
    apply(Options(rehearsal.root, "ana", rehearsal.store, local=True, builder="docker"), BUNDLE)


def register_images(rehearsal: Rehearsal, registry: Path) -> None:
    """Say what the images are that a release has built, by its journal."""
    tags = rehearsal.origin.tags()
    commits = {name: tags[tag_name(name, Version.read(text))] for name, text in TARGET.items()}
    for image in Journal(open_store(rehearsal.store), "ana").images():
        register(registry, image.reference, image.commit, commits)
