"""What releasing a version changes in a package's files: pure functions from text to text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from quant_platform_kit.domain.errors import InvalidInput

from quant_release.repository.pins import Pin
from quant_release.repository.versions import Version
from quant_release.repository.workspace import LOCK, Package

__all__ = ["has_entry", "locked_at", "prepared"]

_VERSION_LINE = re.compile(r'(?ms)^(\[project\]\n(?:(?!^\[).)*?^version\s*=\s*)"[^"]*"')
_CANNOT_BE_QUOTED = re.compile(r"[\s\"'\\#]")
_UNRELEASED = re.compile(r"(?mi)^## \[?unreleased\]?.*$")


def prepared(
    package: Package, files: Mapping[str, bytes], version: Version, others: Mapping[str, Pin], on: date
) -> dict[str, bytes]:
    """Return the files of a package as its release commit holds them, those that change and those that do not.

    Parameters
    ----------
    files
        Its ``pyproject.toml``, history and the lock, by path; a file that is absent stays absent.
    others
        Tags of the shared packages that it depends on, by package.
    on
        Date of the changelog's heading, UTC.

    Raises
    ------
    InvalidInput
        The manifest has no version, or does not name a package it depends on exactly; or an address cannot stand there.
    """
    changed = dict(files)
    changed[package.manifest] = _manifest(files[package.manifest].decode(), package, version, others).encode()
    if package.history in files:
        changed[package.history] = _history(files[package.history].decode(), version, on).encode()
    if LOCK in files:
        changed[LOCK] = locked_at(files[LOCK], package.name, version)
    return changed


def locked_at(lock: bytes, package: str, version: Version) -> bytes:
    """Return the lock with another version in the package's own entry, and nothing else changed."""
    entry = rb'(^name = "%s"\nversion = )"[^"]*"$' % re.escape(package.encode())
    return re.sub(entry, rb'\1"%s"' % str(version).encode(), lock, count=1, flags=re.MULTILINE)


def has_entry(history: bytes, version: Version) -> bool:
    """Whether a changelog says something about a version, under its number or as unreleased."""
    sections = re.split(r"(?m)^## ", history.decode("utf-8", "replace"))[1:]
    for section in sections:
        head, _, body = section.partition("\n")
        name = head.split(" ")[0].strip("[]").lower()
        if name in (str(version), "unreleased") and re.search(r"(?m)^[-*] \S", body):
            return True
    return False


def _manifest(text: str, package: Package, version: Version, others: Mapping[str, Pin]) -> str:
    text, count = _VERSION_LINE.subn(rf'\g<1>"{version}"', text, count=1)
    if count != 1:
        raise InvalidInput(f"{package.manifest}: no line 'version = \"...\"' below [project]; add it")
    for name in package.requires:
        text = _referring(text, package.manifest, others[name])
    return text


def _referring(text: str, path: str, pin: Pin) -> str:
    """Return a manifest that names a package by a tag, where it named it by a version or another tag."""
    if _CANNOT_BE_QUOTED.search(pin.url):
        raise InvalidInput(
            f"the origin is {pin.url!r}, and {path} cannot name {pin.package} by it: give url an address without "
            "spaces, quotes, backslashes and #"
        )
    name = re.escape(pin.package)
    exact = rf"(?:==[0-9.]+| ?@ ?git\+[^\s\"']+@{name}-v[0-9.]+#subdirectory=[^\s\"']+)"
    named = re.compile(rf"(?P<quote>[\"'])(?P<head>{name}(?:\[[^\]]*\])?){exact}(?P=quote)")
    text, count = named.subn(lambda found: f"{found['quote']}{found['head']} @ {pin.place}{found['quote']}", text)
    if not count:
        raise InvalidInput(f"{path} does not pin {pin.package} as {pin.package}==X.Y.Z; write it so")
    return text


def _history(text: str, version: Version, on: date) -> str:
    if re.search(rf"(?m)^## \[?{re.escape(str(version))}\]?(\s|$)", text):
        return text
    return _UNRELEASED.sub(f"## {version} - {on.isoformat()}", text, count=1)
