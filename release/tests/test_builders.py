"""Builders: the command lines they run, and what they make of the answers."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_release.images.build_context import build_context
from quant_release.images.builders import builder_named
from quant_release.repository.pins import Pin
from quant_release.repository.versions import Version
from quant_release.repository.workspace import read_workspace
from quant_release.steps.machine import StepFailed
from quant_release.testing.rehearsal import Rehearsal

DIGEST = "sha256:" + "ab" * 32
RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >> "$(dirname "$0")/calls"\n'
LOOKS = {
    "docker": "docker buildx imagetools inspect r/app:c0ffee --format {{.Manifest.Digest}}",
    "buildah": "skopeo inspect --format {{.Digest}} docker://r/app:c0ffee",
    "gcloud": "gcloud artifacts docker images describe r/app:c0ffee --format=value(image_summary.digest)",
}
BUILDS = {
    "docker": ["docker buildx build --platform linux/amd64 --push --tag r/app:c0ffee ."],
    "buildah": [
        "buildah build --platform linux/amd64 --tag r/app:c0ffee .",
        "buildah push r/app:c0ffee docker://r/app:c0ffee",
    ],
    "gcloud": ["gcloud builds submit --quiet --config cloudbuild.json ."],
}
TOKEN = "canary-5a0e77"
VERSION = "projects/p/secrets/origin/versions/7"
CLOUD_BUILD = {
    "steps": [
        {
            "name": "gcr.io/cloud-builders/docker",
            "env": ["DOCKER_BUILDKIT=1"],
            "args": ["build", "--tag", "r/app:c0ffee", "."],
        }
    ],
    "images": ["r/app:c0ffee"],
}


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder first on PATH with programs that record their calls; those that look say ``answer``."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("docker", "buildah", "skopeo", "gcloud"):
        write(folder / name, RECORD + f'case "$*" in *inspect*|*describe*) echo {DIGEST};; esac\n')
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("GIT_CREDENTIALS_FILE", raising=False)
    monkeypatch.delenv("GIT_CREDENTIALS_SECRET", raising=False)
    return folder


@pytest.fixture
def logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "logins"
    file.write_text(f"https://deploy:{TOKEN}@git.example\n")
    monkeypatch.setenv("GIT_CREDENTIALS_FILE", str(file))
    return file


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def calls(tools: Path) -> list[str]:
    return (tools / "calls").read_text().splitlines()


@pytest.mark.parametrize("name", BUILDS)
def test_an_image_is_built_pushed_and_known_by_its_digest(name: str, tools: Path, tmp_path: Path) -> None:
    made = builder_named(name)
    assert made.build(tmp_path, "r/app", "c0ffee") == f"r/app@{DIGEST}"
    assert calls(tools) == [*BUILDS[name], LOOKS[name]]
    assert list(made.commands("r/app", "c0ffee"))[-len(BUILDS[name]) :] == BUILDS[name]


@pytest.mark.parametrize("name", ["docker", "buildah"])
def test_logins_of_a_private_origin_are_a_secret_of_the_build(
    name: str, tools: Path, logins: Path, tmp_path: Path
) -> None:
    made = builder_named(name)
    made.build(tmp_path, "r/app", "c0ffee")
    build = f" --platform linux/amd64 --secret id=git-credentials,src={logins} "
    assert build in calls(tools)[0]
    assert build in made.commands("r/app", "c0ffee")[0]
    assert TOKEN not in "".join(calls(tools))


def test_cloud_build_is_told_to_mount(tools: Path, tmp_path: Path) -> None:
    builder_named("gcloud").build(tmp_path, "r/app", "c0ffee")
    assert json.loads((tmp_path / "cloudbuild.json").read_text()) == CLOUD_BUILD


def test_cloud_build_takes_logins_from_a_secret(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CREDENTIALS_SECRET", VERSION)
    made = builder_named("gcloud")
    made.build(tmp_path, "r/app", "c0ffee")
    document = json.loads((tmp_path / "cloudbuild.json").read_text())
    (step,) = document["steps"]
    assert step["args"][:3] == ["build", "--secret", "id=git-credentials,env=GIT_CREDENTIALS"]
    assert step["secretEnv"] == ["GIT_CREDENTIALS"]
    secrets = {"secretManager": [{"versionName": VERSION, "env": "GIT_CREDENTIALS"}]}
    assert document["availableSecrets"] == secrets
    write_file, _ = made.commands("r/app", "c0ffee")
    assert json.loads(write_file.removeprefix("printf '%s' '").removesuffix("' > cloudbuild.json")) == document


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "which cannot be read: No such file or directory"),
        (b"", "write https://USER:TOKEN@HOST, one a line; it has none"),
        (f"{TOKEN}\n".encode(), "write https://USER:TOKEN@HOST, one a line; line 1 is none"),
        (f"https://u:{TOKEN}@h\nhttps://{TOKEN}@h".encode(), "one a line; line 2 is none"),
        (b"https://u:\xff@h", "which cannot be read: it is not UTF-8"),
    ],
)
def test_logins_that_cannot_be_used_are_refused_and_not_shown(
    content: bytes | None, message: str, tools: Path, logins: Path
) -> None:
    logins.unlink()
    if content is not None:
        logins.write_bytes(content)
    with pytest.raises(InvalidInput, match=message) as refused:
        builder_named("docker")
    assert str(refused.value).startswith(f"GIT_CREDENTIALS_FILE is {logins}")
    assert TOKEN not in str(refused.value)


def test_logins_are_where_the_image_is_built(tools: Path, logins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="stays on this machine; for gcloud set GIT_CREDENTIALS_SECRET"):
        builder_named("gcloud")
    monkeypatch.setenv("GIT_CREDENTIALS_SECRET", "origin")
    with pytest.raises(InvalidInput, match="GIT_CREDENTIALS_SECRET is 'origin': write projects/P/secrets/S/versions/V"):
        builder_named("gcloud")
    monkeypatch.delenv("GIT_CREDENTIALS_FILE")
    with pytest.raises(InvalidInput, match="is for gcloud; builds on this machine need GIT_CREDENTIALS_FILE"):
        builder_named("buildah")


@pytest.mark.parametrize("name", BUILDS)
def test_an_image_that_was_pushed_is_found(name: str, tools: Path) -> None:
    assert builder_named(name).find("r/app", "c0ffee") == f"r/app@{DIGEST}"
    assert calls(tools) == [LOOKS[name]]


@pytest.mark.parametrize("said", ["manifest unknown", "ERROR: r/app:c0ffee: not found", "NOT_FOUND: no such image"])
def test_an_image_that_the_repository_does_not_have_is_not_there(said: str, tools: Path) -> None:
    write(tools / "docker", f"#!/bin/sh\necho '{said}' >&2; exit 1\n")
    assert builder_named("docker").find("r/app", "c0ffee") is None


@pytest.mark.parametrize("said", ["unauthorized: login first", "dial tcp: connection refused"])
def test_a_repository_that_does_not_answer_is_not_one_without_the_image(said: str, tools: Path) -> None:
    write(tools / "docker", f"#!/bin/sh\necho '{said}' >&2; exit 1\n")
    with pytest.raises(StepFailed, match=said):
        builder_named("docker").find("r/app", "c0ffee")


def test_a_build_that_fails_says_what_the_builder_said(tools: Path, tmp_path: Path) -> None:
    write(tools / "docker", "#!/bin/sh\necho 'no space left' >&2; exit 3\n")
    with pytest.raises(StepFailed, match="docker buildx build --platform failed with 3: no space left"):
        builder_named("docker").build(tmp_path, "r/app", "c0ffee")


def test_an_answer_without_a_digest_is_no_reference(tools: Path) -> None:
    write(tools / "docker", "#!/bin/sh\necho latest\n")
    with pytest.raises(StepFailed, match="no digest of r/app in the answer 'latest'"):
        builder_named("docker").find("r/app", "c0ffee")


def test_an_unknown_builder_is_refused() -> None:
    with pytest.raises(InvalidInput, match="--builder 'kaniko': choose docker, buildah, gcloud, or venv:FOLDER"):
        builder_named("kaniko")


def test_a_context_has_the_published_files_with_commit_and_pins_baked_in(rehearsal: Rehearsal) -> None:
    rehearsal.write("apps/ibkr/src/ibkr_app/unfinished.py", "x = 1\n")
    app = read_workspace(rehearsal.git, "HEAD").apps["ibkr"]
    commit = rehearsal.git.commit()
    pins = (Pin.to("quant-platform-kit", Version(0, 7, 7), "file:///o", "packages/quant_platform_kit"),)
    with build_context(rehearsal.git, app, commit, pins) as context:
        names = sorted(path.relative_to(context).as_posix() for path in context.rglob("*") if path.is_file())
        dockerfile = (context / "Dockerfile").read_text()
        assert (context / "app.txt").read_text() == "./app[deploy]\n"
        assert (context / "requirements.txt").read_bytes() == (rehearsal.root / app.requirements).read_bytes()
    assert names == [
        "Dockerfile",
        "app.txt",
        "app/Dockerfile",
        "app/platform.toml",
        "app/pyproject.toml",
        "app/src/ibkr_app/__init__.py",
        "constraints.txt",
        "requirements.txt",
    ]
    assert f'ARG COMMIT_SHA="{commit}"\nARG PINS="quant-platform-kit-v0.7.7"\n' in dockerfile


def test_an_app_without_a_dockerfile_that_takes_the_commit_is_not_built(rehearsal: Rehearsal) -> None:
    app = read_workspace(rehearsal.git, "HEAD").apps["ibkr"]
    commit = rehearsal.commit("apps/ibkr/Dockerfile", "FROM scratch\n")
    with (
        pytest.raises(Refused, match=r"the Dockerfile has 0 lines 'ARG COMMIT_SHA=...'; it needs one"),
        build_context(rehearsal.git, app, commit, ()),
    ):
        pass
    rehearsal.git.run("rm", "--quiet", "apps/ibkr/Dockerfile")
    rehearsal.git.commit_staged("Gone")
    with (
        pytest.raises(Refused, match="has no apps/ibkr/Dockerfile; add it, commit and push"),
        build_context(rehearsal.git, app, rehearsal.git.commit(), ()),
    ):
        pass
