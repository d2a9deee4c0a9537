"""An origin that asks for a login: how a Dockerfile and plain pip install from it packages that name each other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest
import pytest_socket
from quant_release.demo.baseline import new_repository
from quant_release.repository.git import Git
from quant_release.repository.pins import Pin
from quant_release.repository.versions import Version
from quant_release.testing.private_origin import PrivateOrigin, private_origin

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "canary-3f9c1b"
PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "{name}"
version = "1.0.0"
dependencies = [{dependencies}]

[project.optional-dependencies]
web = []
"""
BACKEND = """\
import pathlib, tomllib, zipfile

def build_wheel(folder, settings=None, metadata=None):
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
    name = project["name"] + "-1.0.0-py3-none-any.whl"
    said = ["Metadata-Version: 2.1", "Name: " + project["name"], "Version: 1.0.0", "Provides-Extra: web"]
    said += ["Requires-Dist: " + one for one in project["dependencies"]]
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.writestr(project["name"] + ".py", "")
        info = project["name"] + "-1.0.0.dist-info/"
        wheel.writestr(info + "METADATA", "\\n".join(said) + "\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""
"""Builds without a package of an index."""


def pin(origin: PrivateOrigin, name: str, extras: Sequence[str] = ()) -> str:
    return str(Pin.to(name, Version(1, 0, 0), origin.url, f"packages/{name}", extras))


@pytest.fixture
def origin(tmp_path: Path) -> Generator[PrivateOrigin]:
    """Serve a package ``thing``, and a package ``more`` that names the tag of the first."""
    pytest_socket.enable_socket()
    with private_origin(tmp_path / "origin.git", "deploy", TOKEN) as served:
        for name, dependencies in {"thing": "", "more": f'"{pin(served, "thing")}"'}.items():
            folder = tmp_path / "work" / "packages" / name
            folder.mkdir(parents=True)
            (folder / "pyproject.toml").write_text(PROJECT.format(name=name, dependencies=dependencies))
            (folder / "backend.py").write_text(BACKEND)
        git = new_repository(tmp_path / "work")
        for name in ("thing", "more"):
            git.tag(f"{name}-v1.0.0", "HEAD", f"{name} 1.0.0")
        Git(tmp_path).run("clone", "--quiet", "--bare", "--template=", str(git.root), str(tmp_path / "origin.git"))
        yield served
    pytest_socket.disable_socket(allow_unix_socket=True)


def with_uv(folder: Path) -> list[str]:
    """Make an environment, and return the command that installs into it as a Dockerfile does."""
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    return [uv, "pip", "install", "--python", str(folder / "bin" / "python"), "--no-sources"]


def with_pip(folder: Path) -> list[str]:
    """Make an environment, and return the command of its pip that installs."""
    venv.create(folder, with_pip=True, symlinks=True)
    return [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]


def install(
    wanted: Sequence[str], folder: Path, secret: Path, command: Callable[[Path], list[str]] = with_uv
) -> subprocess.CompletedProcess[str]:
    """Install with the git configuration that a Dockerfile makes, its secret being this file."""
    text = (ROOT / "apps/ibkr/Dockerfile").read_text()
    (helper,) = re.findall(r"git config --system credential\.helper \\\n\s+'(.+)'", text)
    assert helper.count("/run/secrets/git-credentials") == 1
    folder.mkdir(exist_ok=True)
    system = folder / "gitconfig"
    helper = helper.replace("/run/secrets/git-credentials", str(secret))
    subprocess.run(["git", "config", "--file", str(system), "credential.helper", helper], check=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "UV_NO_CACHE": "1",
        "GIT_CONFIG_SYSTEM": str(system),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    done = [*command(folder / "service"), "--no-index", *wanted]
    return subprocess.run(done, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def secret(origin: PrivateOrigin, tmp_path: Path) -> Path:
    file = tmp_path / "git-credentials"
    file.write_text(f"{origin.login}\n")
    file.chmod(0o400)
    return file


def test_a_private_origin_is_installed_from_with_the_secret_and_nothing_of_it_is_left(
    origin: PrivateOrigin, secret: Path, tmp_path: Path
) -> None:
    done = install([pin(origin, "more")], tmp_path, secret)
    assert done.returncode == 0, done.stderr
    assert secret.read_text() == f"{origin.login}\n"
    files = [path for path in (tmp_path / "service").rglob("*") if path.is_file() and not path.is_symlink()]
    assert {path.parent.name for path in files if path.name == "direct_url.json"} == {
        "thing-1.0.0.dist-info",
        "more-1.0.0.dist-info",
    }
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [with_uv, pytest.param(with_pip, marks=pytest.mark.services)])
def test_a_package_goes_with_one_that_names_it_if_both_name_the_same_address(
    command: Callable[[Path], list[str]], origin: PrivateOrigin, secret: Path, tmp_path: Path
) -> None:
    pins = [pin(origin, "thing", ["web"]), pin(origin, "more")]
    (tmp_path / "other.git").symlink_to("origin.git")
    done = install([pins[0].replace("/origin.git", "/other.git"), pins[1]], tmp_path / "other", secret, command)
    assert done.returncode != 0
    assert re.search("conflicting", done.stderr)
    done = install(pins, tmp_path / "same", secret, command)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("login", [None, "http://deploy:wrong@{host}\n", "https://deploy:other@elsewhere.invalid\n"])
def test_a_private_origin_is_closed_to_whoever_has_not_its_login(
    login: str | None, origin: PrivateOrigin, tmp_path: Path
) -> None:
    secret = tmp_path / "git-credentials"
    if login is not None:
        secret.write_text(login.format(host=origin.login.rpartition("@")[2]))
    done = install([pin(origin, "more")], tmp_path, secret)
    assert done.returncode != 0
    assert re.search("Authentication failed|could not read Username|terminal prompts disabled", done.stderr)
    assert not [*(tmp_path / "service").rglob("more.py"), *(tmp_path / "service").rglob("thing.py")]
