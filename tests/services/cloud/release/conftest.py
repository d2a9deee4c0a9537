"""The emulators that all tests of this folder share, and the small workspace with its services on them."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_socket
from quant_release.demo.baseline import SERVICES
from quant_release.demo.cloud import Cloud, cloud_on_this_machine
from quant_release.testing.rehearsal import Rehearsal, make_rehearsal, rehearsal_in
from quant_release.testing.services import ServiceRehearsal, register_images, release_images

from .site_frame import Site


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Cloud, Path]]:
    """Return the servers that all tests share, and the file of images."""
    registry = tmp_path_factory.mktemp("images") / "registry.json"
    registry.write_text("{}")
    with cloud_on_this_machine(f"registry:{registry}", tmp_path_factory.mktemp("revisions")) as found:
        yield found, registry


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory, cloud: tuple[Cloud, Path]) -> Path:
    """Return a folder with the small workspace whose packages, pins and images are released."""
    folder = tmp_path_factory.mktemp("release") / "folder"
    rehearsal = make_rehearsal(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{rehearsal.tools}{os.pathsep}{os.environ['PATH']}")
        release_images(rehearsal)
    register_images(rehearsal, cloud[1])
    shutil.copytree(folder, folder.with_name("pristine"))
    return folder


@pytest.fixture(autouse=True)
def only_servers_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let these tests connect to this machine alone: services have addresses that nobody knows before."""
    pytest_socket.enable_socket()

    def guarded(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        def check(self: socket.socket, address: Any) -> Any:
            if self.family != socket.AF_UNIX and address[0] != "127.0.0.1":
                pytest.fail(f"connection to {address[0]}, which is not this machine")
            return connect(self, address)

        return check

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))


@pytest.fixture
def site(
    cloud: tuple[Cloud, Path], released: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Generator[Site]:
    """Return three services at the baseline, and the bundle that leads on; the images are built."""
    shutil.rmtree(released)
    shutil.copytree(released.with_name("pristine"), released)
    site = _site(rehearsal_in(released), cloud, monkeypatch, getattr(request, "param", SERVICES))
    yield site
    site.forget()


def _site(
    rehearsal: Rehearsal, cloud: tuple[Cloud, Path], monkeypatch: pytest.MonkeyPatch, services: Mapping[str, str]
) -> Site:
    """Deploy the services of a rehearsal, and publish their bundle."""
    monkeypatch.setenv("PATH", f"{rehearsal.tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("STORE_URL", raising=False)
    found, registry = cloud
    for name, value in found.settings.items():
        monkeypatch.setenv(name, value)
    made = ServiceRehearsal(rehearsal, found, f"p{uuid4().hex[:12]}", registry, services)
    made.deploy()
    made.write_bundle()
    site = Site(made, [])
    site.forget()
    return site


@pytest.fixture
def unreleased(cloud: tuple[Cloud, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Site]:
    """Return three services at the baseline, and the bundle that leads on; nothing of it is released yet."""
    rehearsal = make_rehearsal(tmp_path / "whole")
    site = _site(rehearsal, cloud, monkeypatch, SERVICES)
    yield site
    site.forget()
