"""What tests of releases through services ask and do about them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.services.operate.switches import halts
from quant_release.demo.baseline import BUNDLE
from quant_release.demo.cloud import REGION, Cloud
from quant_release.run.apply import Watching, apply
from quant_release.run.opening import read_release
from quant_release.steps.machine import Subject
from quant_release.steps.table import Row, Scope
from quant_release.testing.services import ServiceRehearsal

WRITES = ("create", "patch", "put", "delete", "pause", "resume", "update")
"""Operations of the emulators that change something."""


@dataclass
class Site:
    """A rehearsal of services, and what tests ask and do about it."""

    made: ServiceRehearsal
    taken: list[tuple[str, str]]

    @property
    def cloud(self) -> Cloud:
        return self.made.cloud

    def full_name(self, service: str) -> str:
        return f"projects/{self.made.project}/locations/{REGION}/services/{service}"

    def job_name(self, service: str) -> str:
        return f"projects/{self.made.project}/locations/{REGION}/jobs/{service}"

    def service(self, name: str) -> Any:
        return self.cloud.services.get_service(name=self.full_name(name))

    def job(self, name: str) -> Any:
        return self.cloud.jobs.get_job(name=self.job_name(name))

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of the newest template; a secret is ``secret:version``."""
        found: dict[str, str] = {}
        for one in self.service(name).template.containers[0].env:
            reference = one.value_source.secret_key_ref
            found[one.name] = f"{reference.secret}:{reference.version}" if reference.secret else one.value
        return found

    def version(self, name: str) -> dict[str, Any]:
        """Return what the main address says."""
        return requests.get(f"{self.service(name).uri}/version", timeout=10).json()

    def held(self) -> frozenset[str]:
        """Return the halts that are set in the ledger."""
        return halts(open_store(self.made.ledger)).on()

    def watching(self) -> Watching:
        """Return a watcher that notes every step that ended."""

        def note(what: str, row: Row, subject: Subject) -> None:
            if what == "ended" and subject.scope is Scope.SERVICE:
                self.taken.append((row.step, subject.name))

        return Watching(note)

    def apply(self, *services: str, resume: bool = False, **terms: Any) -> None:
        apply(self.made.options(*services, **terms), BUNDLE, resume=resume, watching=self.watching())

    def refused(self, *services: str, resume: bool = False, **terms: Any) -> str:
        """Apply, and return the one line that says why it stopped."""
        with pytest.raises(QuantError) as error:
            self.apply(*services, resume=resume, **terms)
        text = str(error.value)
        assert "\n" not in text
        return text

    def stages(self) -> dict[str, str]:
        release = read_release(self.made.options(), BUNDLE)
        services = (one for one in release.subjects if one.scope is Scope.SERVICE)
        return {one.name: release.executor.stage(one).value for one in services}

    def written(self) -> dict[str, int]:
        """Return how many requests have changed something since `forget`, by server and operation."""
        counts: Mapping[str, Mapping[str, int]] = {
            "run": self.cloud.run.requests(),
            "scheduler": self.cloud.scheduler.requests(),
        }
        return {
            f"{server} {operation}": count
            for server, found in counts.items()
            for operation, count in found.items()
            if re.search("|".join(WRITES), operation) and count
        }

    def forget(self) -> None:
        for server in (self.cloud.run, self.cloud.scheduler):
            server.clear()
            server.forget_requests()

    def add_secret(self, name: str, value: str) -> None:
        """Add a version to a secret, which is made with its first one."""
        parent, url = f"projects/{self.made.project}", f"http://127.0.0.1:{self.cloud.secrets.port}/v1"
        made = requests.post(
            f"{url}/{parent}/secrets", params={"secretId": name}, json={"replication": {"automatic": {}}}, timeout=10
        )
        assert made.status_code in (200, 409), made.text
        data = base64.b64encode(value.encode()).decode()
        added = requests.post(f"{url}/{parent}/secrets/{name}:addVersion", json={"payload": {"data": data}}, timeout=10)
        assert added.status_code == 200, added.text

    def know_profile(self, name: str) -> None:
        """Let revisions know a profile that the catalog does not."""
        path = self.made.registry.with_name("profiles.json")
        path.write_text(json.dumps({**json.loads(path.read_text()), name: [name, "direct"]}))

    def rewrite_bundle(self, old: str, new: str) -> None:
        """Change a text of the bundle, and publish it."""
        path = self.made.rehearsal.root / f"release/bundles/{BUNDLE}.toml"
        text = path.read_text()
        assert old in text
        self.made.rehearsal.commit(f"release/bundles/{BUNDLE}.toml", text.replace(old, new), "Another bundle")
        self.made.rehearsal.git.run("push", "--quiet", "origin", "main")
