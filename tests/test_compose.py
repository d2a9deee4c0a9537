"""Compose files: every service is asked how it is, is reached from this machine only, and starts by its profile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests" / "services" / "compose.yaml"
SECRET = re.compile(r"KEY|TOKEN|PASSWORD|SECRET|_PASS")
BROKERS = {"ibkr", "longbridge", "schwab"}


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


WHOLE = read(ROOT / "compose.yaml")
INCLUDED = {each["path"]: read(ROOT / each["path"]) for each in WHOLE["include"]}
FILES = {"compose.yaml": WHOLE, **INCLUDED}
SERVICES = [(file, name) for file, document in FILES.items() for name in document["services"]]


def service(file: str, name: str) -> dict[str, Any]:
    return FILES[file]["services"][name]


def test_the_whole_has_the_services_of_all_and_no_name_twice() -> None:
    names = [name for _, name in SERVICES]
    assert len(names) == len(set(names)) == 3 + 8 + 10


def test_every_service_starts_by_one_profile_and_none_without() -> None:
    by_profile: dict[str, set[str]] = {}
    for file, name in SERVICES:
        (profile,) = service(file, name)["profiles"]
        by_profile.setdefault(profile, set()).add(name)
    assert by_profile.keys() == {"brokers", "tq", "events"}
    assert by_profile["brokers"] == BROKERS
    assert {len(names) for names in by_profile.values()} == {3, 8, 10}
    assert all(name.startswith("tq_") for name in by_profile["tq"])


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_a_service_has_an_image_a_check_and_no_port_but_on_this_machine(file: str, name: str) -> None:
    container = service(file, name)
    assert container.get("image") or container.get("build")
    assert container["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert container["restart"] == "always"
    assert all(port.startswith("127.0.0.1:") for port in container.get("ports", []))
    assert "privileged" not in container
    assert not any("docker.sock" in volume for volume in container.get("volumes", []))


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_no_secret_stands_in_a_file(file: str, name: str) -> None:
    variables: Mapping[str, str | None] = service(file, name).get("environment", {})
    for variable, value in variables.items():
        if SECRET.search(variable):
            assert value is None or value.startswith("${"), f"{name}: {variable}"
        passwords = re.findall(r"://[^/@:]*:([^@]+)@", value or "")
        assert all(password.startswith("${") for password in passwords), f"{name}: {variable}"


def test_a_service_waits_only_for_those_that_start_with_it() -> None:
    for file, name in SERVICES:
        for other in service(file, name).get("depends_on", {}):
            assert service(file, other)["profiles"] == service(file, name)["profiles"]


def test_a_variable_that_is_required_has_a_default_in_the_whole() -> None:
    """Compose reads a file as a whole: what one profile requires would keep the others from starting."""
    assert "${" not in re.sub(r"\$\{\w+:[-+]", "", (ROOT / "compose.yaml").read_text())
    for each in WHOLE["include"]:
        required = set(re.findall(r"\$\{(\w+):\?", (ROOT / each["path"]).read_text()))
        given = dict(re.findall(r"^(\w+)=(.+)$", (ROOT / each["env_file"]).read_text(), re.MULTILINE))
        assert required <= given.keys(), each["path"]
        assert not [name for name in given if SECRET.search(name)]


@pytest.mark.parametrize("file", INCLUDED)
def test_a_file_by_itself_starts_all_that_it_has(file: str) -> None:
    (profile,) = {each for name in INCLUDED[file]["services"] for each in service(file, name)["profiles"]}
    assert f"COMPOSE_PROFILES={profile}\n" in (ROOT / file).with_name(".env").read_text()


def test_brokers_have_the_settings_of_their_units_and_listen_on_this_machine() -> None:
    for name in BROKERS:
        container = service("compose.yaml", name)
        assert container["env_file"] == [f"${{QUANT_SETTINGS:-/etc/quant}}/{name}.env"]
        assert container["environment"]["HOST"] == "127.0.0.1"
        assert container["image"] == f"${{REGISTRY:+$REGISTRY/}}{name}-app:${{QUANT_VERSION:-latest}}"
        assert (ROOT / "apps" / name / "Dockerfile").is_file()


def test_servers_for_tests_start_without_a_profile_and_need_no_variable() -> None:
    text, servers = TESTS.read_text(), read(TESTS)["services"]
    assert servers.keys() == {"kafka", "mongodb", "postgres", "rabbitmq", "redis"}
    assert "${" not in text
    for name, server in servers.items():
        assert "profiles" not in server
        assert server["healthcheck"]["test"]
        assert [port.startswith("127.0.0.1:") for port in server["ports"]] == [True], name
        (port,) = server["ports"]
        assert f"127.0.0.1:{port.split(':')[1]}" in text.partition("services:\n")[0]
