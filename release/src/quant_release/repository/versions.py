"""Versions of packages: three numbers."""

from __future__ import annotations

import re
from typing import NamedTuple

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["Version", "tag_name"]

_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


class Version(NamedTuple):
    """A version ``X.Y.Z``, in the order of its numbers."""

    major: int
    minor: int
    patch: int

    @classmethod
    def read(cls, text: str, what: str = "version") -> Version:
        """Read a version; `InvalidInput` names ``what`` has it."""
        found = _VERSION.fullmatch(text)
        if found is None:
            raise InvalidInput(f"{what} is {text!r}: a version is three numbers, such as 0.7.10")
        return cls(*map(int, found.groups()))

    @classmethod
    def of_tag(cls, package: str, tag: str) -> Version | None:
        """Return the version that a tag of a package names, None for a tag of another form."""
        found = _VERSION.fullmatch(tag.removeprefix(f"{package}-v"))
        return cls(*map(int, found.groups())) if found and tag.startswith(f"{package}-v") else None

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def tag_name(package: str, version: Version) -> str:
    """Return the name of a package's tag."""
    return f"{package}-v{version}"
