"""What the eight services are deployed with: images, the script that builds them, compose, units, example settings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from quant_platform_kit.adapters.calendar_tables import load_calendar, with_closed_days
from tq_broker_app.names import RESTART, Role
from tq_broker_app.settings import Settings, read_settings

ROOT = Path(__file__).resolve().parents[3]
APP = ROOT / "apps" / "tq_broker"
DEPLOY = ROOT / "scripts" / "deploy"
CONNECT = DEPLOY / "tqsdk_broker_connect"
SYSTEMD = DEPLOY.parents[1] / "infra" / "systemd"
SCRIPT = DEPLOY / "build_all_images.sh"
VERSION = "v" + tomllib.loads((APP / "pyproject.toml").read_text())["project"]["version"]
NAMES = [role.image.removeprefix("tq_") for role in Role]
FIRST_PORT = 8701
FAKES = {
    "docker": 'echo "docker $*" >>"$CALLS"\n',
    "uv": 'while test "$1" != --output-file; do shift; done; echo "pinned" >"$2"\n',
}

Stage = list[tuple[str, str]]


def stages() -> dict[str, Stage]:
    """Return the instructions of every stage of the images, with those of the stages it begins with."""
    text = re.sub(r"\\\n\s*", "", (APP / "Dockerfile.services").read_text())
    found: dict[str, Stage] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "FROM":
            base, _, stage = value.partition(" AS ")
            found[stage] = [*found.get(base, [("FROM", base)])]
        elif name.isupper() and found:
            found[stage].append((name, value))
    return found


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a repository with the script and what it builds from."""
    root = tmp_path / "checkout"
    for folder, files in (
        ("scripts/deploy", [SCRIPT]),
        ("apps/tq_broker", [APP / name for name in ("pyproject.toml", "Dockerfile", "Dockerfile.services")]),
        ("packages/quant_platform_kit", [APP / "README.md"]),
    ):
        (root / folder).mkdir(parents=True)
        for file in files:
            shutil.copy(file, root / folder)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message=All"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in FAKES.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}")
        (tools / name).chmod(0o755)
    return root


