"""What ``gcloud`` sees and changes of services that a release moves; left out where there is no gcloud."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.domain.digests import plain, sha256
from quant_release.demo.baseline import AFTER, BUNDLE
from quant_release.demo.cloud import REGION
from quant_release.inspect.drift import drifts
from quant_release.inspect.overall import read_overall
from quant_release.inspect.preview import plan
from quant_release.run.apply import apply
from quant_release.run.opening import read_release
from quant_release.steps.table import Scope

from .site_frame import Site

GCLOUD = shutil.which("gcloud")
NAME = "ibkr-service"

pytestmark = [
    pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed on this machine"),
    pytest.mark.parametrize("site", [{NAME: "ibkr"}], indirect=True),
]


@pytest.fixture
def gcloud(site: Site, tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a command of gcloud against the emulators, and returns what it printed."""
    port = site.cloud.run.port
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        # gcloud puts the region before the host name; the name is not looked up, since all goes through the proxy.
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": f"http://run.localhost:{port}/",
        "http_proxy": f"http://127.0.0.1:{port}",
        "no_proxy": "127.0.0.1",
        "CLOUDSDK_AUTH_ACCESS_TOKEN": "bea@example.com",
        "CLOUDSDK_CORE_PROJECT": site.made.project,
        "CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API": "false",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
    }

    def call(*words: str) -> str:
        command = [GCLOUD or "gcloud", "run", *words, "--region", REGION]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def test_gcloud_describes_what_the_status_shows(site: Site, gcloud: Callable[..., str]) -> None:
    site.apply()
    shown: dict[str, Any] = json.loads(gcloud("services", "describe", NAME, "--format=json"))
    (status,) = plain(read_overall(site.made.options(), BUNDLE))["services"]
    container = shown["spec"]["template"]["spec"]["containers"][0]
    assert shown["status"]["traffic"] == [
        {"revisionName": one["revision"], "percent": one["percent"]} for one in status["traffic"]
    ]
    assert shown["spec"]["template"]["metadata"]["name"] == status["revision"]
    assert container["image"] == status["image"]
    env = {one["name"]: one["value"] for one in container["env"]}
    assert env.keys() == status["env"].keys()
    assert {name: value for name, value in env.items() if status["env"][name] != "***"} == {
        name: value for name, value in status["env"].items() if value != "***"
    }
    assert env["CLOUD_RUN_SERVICE"] == NAME


def test_a_change_by_gcloud_in_between_stops_the_release_and_is_a_line_of_drift_afterwards(
    site: Site, gcloud: Callable[..., str]
) -> None:
    apply(site.made.options(), BUNDLE, until=f"drain:{NAME}")
    gcloud("services", "update", NAME, "--update-env-vars", "MAX_TURNOVER=2")
    text = site.refused(resume=True)
    assert "deploy of service ibkr-service: ibkr-service was changed by bea@example.com at " in text
    assert "+MAX_TURNOVER='2'" in text
    gcloud("services", "update-traffic", NAME, "--to-revisions", f"{NAME}-00001=100")
    assert "was changed by bea@example.com" in site.refused(resume=True)


def test_each_change_by_gcloud_is_its_own_line_of_drift(site: Site, gcloud: Callable[..., str]) -> None:
    site.apply()
    image = site.made.image_before("ibkr")
    changes = {
        ("--image", image): f"service {NAME}: image",
        ("--update-env-vars", "MAX_WEIGHT=0.7"): f"service {NAME}: setting MAX_WEIGHT",
        ("--service-account", "other@rehearsal.iam.gserviceaccount.com"): f"service {NAME}: service account",
    }
    lines: list[str] = []
    for words, line in changes.items():
        gcloud("services", "update", NAME, *words)
        lines.append(line)
        found = [one.subject for one in drifts(read_release(site.made.options(), BUNDLE))]
        assert sorted(found) == sorted(lines)


def test_what_a_plan_shows_for_gcloud_does_the_same_when_it_is_typed(site: Site, gcloud: Callable[..., str]) -> None:
    site.add_secret("password", "first")
    secret = 'secrets = { BROKER_PASSWORD = { secret = "password", version = "1" } }\nflags = {'
    site.rewrite_bundle("flags = {", f'{secret} API_KEY = "a,b|c",')
    for password in ("password:1", "by hand"):
        release = read_release(site.made.options(), BUNDLE)
        (service,) = (one for one in release.subjects if one.scope is Scope.SERVICE)
        commands = {one.step: one.commands for one in plan(release.executor, [service])}["switch"]
        for command in commands[:-1]:
            mark = f"suffix {sha256(password.encode())[:8]}"  # of the run, that is to come
            gcloud(*shlex.split(command.replace("suffix run-s1", mark))[2:])
        found = site.environment(NAME)
        assert (found["BROKER_PASSWORD"], found["API_KEY"], found["STRATEGY_PROFILE"]) == (password, "a,b|c", AFTER)
        gcloud("services", "update-traffic", NAME, "--to-latest")
        if password == "password:1":
            site.rewrite_bundle(secret, 'flags = { BROKER_PASSWORD = "by hand",')
