"""The runner's way: an image is built in the cluster without Docker, and services are moved to its digest in turn."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from event_trading_app.names import Service
from quant_release.testing.clusters import Cluster

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "scripts/deploy/event_trading/in_cluster.sh"
DIGEST, BEFORE = f"sha256:{64 * 'c'}", f"registry.delivery.svc:5000/event_trading@sha256:{64 * 'a'}"
PROGRAMS = {
    "buildctl": """
echo "buildctl $*" >>"$CALLS"
while test $# -gt 0; do
    if test "$1" = --metadata-file; then printf '{\\n  "containerimage.digest": "%s"\\n}' "$DIGEST" >"$2"; fi
    case "$1" in type=local,*) mkdir -p "${1#*dest=}/app";; esac
    shift
done
""",
}


def deployed(
    folder: Path, digest: str = DIGEST, stuck: str = "nothing"
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    for name, text in PROGRAMS.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}")
        (folder / name).chmod(0o755)
    cluster = Cluster(folder)
    cluster.install()
    for service in Service:
        for kind in ("statefulset", "deployment"):
            cluster.add(f"event-trading {kind}/{service.value}", BEFORE)
    if stuck != "nothing":
        cluster.edit(f"event-trading {stuck}", broken=[digest])
    script = folder / "checkout" / SCRIPT
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / SCRIPT, script)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message=All"]):
        subprocess.run(["git", *words], cwd=folder / "checkout", check=True)
    calls = folder / "calls"
    variables = {"CALLS": str(calls), "DIGEST": digest}
    done = subprocess.run(
        [script],
        env={**variables, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    asked = [line.removeprefix("kubectl ") for line in cluster.calls()]
    return done, [*calls.read_text().splitlines(), *asked]


def test_services_are_moved_by_digest_the_archiver_first_and_the_ingestor_last(tmp_path: Path) -> None:
    done, calls = deployed(tmp_path)
    assert done.returncode == 0, done.stderr
    moved = [line.split()[4].partition("/")[2] for line in calls if " set image " in line]
    assert (moved[0], moved[-1], sorted(moved)) == (
        "archiver",
        "ingestor",
        sorted(service.value for service in Service),
    )
    assert all(
        line.endswith(f"service=registry.delivery.svc:5000/event_trading@{DIGEST}") for line in calls if " set " in line
    )
    waits = [line.split()[4].partition("/")[2] for line in calls if " rollout status " in line]
    assert waits == moved
    assert {line.split()[0] for line in calls if line.startswith(("docker", "buildctl"))} == {"buildctl"}


def test_a_service_that_does_not_become_ready_goes_back_and_those_after_it_stay(tmp_path: Path) -> None:
    done, calls = deployed(tmp_path, stuck="statefulset/executor")
    assert done.returncode == 1
    assert "statefulset/executor did not become ready; it goes back" in done.stderr
    moved = [line for line in calls if " set image " in line]
    assert moved[-1] == f"--namespace event-trading set image statefulset/executor service={BEFORE}"
    assert len(moved) == 4


@pytest.mark.parametrize("digest", ["", "sha256:abc"])
def test_without_a_digest_nothing_is_moved(tmp_path: Path, digest: str) -> None:
    done, calls = deployed(tmp_path, digest)
    assert (done.returncode, [line for line in calls if "kubectl" in line or " set " in line]) == (1, [])
    assert "the builder named no digest" in done.stderr
