"""The baseline of the first bundle: shared packages ahead of what the apps are pinned to.

kit 0.7.8 and strategies 0.7.11 are released; Interactive Brokers is pinned to 0.7.7 and 0.7.7, Schwab to 0.7.8 and
0.7.10, LongBridge to 0.7.8 and 0.7.11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from quant_release.repository.archive import unpack
from quant_release.repository.edits import prepared
from quant_release.repository.git import Git
from quant_release.repository.origins import address
from quant_release.repository.pins import Pin, write_pins
from quant_release.repository.versions import Version, tag_name
from quant_release.repository.workspace import LOCK, read_workspace
from quant_release.run.desired import release_message

__all__ = [
    "AFTER",
    "BEFORE",
    "BUNDLE",
    "KIT",
    "PINS",
    "SERVICES",
    "STRATEGIES",
    "TARGET",
    "bundle_text",
    "copy_of",
    "make_origin",
    "new_repository",
    "pinned",
]

KIT, STRATEGIES = "quant-platform-kit", "us-equity-strategies"
RELEASES: Sequence[tuple[str, str]] = (
    (KIT, "0.7.7"),
    (STRATEGIES, "0.7.7"),
    (KIT, "0.7.8"),
    (STRATEGIES, "0.7.10"),
    (STRATEGIES, "0.7.11"),
)
PINS: Mapping[str, tuple[str, str]] = {
    "ibkr": ("0.7.7", "0.7.7"),
    "schwab": ("0.7.8", "0.7.10"),
    "longbridge": ("0.7.8", "0.7.11"),
}
TARGET: Mapping[str, str] = {KIT: "0.7.10", STRATEGIES: "0.7.13"}
BUNDLE = "first-bundle"
BEFORE, AFTER = "dual_momentum", "global_etf_rotation"
"""Profiles that services run before the bundle, and after it."""
SERVICES: Mapping[str, str] = {"ibkr-service": "ibkr", "schwab-service": "schwab", "longbridge-hk": "longbridge"}
"""Services by name, and the app of each."""
_PROFILE = f'profile = "{AFTER}"\n'
DAY = date(2026, 1, 2)
_ENTRY = "## Unreleased\n\n### Changed\n\n- {}\n\n"


def bundle_text(kit: str = TARGET[KIT], strategies: str = TARGET[STRATEGIES], more: str = "") -> str:
    """Return a bundle of all three platforms, with two services of LongBridge; Schwab's keeps the profile it has."""
    services = "".join(
        f'\n[services.{name}]\nplatform = "{platform}"\nregion = "europe-west1"\nproject = "rehearsal"\n'
        f'image = "registry.invalid/rehearsal/{platform}"\n{profile}'
        for name, platform, profile in (
            ("ibkr-service", "ibkr", _PROFILE),
            ("schwab-service", "schwab", ""),
            ("longbridge-hk", "longbridge", _PROFILE),
            ("longbridge-sg", "longbridge", _PROFILE),
        )
    )
    return (
        f'name = "{BUNDLE}"\nplatforms = ["ibkr", "schwab", "longbridge"]\n{more}\n'
        f'[packages]\n{KIT} = "{kit}"\n{STRATEGIES} = "{strategies}"\n{services}'
    )


def pinned(app: str) -> Mapping[str, str]:
    """Return the versions that an app is pinned to at the baseline, by package."""
    return dict(zip((KIT, STRATEGIES), PINS[app], strict=True))


def copy_of(source: Path, folder: Path) -> Git:
    """Make a repository of one commit out of what a checkout's HEAD has; it has an identity of its own."""
    unpack(Git.at(source).archive("HEAD"), folder)
    return new_repository(folder)


def new_repository(folder: Path) -> Git:
    """Make a repository of one commit out of a folder."""
    git = Git(folder)
    git.run("init", "--quiet", "--template=", "--initial-branch=main")
    for name, value in {
        "user.name": "Rehearsal",
        "user.email": "rehearsal@localhost",
        "commit.gpgSign": "false",
        "tag.gpgSign": "false",
        "core.hooksPath": "/dev/null",
        "gc.auto": "0",
    }.items():
        git.run("config", name, value)
    _commit_all(git, "What is released")
    return git


def make_origin(git: Git, origin: Path, bundle: str, url: str | None = None) -> None:
    """Give a copy of a workspace the baseline's versions, tags and pins, and an origin that has them.

    Parameters
    ----------
    origin
        Folder of the bare repository to make.
    bundle
        What ``release/bundles/first-bundle.toml`` is to say.
    url
        Address by which pins and packages name the origin, None for that of its folder.
    """
    url = url or address(str(origin))
    origin.mkdir(parents=True)
    Git(origin).run("init", "--quiet", "--bare", "--template=", "--initial-branch=main")
    git.run("remote", "add", "origin", str(origin))
    versions = {name: Version(0, 0, 0) for name, _ in RELEASES}
    for package, text in RELEASES:
        versions[package] = Version.read(text)
        _release(git, package, versions, url)
    workspace = read_workspace(git, "HEAD")
    for app, pinned in PINS.items():
        pins = [
            Pin.to(name, Version.read(text), url, workspace.packages[name].folder, extras)
            for (name, extras), text in zip(sorted(workspace.apps[app].uses.items()), pinned, strict=True)
        ]
        (git.root / workspace.apps[app].requirements).write_bytes(write_pins(pins))
    for package in workspace.packages.values():
        _add_entry(git.root / package.history, "What the first bundle brings.")
    path = git.root / "release" / "bundles" / f"{BUNDLE}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(bundle, "utf-8")
    _commit_all(git, "Pins of the baseline, and the bundle that comes next")
    git.run("push", "--quiet", "--tags", "--set-upstream", "origin", "main")


def _release(git: Git, name: str, versions: Mapping[str, Version], url: str) -> None:
    workspace = read_workspace(git, "HEAD")
    package, version = workspace.packages[name], versions[name]
    _add_entry(git.root / package.history, f"What came with {version}.")
    paths = [path for path in (package.manifest, package.history, LOCK) if (git.root / path).exists()]
    files = {path: (git.root / path).read_bytes() for path in paths}
    others = {one: Pin.to(one, versions[one], url, workspace.packages[one].folder) for one in package.requires}
    for path, data in prepared(package, files, version, others, DAY).items():
        (git.root / path).write_bytes(data)
    _commit_all(git, release_message(version))
    git.tag(tag_name(name, version), "HEAD", f"{name} {version}")


def _add_entry(history: Path, text: str) -> None:
    content = history.read_text("utf-8")
    history.write_text(re.sub(r"(?m)^## ", _ENTRY.format(text) + "## ", content, count=1), "utf-8")


def _commit_all(git: Git, message: str) -> None:
    git.run("add", "--all")
    git.commit_staged(message)
