"""A canary in every secret that a service at Google can have: in no call, manifest, log, process list, file of git."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from venue_sandbox.servers.launch import Server

from .gcloud_frame import GCLOUD, ROOT, WITHOUT, Emulators, bootstrap
from .run_frame import FIRST, registry

Start = Callable[..., Server]
PROJECT = "rehearsal"
GCP = ROOT / "deploy" / "gcp"
EXAMPLE = ROOT / "infra" / "terraform" / "gcp" / "example.tfvars.json"
SETTINGS: list[str] = json.loads((GCP / "secret-settings.json").read_text())
MARK = "canary-" + "83af20"  # in two parts, so that this file is none that has it
SERVICE = "ibkr-example"

pytestmark = pytest.mark.skipif(GCLOUD is None, reason=WITHOUT)


def variables(folder: Path) -> Path:
    """Write a small project whose one service is given every secret setting that a service of any app can have."""
    document: dict[str, Any] = json.loads(EXAMPLE.read_text().replace("example-project", PROJECT))
    service = {**document["services"]["ibkr-example"], "image": FIRST}
    service["secrets"] = {setting: f"{secret_of(setting)}:1" for setting in SETTINGS}
    small = {name: document[name] for name in ("project", "operators", "ledger", "reports", "images")}
    small["secrets"] = {secret_of(setting): {"readers": [SERVICE]} for setting in SETTINGS}
    small["services"] = {SERVICE: service}
    path = folder / "mine.tfvars.json"
    path.write_text(json.dumps(small))
    return path


def secret_of(setting: str) -> str:
    return setting.lower().replace("_", "-")


@contextmanager
def process_lists() -> Generator[set[str]]:
    """Collect the words of all processes until the context is left."""
    seen, over = set[str](), threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it has ended

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield seen
    over.set()
    thread.join()


@pytest.fixture
def emulators(start: Start, tmp_path: Path) -> Emulators:
    secrets = start("cloud.secrets")
    vault = f"http://127.0.0.1:{secrets.port}/v1/projects/{PROJECT}/secrets"
    for number, name in enumerate(map(secret_of, SETTINGS)):
        made = {"replication": {"automatic": {}}}
        requests.post(vault, params={"secretId": name}, json=made, timeout=10).raise_for_status()
        value = base64.b64encode(f"{MARK}-{number}".encode()).decode()
        payload = {"payload": {"data": value}}
        requests.post(f"{vault}/{name}:addVersion", json=payload, timeout=10).raise_for_status()
    logs = ("--logs", str(tmp_path / "logs"))
    run = start(
        "cloud.run",
        *("--builder", f"registry:{registry(tmp_path)}", "--secrets", f"http://127.0.0.1:{secrets.port}", *logs),
    )
    storage = start("cloud.storage", "--write-interval", "0")
    return Emulators(start("cloud.project"), storage, secrets, run, start("cloud.scheduler"))


def test_no_secret_of_any_service_is_told_anywhere(emulators: Emulators, tmp_path: Path) -> None:
    file, environment = variables(tmp_path), emulators.environment(tmp_path)
    with process_lists() as words:
        first = bootstrap(environment, str(file))
        assert first.returncode == 0, first.stderr[-2000:]
        dry = bootstrap(environment, "--dry-run", str(file))
    assert any("run deploy ibkr-example" in each for each in words), "the list of processes was looked at"
    for setting in SETTINGS:
        assert f"{setting}={secret_of(setting)}:1" in dry.stdout, "every one of them is given"
    place = f"/v2/projects/{PROJECT}/locations/europe-west1/services/{SERVICE}"
    manifest = requests.get(f"http://127.0.0.1:{emulators.run.port}{place}", timeout=10)
    assert manifest.json()["latestReadyRevision"], "it was started with what the secrets hold"
    logs = "".join(path.read_text(errors="replace") for path in (tmp_path / "logs").rglob("*") if path.is_file())
    told = "".join(each.stdout + each.stderr for each in (first, dry))
    assert MARK not in told + manifest.text + logs + "\n".join(words)
    assert not any(MARK.encode() in path.read_bytes() for path in tmp_path.rglob("*.json"))
    listed = ["git", "grep", "--files-with-matches", "--untracked", "--fixed-strings", MARK]
    assert subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False).stdout == ""
