"""``requirements.txt`` of an app: its shared packages at git tags of the origin."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from quant_platform_kit.domain.errors import InvalidInput

from quant_release.repository.origins import is_same_repository
from quant_release.repository.versions import Version, tag_name

__all__ = ["HEADER", "Pin", "are_same", "read_pins", "write_pins"]

HEADER = (
    "# Written by `release`: the tags that the app is installed from.\n"
    "# Install with: uv pip install --no-sources -r requirements.txt\n"
)

_PIN = re.compile(
    r"(?P<package>[A-Za-z0-9._-]+)\s*(\[(?P<extras>[^\]]*)\])?\s*@\s*git\+(?P<url>.+?)"
    r"@(?P<tag>[A-Za-z0-9._-]+)#subdirectory=(?P<folder>\S+)"
)


class Pin(NamedTuple):
    """One line: a package, with extras, at a tag of a repository."""

    package: str
    extras: tuple[str, ...]
    url: str
    tag: str
    folder: str

    @property
    def version(self) -> Version | None:
        """The version that the tag names, None for a tag of another form."""
        return Version.of_tag(self.package, self.tag)

    @property
    def place(self) -> str:
        """What stands behind the ``@``; installers take two of one package for a conflict unless they are one text."""
        return f"git+{self.url}@{self.tag}#subdirectory={self.folder}"

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.package}{extras} @ {self.place}"

    @classmethod
    def read(cls, text: str) -> Pin | None:
        """Read a line, None if it is no pin to a git tag."""
        match = _PIN.fullmatch(text)
        if match is None:
            return None
        extras = tuple(sorted(part.strip() for part in (match["extras"] or "").split(",") if part.strip()))
        return cls(match["package"], extras, match["url"], match["tag"], match["folder"])

    @classmethod
    def to(cls, package: str, version: Version, url: str, folder: str, extras: Sequence[str] = ()) -> Pin:
        """Return the pin of a package to its tag of a version."""
        return cls(package, tuple(sorted(extras)), url, tag_name(package, version), folder)


def write_pins(pins: Sequence[Pin]) -> bytes:
    """Return the content of ``requirements.txt``."""
    return (HEADER + "".join(f"{pin}\n" for pin in pins)).encode()


def read_pins(data: bytes, path: str) -> Mapping[str, Pin]:
    """Return the pins of ``requirements.txt`` by package.

    Raises
    ------
    InvalidInput
        A line is no pin to a git tag, or pins a package twice.
    """
    found: dict[str, Pin] = {}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        pin = Pin.read(text)
        if pin is None:
            raise InvalidInput(f"{path} line {number} is {text!r}: write PACKAGE @ git+URL@TAG#subdirectory=FOLDER")
        if found.setdefault(pin.package, pin) is not pin:
            raise InvalidInput(f"{path} line {number} pins {pin.package} a second time; remove one of the lines")
    return found


def are_same(pins: Sequence[Pin], others: Sequence[Pin]) -> bool:
    """Whether pins are to the same tags of the same repository, by whatever form of its address."""
    return len(pins) == len(others) and all(
        one._replace(url=other.url) == other and is_same_repository(one.url, other.url)
        for one, other in zip(pins, others, strict=True)
    )
