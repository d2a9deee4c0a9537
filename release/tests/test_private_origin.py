"""An origin that asks for a login, and the installation of a Dockerfile from it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
import pytest_socket
from quant_release.demo.baseline import new_repository
from quant_release.repository.git import Git
from quant_release.testing.private_origin import PrivateOrigin, private_origin

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "canary-3f9c1b"
TAG = "thing-v1.0.0"
PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "thing"
version = "1.0.0"
"""
BACKEND = """\
import zipfile

def build_wheel(folder, settings=None, metadata=None):
    name = "thing-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.writestr("thing.py", "")
        info = "thing-1.0.0.dist-info/"
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: thing\\nVersion: 1.0.0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""
"""Builds without a package of an index."""


@pytest.fixture
def origin(tmp_path: Path) -> Generator[PrivateOrigin]:
    pytest_socket.enable_socket()
    folder = tmp_path / "work" / "packages" / "thing"
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "backend.py").write_text(BACKEND)
    git = new_repository(tmp_path / "work")
    git.tag(TAG, "HEAD", "thing 1.0.0")
    Git(tmp_path).run("clone", "--quiet", "--bare", "--template=", str(git.root), str(tmp_path / "origin.git"))
    with private_origin(tmp_path / "origin.git", "deploy", TOKEN) as served:
        yield served
    pytest_socket.disable_socket(allow_unix_socket=True)


def install(origin: PrivateOrigin, folder: Path, secret: Path) -> subprocess.CompletedProcess[str]:
    """Install from the origin with the git configuration that a Dockerfile makes, its secret being this file."""
    text = (ROOT / "apps/ibkr/Dockerfile").read_text()
    (helper,) = re.findall(r"git config --system credential\.helper \\\n\s+'(.+)'", text)
    assert helper.count("/run/secrets/git-credentials") == 1
    system = folder / "gitconfig"
    helper = helper.replace("/run/secrets/git-credentials", str(secret))
    subprocess.run(["git", "config", "--file", str(system), "credential.helper", helper], check=True)
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "service")], check=True)
    wanted = f"thing @ git+{origin.url}@{TAG}#subdirectory=packages/thing"
    command = [
        uv,
        "pip",
        "install",
        "--python",
        str(folder / "service/bin/python"),
        "--no-sources",
        "--no-index",
        wanted,
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "UV_NO_CACHE": "1",
        "GIT_CONFIG_SYSTEM": str(system),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_private_origin_is_installed_from_with_the_secret_and_nothing_of_it_is_left(
    origin: PrivateOrigin, tmp_path: Path
) -> None:
    secret = tmp_path / "git-credentials"
    secret.write_text(f"{origin.login}\n")
    secret.chmod(0o400)
    done = install(origin, tmp_path, secret)
    assert done.returncode == 0, done.stderr
    assert secret.read_text() == f"{origin.login}\n"
    files = [path for path in (tmp_path / "service").rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path.name for path in files if path.name == "direct_url.json"]
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize("login", [None, "http://deploy:wrong@{host}\n", "https://deploy:other@elsewhere.invalid\n"])
def test_a_private_origin_is_closed_to_whoever_has_not_its_login(
    login: str | None, origin: PrivateOrigin, tmp_path: Path
) -> None:
    secret = tmp_path / "git-credentials"
    if login is not None:
        secret.write_text(login.format(host=origin.login.rpartition("@")[2]))
    done = install(origin, tmp_path, secret)
    assert done.returncode != 0
    assert re.search("Authentication failed|could not read Username|terminal prompts disabled", done.stderr)
    assert not list((tmp_path / "service").rglob("thing.py"))
