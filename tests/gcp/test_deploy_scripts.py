"""The scripts that deploy one app by hand: the lines that bootstrap.sh makes its services with, printed and run."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .facts import ROOT, Line, of_gcloud
from .terraform import read_variables

pytestmark = pytest.mark.services  # they start thousands of processes, and no server

SCRIPTS = ROOT / "scripts" / "deploy"
EXAMPLE = ROOT / "infra" / "terraform" / "gcp" / "example.tfvars.json"
IMAGE = f"registry.invalid/apps/any@sha256:{64 * 'b'}"


def deploy(script: str, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **env}
    command = [SCRIPTS / f"{script}.sh", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_every_app_of_the_file_has_its_script() -> None:
    apps = set(json.loads((ROOT / "deploy" / "gcp" / "apps.json").read_text()))
    names = {path.stem for path in SCRIPTS.glob("*.sh") if "gcp.deploy" in path.read_text()}
    assert names == apps - {"alpaca", "alpaca-live"} | {"playbook", "playbook_live", "snapshots"}


@pytest.mark.parametrize("script", ["ibkr", "schwab", "longbridge", "playbook", "playbook_live", "snapshots"])
def test_a_dry_run_prints_the_line_that_bootstrap_makes_the_service_with(script: str) -> None:
    told = deploy(script, EXAMPLE, "--dry-run", "--image", IMAGE)
    assert (told.returncode, told.stderr) == (0, "")
    (line,) = (Line(text) for text in told.stdout.splitlines())
    assert line["--image"] == IMAGE
    (fact,) = of_gcloud(told.stdout)
    assert fact[0] == ("job" if script == "snapshots" else "service")
    if script == "playbook":
        assert (fact[1], fact[2]) == ("trading-playbook", "us-central1")
        assert (line["--memory"], line["--timeout"]) == ("1Gi", "600s")
        assert line["--set-secrets"] == "ALPACA_API_KEY=alpaca-api-key:1,ALPACA_SECRET_KEY=alpaca-secret-key:1"
        assert "KEY" not in line["--set-env-vars"]
        assert "GCS_BUCKET=example-project-playbook" in line["--set-env-vars"].split("|")


def test_live_sessions_run_all_the_time_with_keys_of_their_own() -> None:
    line = Line(deploy("playbook_live", EXAMPLE, "--dry-run").stdout.strip())
    assert line.has("--no-cpu-throttling")
    assert (line["--min-instances"], line["--max-instances"], line["--args"]) == ("1", "1", "live")
    assert line["--set-secrets"] == "ALPACA_API_KEY=alpaca-live-api-key:1,ALPACA_SECRET_KEY=alpaca-live-secret-key:1"
    settings = dict(each.split("=", 1) for each in line["--set-env-vars"].removeprefix("^|^").split("|"))
    assert (settings["LEASE_SECONDS"], settings["ALPACA_SETTLE_SECONDS"]) == ("30", "10")
    assert settings["STORE_URL"] == "gs://example-project-playbook-live/store"
    assert (settings["ALPACA_DRY_RUN_ONLY"], settings["LIVE_TRADING"]) == ("true", "false")


def test_what_is_printed_is_run(tmp_path: Path) -> None:
    gcloud = tmp_path / "gcloud"
    gcloud.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$0.log"\n')
    gcloud.chmod(0o755)
    done = deploy("ibkr", EXAMPLE, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    ran = (tmp_path / "gcloud.log").read_text().splitlines()
    line = Line(done.stdout.strip())
    assert ran[-2:] == ["--format", "none"]
    assert ran[: len(line.words)] == line.words
    assert line["--set-env-vars"] in ran


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--image", "ibkr:latest"), "ibkr.sh: --image is 'ibkr:latest'; name it by digest"),
        (("--service", "ibkr-exampel"), "ibkr.sh: no service ibkr-exampel of ibkr; the variables name: ibkr-example"),
    ],
)
def test_what_cannot_be_meant_runs_nothing(words: tuple[str, ...], said: str) -> None:
    done = deploy("ibkr", EXAMPLE, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said)


@pytest.mark.parametrize("script", ["ibkr", "schwab", "longbridge", "playbook", "playbook_live", "snapshots"])
def test_what_goes_wrong_is_signed_by_the_script_that_was_called(script: str) -> None:
    refused = deploy(script, EXAMPLE, "--image", "latest")
    assert (refused.returncode, refused.stderr.partition(": ")[0]) == (1, f"{script}.sh")
    usage = deploy(script)
    assert (usage.returncode, f"\n{script}.sh: error: " in usage.stderr) == (2, True)


def test_without_an_image_a_line_says_what_comes_first(tmp_path: Path) -> None:
    values: dict[str, Any] = read_variables(EXAMPLE)
    path = tmp_path / "mine.tfvars.json"
    path.write_text(json.dumps(values))
    done = deploy("schwab", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "schwab-example has no image: run `release apply BUNDLE`" in done.stderr
