"""The Cloud Run emulator as the gcloud of this machine finds it; left out where there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google.api_core.exceptions as answers
import pytest
from venue_sandbox.servers.launch import Server

from .run_frame import NAME, SECOND, CloudRun, registry, short

Start = Callable[..., Server]
GCLOUD = shutil.which("gcloud")

pytestmark = pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed on this machine")


@pytest.fixture
def run(start: Start, ports: set[int], tmp_path: Path) -> CloudRun:
    made = CloudRun(start("cloud.run", "--builder", f"registry:{registry(tmp_path)}"), ports)
    made.create(A="1")
    return made


@pytest.fixture
def gcloud(run: CloudRun, tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a command of ``gcloud run`` against the emulator and returns what it printed."""
    port = run.server.port
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        # gcloud puts the region before the host name; the name is not looked up, since all goes through the proxy.
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": f"http://run.localhost:{port}/",
        "http_proxy": f"http://127.0.0.1:{port}",
        "CLOUDSDK_AUTH_ACCESS_TOKEN": "ana@example.com",
        "CLOUDSDK_CORE_PROJECT": "house",
        "CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API": "false",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
    }

    def call(*words: str) -> str:
        command = [GCLOUD or "gcloud", "run", *words, "--region", "us-central1"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def test_gcloud_describes_and_changes_what_the_client_sees(run: CloudRun, gcloud: Callable[..., str]) -> None:
    before = run.get()
    shown: dict[str, Any] = json.loads(gcloud("services", "describe", "web", "--format=json"))
    assert shown["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "1"}]
    first = short(before.latest_ready_revision)
    assert shown["status"]["traffic"] == [{"latestRevision": True, "percent": 100, "revisionName": first}]
    assert gcloud("services", "list", "--format=value(metadata.name)") == "web\n"

    gcloud("services", "update", "web", "--update-env-vars", "B=2", "--remove-env-vars", "A")
    updated = run.get()
    assert [(each.name, each.value) for each in updated.template.containers[0].env] == [("B", "2")]
    assert (updated.last_modifier, updated.client) == ("ana@example.com", "gcloud")
    with pytest.raises(answers.Conflict, match="but current version is"):
        run.services.update_service(service=before)


def test_gcloud_deploys_without_traffic_and_shifts_it(run: CloudRun, gcloud: Callable[..., str]) -> None:
    first = short(run.get().latest_ready_revision)
    gcloud("deploy", "web", "--image", SECOND, "--no-traffic", "--tag", "green")
    service = run.get()
    second = short(service.latest_ready_revision)
    (main, green) = service.traffic_statuses
    assert (main.revision, main.percent, green.tag) == (first, 100, "green")
    assert (run.served(service.uri), run.served(green.uri)) == (first, second)

    gcloud("services", "update-traffic", "web", "--to-revisions", f"{second}=100")
    assert run.served(service.uri) == second
    listed = gcloud("revisions", "list", "--service", "web", "--format=value(metadata.name)")
    assert listed.split() == [second, first]
    assert [short(each.name) for each in run.revisions.list_revisions(parent=NAME)] == [second, first]
