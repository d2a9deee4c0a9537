"""The Dockerfiles of services and job: the rules of the field's linter that matter here, and those of this house."""

from __future__ import annotations

import importlib.util
import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).resolve().parents[2]
TOOLS = {
    project.parent: tomllib.loads(project.read_text("utf-8")).get("tool", {})
    for project in sorted((*ROOT.glob("apps/*/pyproject.toml"), *ROOT.glob("*/pyproject.toml")))
}
APPS = {
    folder.relative_to(ROOT).as_posix(): tool.get("image", {}).get("module")
    or next(folder.glob("src/*/__init__.py")).parent.name
    for folder, tool in TOOLS.items()
    if "release" in tool
}
"""The folder of everything that is released as an image, and the module that it runs."""
Instructions = list[tuple[str, str]]


def read(app: str) -> Instructions:
    """Return instructions and their values, continuation lines joined."""
    parser = DockerfileParser(fileobj=io.BytesIO((ROOT / app / "Dockerfile").read_bytes()))
    structure: list[dict[str, Any]] = parser.structure
    return [(one["instruction"], one["value"]) for one in structure if one["instruction"] != "COMMENT"]


@pytest.fixture(params=APPS)
def app(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def instructions(app: str) -> Instructions:
    return read(app)


@pytest.fixture
def final(instructions: Instructions) -> Instructions:
    """Return the instructions of the last stage: what is deployed."""
    last = max(number for number, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[last:]


def test_every_stage_begins_with_one_base_of_a_version_and_a_digest(instructions: Instructions) -> None:
    bases = {value.split(" AS ")[0] for name, value in instructions if name == "FROM"}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", bases.pop())


def test_uv_is_the_one_that_the_workspace_pins(instructions: Instructions) -> None:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "scripts" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    bootstrap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bootstrap)
    runs = " ".join(value for name, value in instructions if name == "RUN")
    assert f"uv=={bootstrap.VERSION} " in runs
    known = {bootstrap.WHEELS[f"Linux {machine} glibc"].sha256 for machine in ("x86_64", "aarch64")}
    assert set(re.findall(r"--hash=sha256:([0-9a-f]{64})", runs)) == known
    assert "pip install --no-cache-dir --require-hashes" in runs


def test_what_is_deployed_is_installed_from_pins_and_hashed_constraints_without_sources(
    instructions: Instructions,
) -> None:
    (install,) = (value for name, value in instructions if name == "RUN" and "uv pip install" in value)
    assert "--no-sources -c constraints.txt -r requirements.txt -r app.txt" in install


def test_the_service_runs_without_root_and_without_a_shell(final: Instructions, app: str) -> None:
    names = [name for name, _ in final]
    assert names.count("USER") == 1
    assert names.index("USER") > max(number for number, name in enumerate(names) if name in ("RUN", "COPY"))
    user = dict(final)["USER"]
    assert user.isdigit()
    assert int(user) > 0
    assert dict(final)["ENTRYPOINT"] == f'["python", "-m", "{APPS[app]}"]'
    assert "CMD" not in names


def test_commit_and_pins_are_labels_and_the_service_knows_its_commit(final: Instructions) -> None:
    assert [value for name, value in final if name == "ARG"] == ['COMMIT_SHA="unknown"', 'PINS="unknown"']
    labels = dict(final)["LABEL"]
    assert 'org.opencontainers.image.revision="${COMMIT_SHA}"' in labels
    assert 'quant-platform.pins="${PINS}"' in labels
    assert 'COMMIT_SHA="${COMMIT_SHA}"' in dict(final)["ENV"]


def test_only_the_environment_is_taken_over_from_the_build(final: Instructions) -> None:
    assert [value for name, value in final if name == "COPY"] == ["--from=build /opt/service /opt/service"]


def test_only_files_of_the_context_are_copied(instructions: Instructions) -> None:
    copied = {
        part for name, value in instructions if name == "COPY" and "--from" not in value for part in value.split()[:-1]
    }
    assert copied == {"requirements.txt", "constraints.txt", "app.txt", "app"}


def test_nothing_is_added_downloaded_or_left_behind_that_a_linter_forbids(instructions: Instructions) -> None:
    names = {name for name, _ in instructions}
    runs = [value for name, value in instructions if name == "RUN"]
    assert names <= {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "ARG", "LABEL", "USER", "EXPOSE", "ENTRYPOINT"}
    assert all(value.startswith("/") for name, value in instructions if name == "WORKDIR")
    assert not [
        run for run in runs if re.search(r"\b(sudo|curl|wget|apt |cd )\b", run) or re.search(r"[^|]\|[^|]", run)
    ]
    for run in runs:
        if "apt-get install" in run:
            assert "--no-install-recommends" in run
            assert "rm -rf /var/lib/apt/lists/*" in run


def test_logins_of_a_private_origin_are_there_while_the_app_is_installed_and_not_in_the_last_stage(
    instructions: Instructions, final: Instructions
) -> None:
    (mounted,) = (value for name, value in instructions if name == "RUN" and "--mount" in value)
    assert mounted.startswith("--mount=type=secret,id=git-credentials uv venv ")
    assert "uv pip install" in mounted
    (configured,) = (value for name, value in instructions if "credential.helper" in value)
    assert "/run/secrets/git-credentials get" in configured
    assert "credential" not in " ".join(value for _, value in final)


def test_no_secret_has_a_place_in_an_image(instructions: Instructions) -> None:
    values = " ".join(value for name, value in instructions if name in ("ENV", "ARG"))
    assert not re.search(r"(?i)secret|password|token|key", values)


SYSTEM = re.compile(r"(?<=\n\n)RUN apt-get update (?:[^\n]*\\\n)+[^\n]*\n(?=RUN useradd)")


def test_the_dockerfiles_differ_in_the_name_of_the_app_and_in_what_of_debian_it_installs_only() -> None:
    texts: set[str] = set()
    for app, package in APPS.items():
        distribution = tomllib.loads((ROOT / app / "pyproject.toml").read_text("utf-8"))["project"]["name"]
        text = SYSTEM.sub("", (ROOT / app / "Dockerfile").read_text("utf-8"))
        texts.add(text.replace(f'"{distribution}"', '"APP"').replace(f'"{package}"', '"APP"'))
    assert len(texts) == 1


def test_the_job_of_snapshots_has_an_image_and_runs_as_a_module() -> None:
    assert APPS["snapshot_pipelines"] == "snapshot_pipelines"
    assert (ROOT / "snapshot_pipelines/src/snapshot_pipelines/__main__.py").is_file()
