"""What has to be there: how it is looked at, and the calls that make what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "Need", "Reads", "holds", "names"]

Words = tuple[str, ...]
Reads = tuple[Words, ...]


@dataclass(frozen=True)
class Call:
    """A call of gcloud that changes something.

    Attributes
    ----------
    what
        What it is for, in words; empty where the call says it.
    """

    words: Words
    what: str = ""


@dataclass(frozen=True)
class Need:
    """Something that has to be there.

    Attributes
    ----------
    name
        What it is, in words.
    role
        What whoever makes it needs.
    reads
        The calls that show how it is.
    missing
        Returns the calls that are left to make, given what the reads printed, None for what is not there. Calls of one
        need are made one after the other, those of several needs side by side.
    """

    name: str
    role: str
    reads: Reads
    missing: Callable[[Sequence[Any]], Sequence[Call]]


def holds(found: Any, wanted: Any) -> bool:
    """Whether a document says what another one says; it may say more."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(holds(found.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        both = isinstance(found, list) and len(found) == len(wanted)
        return both and all(holds(one, other) for one, other in zip(found, wanted, strict=True))
    return found == wanted


def names(found: Any, field: str) -> dict[str, Any]:
    """Return the entries of a list by a field of theirs, such as ``metadata.name``; a path counts by its last part."""
    made: dict[str, Any] = {}
    for entry in found or []:
        value = entry
        for part in field.split("."):
            value = value.get(part, {})
        made[str(value).rpartition("/")[2]] = entry
    return made