def build(checkout: Path, *words: str, registry: str = "") -> subprocess.CompletedProcess[str]:
    tools, calls = checkout.parent / "tools", checkout.parent / "calls"
    variables = {"PATH": f"{tools}:{os.environ['PATH']}", "CALLS": str(calls), "REGISTRY": registry}
    command = ["bash", str(checkout / "scripts/deploy/build_all_images.sh"), *words]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def commands(checkout: Path, prefix: str = "") -> list[str]:
    """Return the command lines that build, and with a prefix push."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True)
    folder = ".cache/deploy/tq_broker"
    lines = [
        f"docker build --platform linux/amd64 --build-arg COMMIT_SHA={commit.stdout.strip()} "
        f"--file {folder}/{base}/app/Dockerfile --tag tq_broker_{base}:{VERSION} {folder}/{base}"
        for base in ("trading", "handling")
    ]
    lines += [
        f"docker build --platform linux/amd64 --build-arg TRADING=tq_broker_trading:{VERSION} "
        f"--build-arg HANDLING=tq_broker_handling:{VERSION} --target {name} "
        f"--tag {prefix}tq_{name}:{VERSION} --tag {prefix}tq_{name}:latest {folder}/services"
        for name in NAMES
    ]
    if prefix:
        lines += [f"docker push {prefix}tq_{name}:{tag}" for name in NAMES for tag in (VERSION, "latest")]
    return lines


@pytest.mark.parametrize("role", Role)
def test_every_role_has_a_target_that_runs_it(role: Role) -> None:
    stage = stages()[role.image.removeprefix("tq_")]
    told = dict(stage)
    assert told["ENTRYPOINT"] == '["tq-broker"]'
    assert told["CMD"] == f'["run", "{role.value}"]'
    assert told["LABEL"] == f'org.opencontainers.image.title="{role.image}"'
    assert [value for name, value in stage if name == "USER"][-1] == "10001"
    assert told["FROM"] == ("${TRADING}" if role.trades else "${HANDLING}")
    assert any("dmidecode" in value for name, value in stage if name == "RUN") == role.trades


def test_there_is_no_target_besides() -> None:
    assert [name for name in stages() if name not in ("trading", "handling")] == NAMES


def test_a_dry_run_prints_the_commands_and_does_nothing(checkout: Path) -> None:
    done = build(checkout, "-e", "local", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == commands(checkout)
    done = build(checkout, "--dry-run", "-e", "aliyun", registry="registry.example/ours/")
    assert done.stdout.splitlines() == commands(checkout, "registry.example/ours/")
    assert not (checkout / ".cache").exists()
    assert not (checkout.parent / "calls").exists()


def test_images_are_built_of_a_commit_with_tqsdk_only_where_it_is_used(checkout: Path) -> None:
    (checkout / "apps/tq_broker/README.md").write_text("not committed")
    done = build(checkout, "-e", "local")
    assert done.returncode == 0, done.stderr
    assert (checkout.parent / "calls").read_text().splitlines() == commands(checkout)
    contexts = checkout / ".cache/deploy/tq_broker"
    assert {path.name for path in contexts.iterdir()} == {"trading", "handling", "services"}
    for name, app in (("trading", "./app[tqsdk,deploy]\n"), ("handling", "./app[deploy]\n")):
        context = contexts / name
        assert (context / "app.txt").read_text() == app
        assert (context / "constraints.txt").read_text() == "pinned\n"
        assert (context / (context / "requirements.txt").read_text().strip()).is_dir()
        assert (context / "app/Dockerfile").is_file()
        assert not (context / "app/README.md").exists()
    assert (contexts / "services/Dockerfile").read_text() == (APP / "Dockerfile.services").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "-e takes local or aliyun"),
        (("-e",), "-e takes local or aliyun"),
        (("-e", "production"), "-e takes local or aliyun"),
        (("-e", "local", "--push"), "there is no option --push"),
        (("-e", "aliyun", "--dry-run"), "REGISTRY is not set"),
    ],
)
def test_what_cannot_be_meant_is_answered_with_the_usage(words: tuple[str, ...], told: str, checkout: Path) -> None:
    done = build(checkout, *words)
    assert (done.returncode, done.stdout) == (2, "")
    first, second, *_ = done.stderr.splitlines()
    assert first == f"build_all_images.sh: {told}"
    assert second == "usage: build_all_images.sh -e local|aliyun [--dry-run]"


def test_compose_runs_every_service_and_asks_each_on_its_own_port() -> None:
    services: dict[str, dict[str, Any]] = yaml.safe_load((CONNECT / "docker-compose.yml").read_text())["services"]
    assert list(services) == [role.image for role in Role]
    for role, service in zip(Role, services.values(), strict=True):
        own = f"${{REGISTRY:+$REGISTRY/}}{role.image}:${{TQ_BROKER_VERSION:-latest}}"
        assert service["image"] == f"${{TQ_BROKER_IMAGE:-{own}}}"
        assert service["command"] == ["run", role.value]
        assert (service["network_mode"], service["restart"], service["stop_grace_period"]) == ("host", "always", "15s")
        assert [volume.partition(":")[0] for volume in service["volumes"]] == ["${CONFIG_PATH", "${LOG_PATH"]
        assert service["environment"]["TQ_BROKER__OPERATIONS__PORT"] == f"${{OPERATIONS_PORT:-{FIRST_PORT}}}"
        *asking, offset = service["healthcheck"]["test"]
        assert int(offset) == role.offset
        assert asking[:3] == ["CMD", "python", "-c"]
        compile(asking[3], "health", "exec")
        assert "/healthz" in asking[3]


def test_units_start_every_service_again_and_a_target_has_all_of_them() -> None:
    unit = (SYSTEMD / "tq-broker@.service").read_text().splitlines()
    assert "ExecStart=/opt/tq-broker/bin/tq-broker run %i" in unit
    for line in ("Restart=always", f"RestartForceExitStatus={RESTART}", "KillSignal=SIGTERM", "TimeoutStopSec=15"):
        assert line in unit
    target = (SYSTEMD / "tq-broker.target").read_text().splitlines()
    wanted = [line.removeprefix("Wants=") for line in target if line.startswith("Wants=")]
    assert wanted == [f"tq-broker@{role.value}.service" for role in Role]


def test_the_example_is_settings_and_what_it_leaves_out_is_the_default(tmp_path: Path) -> None:
    example = (CONNECT / "config.example.yaml").read_text()
    settings = read_settings(CONNECT / "config.example.yaml", {})
    assert (settings.operations.port, settings.redis.db) == (FIRST_PORT, 1)
    shown = {key for key in re.findall(r"^ *(?:# +)?([a-z_]+):(?: |$)", example, re.MULTILINE)}
    known = {name for section in Settings.model_fields.values() for name in section.annotation.model_fields}
    assert known - {"clock_url"} <= shown
    everything = re.sub(r"(?m)^( *)# ( *[a-z_]+: \S.*|submitter:)$", r"\1\2", example)
    (tmp_path / "config.yaml").write_text(everything)
    named = read_settings(tmp_path / "config.yaml", {"TQ_BROKER__TQ__RUN_MODE": "real"})
    assert named.submitter == settings.submitter
    assert named.tq.broker_id


def test_both_runbooks_have_the_same_commands_and_parts() -> None:
    english, chinese = ((ROOT / f"docs/runbooks/tq-broker{end}.md").read_text() for end in ("", ".zh"))
    for pattern in (r"(?ms)^ *```\w+\n.*?^ *```$", r"(?m)^#+ ", r"(?m)^\|(?=.*\|$)", r"(?m)^\d\. "):
        assert re.findall(pattern, english) == re.findall(pattern, chinese)
    for role in Role:
        row = f"| `{role.value}` | `{role.image}` |"
        assert row in english
        assert row in chinese
        assert f"| {FIRST_PORT + role.offset} |" in english


def test_the_holidays_of_the_runbook_are_such_a_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"(?ms)^```json\n(.*?)^```$", (ROOT / "docs/runbooks/tq-broker.md").read_text())
    (tmp_path / "closed.json").write_text(example)
    calendar = with_closed_days(load_calendar("XSHG"), tmp_path / "closed.json")
    assert not calendar.is_session(date(2027, 1, 1))
    assert calendar.is_session(date(2027, 1, 4))
