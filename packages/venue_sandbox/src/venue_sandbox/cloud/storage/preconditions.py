"""The preconditions a request can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from venue_sandbox.cloud.storage.errors import invalid, stale, unchanged

__all__ = ["Preconditions", "Version"]

NAMES = {
    "generation_match": "ifGenerationMatch",
    "generation_not_match": "ifGenerationNotMatch",
    "metageneration_match": "ifMetagenerationMatch",
    "metageneration_not_match": "ifMetagenerationNotMatch",
}
"""The query parameter of every precondition; matched without regard to case, because clients differ in it."""


@dataclass(frozen=True, slots=True)
class Version:
    """What preconditions look at; both numbers are 0 where there is no object."""

    generation: int = 0
    metageneration: int = 0


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must hold for the object; None is not asked for."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Read the preconditions of a query.

        Raises
        ------
        ApiError
            400: one of them is not a number.
        """
        given = {name.lower(): value for name, value in query.items()}
        found: dict[str, int] = {}
        for field in fields(cls):
            value = given.get(NAMES[field.name].lower())
            if value is None:
                continue
            if not value.isdecimal():
                raise invalid(f"Invalid value for {NAMES[field.name]}: {value}")
            found[field.name] = int(value)
        return cls(**found)

    def check_write(self, present: Version) -> None:
        """Raise the 412 of a write unless all hold."""
        if self._mismatch(present) or self._match(present):
            raise stale()

    def check_read(self, present: Version) -> None:
        """Raise the 412 or 304 of a read unless all hold."""
        if self._mismatch(present):
            raise stale()
        if self._match(present):
            raise unchanged()

    def _mismatch(self, present: Version) -> bool:
        """Return whether a number that must be equal is not."""
        return self.generation_match not in (None, present.generation) or self.metageneration_match not in (
            None,
            present.metageneration,
        )

    def _match(self, present: Version) -> bool:
        """Return whether a number that must not be equal is."""
        return (
            self.generation_not_match == present.generation or self.metageneration_not_match == present.metageneration
        )
