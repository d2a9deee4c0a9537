"""What event-trading is deployed with: the image, the script that builds it, compose, example settings."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from event_trading_app.cli.main import with_all_commands
from event_trading_app.names import Service
from event_trading_app.reactor.quoters import quoter_of
from event_trading_app.services.running import LAST_SECONDS, NEEDS
from event_trading_app.settings import CONFIG, Settings, name_of, read_settings
from quant_platform_kit.cli.main import app as quant
from quant_platform_kit.domain.identity import Mode

ROOT = Path(__file__).resolve().parents[3]
APP = ROOT / "apps" / "event_trading"
DEPLOY = ROOT / "scripts" / "deploy" / "event_trading"
VERSION = "v" + tomllib.loads((APP / "pyproject.toml").read_text())["project"]["version"]
SECRETS = ("near_key", "near_token")
COMPOSE_TEXT = (DEPLOY / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
RUNBOOK = (ROOT / "docs" / "runbooks" / "event-trading.md").read_text()
FAKES = {
    "docker": 'echo "docker $*" >>"$CALLS"\n',
    "uv": 'while test "$1" != --output-file; do shift; done; echo "pinned" >"$2"\n',
}


def example(**variables: str) -> Settings:
    """Return the example settings with what a container has in its environment."""
    own = {"EVENT_TRADING_KAFKA_URL": "127.0.0.1:19092", **variables}
    return read_settings(DEPLOY / "config.example.yaml", own)


@pytest.mark.parametrize("service", Service)
def test_every_service_has_a_container_of_its_own_that_is_asked_where_it_listens(service: Service) -> None:
    container = COMPOSE["services"][service.value]
    assert container["command"] == ["run", service.value]
    assert container["restart"] == "always"
    assert int(container["stop_grace_period"].removesuffix("s")) > LAST_SECONDS
    assert int(container["healthcheck"]["test"][-1]) == example().port + service.offset


def test_there_is_nothing_besides_but_a_broker_and_a_ledger_whose_versions_are_pinned() -> None:
    others = COMPOSE["services"].keys() - {service.value for service in Service}
    assert others == {"kafka", "postgres"}
    assert all(re.search(r":v?\d", COMPOSE["services"][name]["image"]) for name in others)


def test_nothing_listens_beyond_this_machine() -> None:
    for container in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in container.get("ports", []))
    assert example().host == "127.0.0.1"


@pytest.mark.parametrize("service", Service)
def test_a_container_has_the_secrets_that_its_service_needs_and_no_other(service: Service) -> None:
    variables = COMPOSE["services"][service.value]["environment"]
    given = [name for name in SECRETS if name_of(name) in variables]
    assert given == [name for name in SECRETS if name in NEEDS[service]]
    assert all(variables[name_of(name)] is None for name in given)


@pytest.mark.parametrize("service", Service)
def test_a_container_and_the_example_are_all_that_a_service_needs(service: Service) -> None:
    variables = COMPOSE["services"][service.value]["environment"]
    told = {name: value or "secret" for name, value in variables.items() if name != "EVENT_TRADING_CONFIG"}
    example(**told).required(*NEEDS[service])


def test_the_example_sends_nothing_and_its_quoter_can_be_made() -> None:
    settings = example()
    assert settings.mode is Mode.DRY_RUN
    quoter = quoter_of(settings.quoter, settings.quoter_settings)
    assert set(quoter.settings["limits"]) <= set(settings.tokens)


def asked() -> list[str]:
    """Return every command of the runbook that is a whole one, placeholders filled in."""
    blocks = [
        line.strip() for block in re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL) for line in block.splitlines()
    ]
    inline = [text for text in re.findall(r"`([^`\n]+)`", RUNBOOK) if " " in text]
    found = [line for line in (*map(str.strip, blocks), *inline) if re.match(r"(event-trading|quant) [a-z]", line)]
    return sorted(set(found))


@pytest.mark.parametrize("line", asked())
def test_every_command_of_the_runbook_exists_with_these_words(line: str) -> None:
    text = re.sub(r"\$[A-Z]+", "sqlite:///x", line).replace("URL", "sqlite:///x")
    program, *words = shlex.split(text, comments=True)
    command: Any = typer.main.get_command({"event-trading": with_all_commands(), "quant": quant}[program])
    context = command.make_context(program, words)
    while left := [*context._protected_args, *context.args]:
        command = command.get_command(context, left[0])
        assert command is not None, f"{program} has no {left[0]}"
        context = command.make_context(left[0], left[1:], parent=context)


def test_every_file_and_setting_that_the_runbook_names_is_there() -> None:
    for path in re.findall(r"(?:scripts|docs|apps)/[\w./-]+\w", RUNBOOK):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"EVENT_TRADING_[A-Z_]+", RUNBOOK):
        assert name == CONFIG or name in map(name_of, Settings.model_fields) or f"${{{name}" in COMPOSE_TEXT, name


def test_the_image_runs_the_app_as_a_user_without_rights() -> None:
    text = (APP / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["python", "-m", "event_trading_app"]' in text
    assert "USER 10001" in text


def test_the_image_is_built_of_a_commit_and_pushed_where_a_registry_is_named(tmp_path: Path) -> None:
    root, tools, calls = tmp_path / "checkout", tmp_path / "tools", tmp_path / "calls"
    for folder, file in (
        ("scripts/deploy/event_trading", DEPLOY / "build_image.sh"),
        ("scripts/deploy/event_trading", DEPLOY / "context.sh"),
        ("apps/event_trading", APP / "pyproject.toml"),
        ("apps/event_trading", APP / "Dockerfile"),
        ("packages/quant_platform_kit", APP / "README.md"),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, root / folder)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message=All"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    (root / "apps/event_trading/README.md").write_text("not committed")
    tools.mkdir()
    for name, text in FAKES.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}")
        (tools / name).chmod(0o755)
    variables = {"PATH": f"{tools}:{os.environ['PATH']}", "CALLS": str(calls), "REGISTRY": "registry.example/ours/"}
    script = ["bash", str(root / "scripts/deploy/event_trading/build_image.sh")]
    done = subprocess.run(script, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
    context, image = ".cache/deploy/event_trading", "registry.example/ours/event_trading"
    assert calls.read_text().splitlines() == [
        f"docker build --platform linux/amd64 --build-arg COMMIT_SHA={commit.stdout.strip()} "
        f"--file {context}/app/Dockerfile --tag {image}:{commit.stdout.strip()} --tag {image}:{VERSION} "
        f"--tag {image}:latest {context}",
        f"docker push {image}:{commit.stdout.strip()}",
        f"docker push {image}:{VERSION}",
        f"docker push {image}:latest",
    ]
    files = {path.name for path in (root / context).iterdir()}
    assert files == {"app", "app.txt", "constraints.txt", "requirements.txt"}
    assert not (root / context / "app/README.md").exists()
    assert (root / context / "app/quant_platform_kit/README.md").is_file()
