"""Where versions, tags, pins and the lock stand, and what does not fit; only git is asked, and little is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from quant_platform_kit.domain.errors import Refused

from quant_release.repository.git import Git, GitError, Remote
from quant_release.repository.origins import address, is_same_repository
from quant_release.repository.pins import Pin
from quant_release.repository.requirements import Requirement
from quant_release.repository.versions import tag_name
from quant_release.repository.workspace import App, Package, Workspace, read_workspace, requirements_of

__all__ = ["Mismatch", "mismatch", "pin_text", "read_status"]

Mismatch = Mapping[str, str]
"""``kind``, ``subject`` and ``text``; of a pin, also ``package``, ``pinned`` and ``version``."""


def read_status(folder: Path) -> dict[str, Any]:
    """Return the status of the checkout that a folder is in, as a JSON document.

    Versions, pins and lock entries are those of HEAD.
    """
    root, head, branch = Git(folder).where()
    git = Git(root)
    listed, asked = git.tags_soon(), git.remote_soon(branch or "HEAD")
    try:
        workspace = read_workspace(git, head)
    finally:
        try:
            tags = listed()
        finally:
            remote = _answer(git, asked)
    if not workspace.packages:
        raise Refused(
            f"{git.root} has no package with a table [tool.release] below packages/; name the checkout with --root"
        )
    reading = _Reading(git, workspace, tags, remote, None if git.origin is None else address(git.origin))
    mismatches = list(reading.mismatches())
    return {
        "root": str(git.root),
        "origin": reading.url,
        "branch": branch,
        "head": head,
        "origin_head": remote.head,
        "packages": [reading.package(package) for package in workspace.packages.values()],
        "apps": [_app(app) for app in workspace.apps.values()],
        "notes": list(reading.notes()),
        "mismatches": mismatches,
        "well": not mismatches,
    }


def _answer(git: Git, asked: Callable[[], Remote]) -> Remote:
    """Return what the origin has: nothing, where there is none."""
    try:
        return asked()
    except GitError:
        if git.origin is None:
            return Remote(None, {})
        raise


def _app(app: App) -> dict[str, Any]:
    pins = None if app.pins is None else {name: pin_text(pin) for name, pin in app.pins.items()}
    return {"name": app.name, "requirements": app.requirements, "pins": pins}


def pin_text(pin: Pin) -> str:
    """Return what a pin names: a version, or a tag of another form."""
    return str(pin.version or pin.tag)


class _Reading:
    """What was read, and what follows from it."""

    def __init__(
        self, git: Git, workspace: Workspace, tags: Mapping[str, str], remote: Remote, url: str | None
    ) -> None:
        self.workspace, self.tags, self.remote, self.url = workspace, tags, remote, url
        names = {name for name in (*tags, *remote.tags) if name.rpartition("-v")[0] in workspace.packages}
        self.has_tags = bool(names)
        self.requires = self._requires(git)

    def _requires(self, git: Git) -> dict[str, Mapping[str, Requirement]]:
        """Return what each pinned tag's package declares of the other packages."""
        packages = self.workspace.packages
        pins = {pin.tag: pin for app in self.workspace.apps.values() for pin in (app.pins or {}).values()}
        of_tags = {
            tag: f"{self.tags[tag]}:{packages[pin.package].manifest}"
            for tag, pin in pins.items()
            if tag in self.tags and pin.package in packages and packages[pin.package].requires
        }
        read = git.objects("", list(of_tags.values())) if of_tags else []
        found = {name: data for name, data in zip(of_tags, read, strict=True) if data is not None}
        return {tag: requirements_of(data, of_tags[tag], set(packages)) for tag, data in found.items()}

    def package(self, package: Package) -> dict[str, Any]:
        """Return what is shown of a package."""
        tag = tag_name(package.name, package.version)
        return {
            "name": package.name,
            "version": str(package.version),
            "tag": tag,
            "tag_here": self.tags.get(tag),
            "tag_at_origin": self.remote.tags.get(tag),
            "locked": self.workspace.locked[package.name],
            "requires": {name: str(version) for name, version in package.requires.items() if version},
        }

    def notes(self) -> Iterator[str]:
        """Yield what is to be known and is no mismatch."""
        if self.url is None:
            yield "this checkout has no origin: nothing can be released, and no app can be pinned"
        elif self.remote.head is None:
            yield "the branch is not at the origin yet, or none is checked out"
        if not self.has_tags:
            yield "no package of this repository has a tag yet, and no app is pinned: the first release makes the tags"

    def mismatches(self) -> Iterator[Mismatch]:
        """Yield what does not fit."""
        for package in self.workspace.packages.values():
            yield from self._of_package(package)
        for app in self.workspace.apps.values():
            if app.pins is None:
                if self.has_tags:
                    yield mismatch("unpinned", app.name, f"{app.requirements} is not there: no release pinned the app")
                continue
            for name in app.uses:
                yield from self._of_pin(app, name, app.pins.get(name))
            yield from self._of_fit(app, app.pins)

    def _of_package(self, package: Package) -> Iterator[Mismatch]:
        name, tag = package.name, tag_name(package.name, package.version)
        here, there = self.tags.get(tag), self.remote.tags.get(tag)
        locked = self.workspace.locked[name]
        if locked not in (None, str(package.version)):
            yield mismatch("lock", name, f"uv.lock has {name} {locked}, {package.manifest} {package.version}")
        if here and there and here != there:
            yield mismatch("tag_moved", name, f"tag {tag} is {here[:12]} here and {there[:12]} at the origin")
        elif here and not there:
            yield mismatch("tag_not_published", name, f"tag {tag} is not at the origin")
        elif not there and self.has_tags:
            yield mismatch("untagged", name, f"{name} {package.version} has no tag {tag}")
        for other, version in package.requires.items():
            if version is not None and version > self.workspace.packages[other].version:
                present = self.workspace.packages[other].version
                yield mismatch("requires", name, f"{name} requires {other} {version}, which is at {present}")

    def _of_pin(self, app: App, name: str, pin: Pin | None) -> Iterator[Mismatch]:
        version = self.workspace.packages[name].version
        if pin is None:
            yield mismatch("unpinned", app.name, f"{app.requirements} does not pin {name}")
            return
        more = {"package": name, "pinned": pin_text(pin), "version": str(version)}
        if pin.tag not in self.remote.tags:
            yield mismatch("missing_tag", app.name, f"{app.name} is pinned to {pin.tag}, not at the origin", **more)
        if self.url is None or not is_same_repository(pin.url, self.url):
            yield mismatch("other_origin", app.name, f"{app.name} takes {name} from {pin.url}, not {self.url}", **more)
        if pin.version is not None and pin.version != version:
            kind = "behind" if pin.version < version else "ahead"
            text = f"{app.name} is pinned to {name} {pin.version}, {kind} of {version}"
            yield mismatch(kind, app.name, text.replace("behind of", "behind"), **more)

    def _of_fit(self, app: App, pins: Mapping[str, Pin]) -> Iterator[Mismatch]:
        for name, pin in pins.items():
            for other, wanted in self.requires.get(pin.tag, {}).items():
                if other in pins and (found := _unfitting(pins[other], wanted)):
                    yield mismatch("unfitting", app.name, f"{app.name} is pinned to {name} {pin_text(pin)} {found}")


def _unfitting(pin: Pin, wanted: Requirement) -> str | None:
    """Return how a pin is not what another package at its tag requires, None if it is."""
    if wanted.exact is not None and wanted.exact != pin_text(pin):
        return f"for {wanted.name} {wanted.exact}, and to {pin_text(pin)}"
    if wanted.pin is not None and wanted.pin.place != pin.place:
        return f"with {wanted.name} as {wanted.pin.place}, and to it as {pin.place}"
    return None


def mismatch(kind: str, subject: str, text: str, **more: str) -> Mismatch:
    """Return something that does not fit."""
    return {"kind": kind, "subject": subject, "text": text, **more}
