"""From an empty project to a service that trades: bootstrap makes what is needed, a release moves it, the job fires."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.stores import open_store
from quant_release.demo.baseline import AFTER, BEFORE, BUNDLE, TARGET, make_origin
from quant_release.demo.cloud import REGION, Cloud
from quant_release.demo.services import Services, services_on_this_machine
from quant_release.demo.triggers import Triggers
from quant_release.demo.witness import Witness
from quant_release.inspect.drift import drifts
from quant_release.run.apply import Watching, apply
from quant_release.run.journal import Journal
from quant_release.run.opening import read_release
from quant_release.settings import settings_of
from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.stand import ACCOUNT

from ..gcloud_frame import GCLOUD, WITHOUT, Emulators, bootstrap, write_variables
from .copy_frame import copy_without_tests

PROJECT, SERVICE, APP = "rehearsal", "ibkr-service", "ibkr"
CANARY = "canary-5d1c77e0"

pytestmark = pytest.mark.skipif(GCLOUD is None, reason=WITHOUT)


@dataclass(frozen=True)
class Project:
    """An empty project, and the services that a release is to move there."""

    services: Services
    emulators: Emulators
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return self.emulators.environment(self.folder)

    def variables(self, image: str | None) -> str:
        """Write the variables of one service, with a secret that holds the canary; return the file."""
        settings = {
            **self.services.venues.settings(APP),
            "STRATEGY_PROFILE": BEFORE,
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{self.emulators.storage.port}",
            "OIDC_CERTS_URL": self.services.cloud.certificates,
            "HANDOVER": "sell",
            "ENTER_NOW": "true",
            "ACCOUNT_GROUP": "house",
        }
        del settings["IBKR_DRY_RUN_ONLY"]  # what bootstrap makes sends no order, whatever anybody wishes
        service: dict[str, Any] = {
            "app": APP,
            "region": REGION,
            "schedule": "45 15 * * 1-5",
            "settings": settings,
            "secrets": {"IB_ACCOUNT_GROUP_CONFIG": "groups:1"},
            "image": image,
        }
        file = self.folder / "mine.tfvars.json"
        secrets = {"groups": {"readers": [SERVICE]}}
        return str(write_variables(file, services={SERVICE: service}, secrets=secrets, emails=["ana@example.com"]))

    def commit(self, path: str, text: str) -> None:
        git = self.services.git
        (git.root / path).write_text(text)
        git.run("add", "--all")
        git.commit_staged("The bundle goes on through the service")
        git.run("push", "--quiet", "origin", "main")

    def gcloud(self, *words: str, given: str = "") -> str:
        done = subprocess.run(
            [GCLOUD or "", *words, "--project", PROJECT],
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _bundle(more: str = "") -> str:
    """Return a bundle of the service, which ends at its image unless there is more."""
    packages = "".join(f'{name} = "{version}"\n' for name, version in TARGET.items())
    return (
        f'name = "{BUNDLE}"\nplatforms = ["{APP}"]\n\n[packages]\n{packages}\n[services.{SERVICE}]\n'
        f'platform = "{APP}"\nregion = "{REGION}"\nproject = "{PROJECT}"\nimage = "registry.invalid/rehearsal/{APP}"\n'
        f"{more}"
    )


def _moving() -> str:
    """Return the same with the service as bootstrap makes it, but for the profile and that it sends orders."""
    return _bundle(
        f'profile = "{AFTER}"\nschedule = "{SERVICE}-run"\nflags = {{ IBKR_DRY_RUN_ONLY = "false" }}\n'
        f'service_account = "{SERVICE}-job@{PROJECT}.iam.gserviceaccount.com"\n'
        f'audience = "https://{SERVICE}.{PROJECT}.internal"\nstore = "gs://{PROJECT}-ledger/ledger"\n'
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Project]:
    git = copy_without_tests(tmp_path / "work", APP, monkeypatch)
    make_origin(git, tmp_path / "origin.git", _bundle())
    with (
        Server("venue_sandbox.cloud.project") as around,
        Server("venue_sandbox.cloud.storage", "--write-interval", "0") as storage,
        services_on_this_machine(git, {SERVICE: APP}, tmp_path) as services,
        settings_of({**services.cloud.settings, "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{storage.port}"}),
    ):
        cloud: Cloud = services.cloud
        emulators = Emulators(around, storage, cloud.secrets, cloud.run, cloud.scheduler)
        yield Project(services, emulators, tmp_path)


def test_from_an_empty_project_to_a_service_that_trades(project: Project) -> None:
    services, emulators = project.services, project.emulators
    apply(services.options(), BUNDLE)
    journal = Journal(open_store(f"file://{project.folder}/store"), "demo")
    (image,) = (one.reference for one in journal.images())
    project.gcloud("secrets", "create", "groups", "--replication-policy", "automatic")
    groups = json.dumps({"house": [ACCOUNT], CANARY: []})
    project.gcloud("secrets", "versions", "add", "groups", "--data-file", "-", given=groups)

    first = bootstrap(project.environment, project.variables(image))
    assert first.returncode == 0, first.stderr
    emulators.forget()
    checked = bootstrap(project.environment, "--check", project.variables(image))
    assert (checked.returncode, checked.stdout, checked.stderr, emulators.written()) == (0, "", "", {})
    assert emulators.counted(), "it has looked"
    emulators.forget()
    again = bootstrap(project.environment, project.variables(image))
    assert (again.returncode, again.stdout, emulators.written()) == (0, "", {}), again.stderr
    assert again.stderr.startswith("0 calls changed something")

    job = f"projects/{PROJECT}/locations/{REGION}/jobs/{SERVICE}-run"
    begin = services.venues.clock.now() - timedelta(minutes=5)
    with Triggers(emulators.scheduler, {SERVICE: job}, begin, 0.1) as triggers:
        triggers.wait_for(SERVICE, lambda found: any(one.outcome == "completed" for one in found), 0.0, 60)
        assert services.venues.sent(APP) == []  # a dry run
        project.commit(f"release/bundles/{BUNDLE}.toml", _moving())
        witness = Witness(services, triggers)
        apply(services.options(), BUNDLE, watching=Watching(witness))
        traded = witness.traded_once(SERVICE)
    assert {one.side.lower() for one in traded} == {"buy"}
    assert services.version(SERVICE)["profile"] == AFTER
    assert drifts(read_release(services.options(), BUNDLE)) == []

    told = first.stdout + first.stderr + again.stderr
    logs = "".join(path.read_text(errors="replace") for path in (project.folder / "logs").rglob("*.log"))
    assert logs
    assert CANARY not in told + logs
    root = services.git.root
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--cached", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout.decode()
    files = [root / name for name in listed.split("\0") if name and (root / name).is_file()]
    assert len(files) > 100
    assert [path for path in files if CANARY.encode() in path.read_bytes() and path.name != Path(__file__).name] == []
