"""What a ``pyproject.toml`` says of another shared package: an exact version, or a tag of it at an address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from typing import NamedTuple

from quant_platform_kit.domain.errors import InvalidInput

from quant_release.repository.pins import Pin

__all__ = ["Requirement", "of_packages", "read_requirement"]

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)")


class Requirement(NamedTuple):
    """A requirement: a package, the extras of it, and what bounds it."""

    name: str
    extras: tuple[str, ...]
    bound: str

    @property
    def pin(self) -> Pin | None:
        """The tag that it names, None if it names none."""
        return Pin.read(f"{self.name} {self.bound}") if self.bound.startswith("@") else None

    @property
    def exact(self) -> str | None:
        """The version that it names exactly, after ``==`` or by the tag; None for any other bound."""
        if self.bound.startswith("=="):
            return self.bound.removeprefix("==")
        return str(self.pin.version) if self.pin is not None and self.pin.version is not None else None


def read_requirement(text: str, path: str) -> Requirement:
    """Read a requirement of the file at ``path``; `InvalidInput` if it is none."""
    found = _NAME.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"{path}: {text!r} is no requirement")
    extras = (found[2] or "[]")[1:-1]
    return Requirement(found[1], tuple(part.strip() for part in extras.split(",") if part.strip()), found[3].strip())


def of_packages(requirements: Iterable[str], path: str, names: Set[str]) -> dict[str, Requirement]:
    """Return the requirements that are of some packages, by package."""
    read = (read_requirement(text, path) for text in requirements)
    return {requirement.name: requirement for requirement in read if requirement.name in names}
