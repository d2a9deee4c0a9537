"""Images of every app, from pins of a private origin: built, pushed, found, started, searched."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quant_release.demo.baseline import bundle_text, copy_of, make_origin
from quant_release.images.build_context import build_context
from quant_release.images.credentials import GitLogins
from quant_release.repository.git import Git
from quant_release.repository.pins import Pin, read_pins, write_pins
from quant_release.repository.workspace import App, read_workspace
from quant_release.testing.private_origin import private_origin

from .base import base_of, import_base, make_base
from .builder import RehearsalBuilder
from .machine import Failed, run
from .registry import pushed, registry
from .service import SETTINGS, Running, answered, container_of, started
from .store import own_store

__all__ = ["Built", "rehearse"]

USER = 10001

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """An app's image; seconds of its steps, bytes of its compressed layers."""

    app: str
    digest: str
    size: int
    context: float
    build: float
    start: float


@dataclass(frozen=True, slots=True)
class _Bench:
    """What images are made with: the checkout of the private origin, its token, a builder, a registry, a folder."""

    git: Git
    token: str
    builder: RehearsalBuilder
    port: int
    folder: Path


def rehearse(checkout: Path, folder: Path, cache: Path, say: Say) -> Generator[Built]:
    """Yield the image of one app after the other, each checked.

    Parameters
    ----------
    checkout
        Its HEAD is what is built.
    folder
        Everything is made there, and is of no use afterwards.
    cache
        Keeps the root file system of the base.

    Raises
    ------
    Failed
        An image cannot be built, started or found again, or is not what was pushed.
    """
    with own_store(folder), _bench(checkout, folder, cache, say) as bench:
        for app in read_workspace(bench.git, "HEAD").apps.values():
            yield _built(bench, app)


@contextmanager
def _bench(checkout: Path, folder: Path, cache: Path, say: Say) -> Generator[_Bench]:
    git, token = copy_of(checkout, folder / "work"), secrets.token_hex(16)
    with private_origin(folder / "origin.git", "deploy", token) as origin, registry(folder) as port:
        make_origin(git, folder / "origin.git", bundle_text(), origin.url)
        _pin_others(git, origin.url)
        logins = folder / "git-credentials"
        logins.write_text(f"{origin.login}\n", "utf-8")
        logins.chmod(0o600)
        base = base_of((checkout / "apps/Dockerfile.template").read_text("utf-8"))
        begun = time.monotonic()
        import_base(make_base(base, cache))
        say(f"base: {time.monotonic() - begun:.0f} s, stands in for {base.partition('@')[0]}")
        builder = RehearsalBuilder(base, f"127.0.0.1:{port}", folder, GitLogins(logins))
        yield _Bench(git, token, builder, port, folder)


def _pin_others(git: Git, url: str) -> None:
    """Pin the members that the baseline does not know to what it has, and push that."""
    workspace = read_workspace(git, "HEAD")
    others = [app for app in workspace.apps.values() if app.pins is None]
    for app in others:
        used = [(workspace.packages[name], extras) for name, extras in sorted(app.uses.items())]
        pins = [Pin.to(one.name, one.version, url, one.folder, extras) for one, extras in used]
        (git.root / app.requirements).write_bytes(write_pins(pins))
        git.run("add", app.requirements)
    if others:
        git.commit_staged("Pins of what is no service")
        git.push()


def _built(bench: _Bench, app: App) -> Built:
    commit, repository = bench.git.commit(), f"127.0.0.1:{bench.port}/{app.name}"
    pins = read_pins((bench.git.root / app.requirements).read_bytes(), app.requirements)
    if (found := bench.builder.find(repository, commit)) is not None:
        raise Failed(f"the registry has {found} before it was built")
    begun = time.monotonic()
    with build_context(bench.git, app, commit, tuple(pins.values())) as context:
        ready = time.monotonic()
        reference = bench.builder.build(context, repository, commit)
    done = time.monotonic()
    image = pushed(bench.port, app.name, commit)
    digests = {"buildah": bench.builder.pushed.read_text().strip(), "skopeo": reference.partition("@")[2]}
    if set(digests.values()) != {image.digest}:
        raise Failed(f"{app.name}: digests differ: registry {image.digest}, {digests}")
    with container_of(reference) as container:
        if app.is_service:
            service = started(container, SETTINGS[app.name], bench.folder / f"{app.name}.log")
            _check(bench, app, service, commit, tuple(pins.values()))
            seconds = service.seconds
        else:
            seconds = answered(container)
        _search(container, bench.token)
    return Built(app.name, image.digest, image.size, ready - begun, done - ready, seconds)


def _check(bench: _Bench, app: App, service: Running, commit: str, pins: tuple[Pin, ...]) -> None:
    """Compare what a service says of itself with what was built."""
    if service.user != USER:
        raise Failed(f"{app.name} runs as user {service.user}, not {USER}")
    tags = bench.git.tags()
    wanted = {"commit": commit, **{pin.package: tags[pin.tag] for pin in pins}}
    packages = service.version["packages"]
    found = {"commit": service.version["commit"], **{pin.package: packages[pin.package]["commit"] for pin in pins}}
    if found != wanted:
        raise Failed(f"{app.name} says that it is {found}, and was built from {wanted}")


def _search(container: str, token: str) -> None:
    """Raise `Failed` if the login to the origin is anywhere in an image."""
    root = Path(run("buildah", "mount", container).strip())
    if token in run("buildah", "inspect", container):
        raise Failed("the login to the origin is in the image's configuration")
    wanted = token.encode()
    for file in root.rglob("*"):
        if file.is_file() and not file.is_symlink() and wanted in file.read_bytes():
            raise Failed(f"the login to the origin is in the image, in /{file.relative_to(root)}")
