"""What payloads have to be, by type and version, and how an older one becomes one of today.

Within a version only fields may be added, and each with a default: readers pass over what they do not know, so old and
new code read each other's events while both run. Anything else is a new version with an `upcast`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.compatibility import incompatible
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.errors import Unreadable

__all__ = ["Schema", "Schemas", "Upcast", "incompatible"]

TOLD = 3
"""So many faults of a payload are told."""

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns a payload of the version before into one of this version; it may change what it is given."""


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of the payload of a type of events.

    Attributes
    ----------
    model
        Its fields; what it does not know, it passes over.
    upcast
        From the version before; version 1 has none.
    """

    event_type: str
    version: int
    model: type[BaseModel]
    upcast: Upcast | None = None


class Schemas:
    """All versions of all types that this code knows.

    Raises
    ------
    InvalidInput
        The versions of a type are not 1, 2, 3 and so on, each but the first with an upcast; or a model refuses what it
        does not know.
    """

    def __init__(self, schemas: Iterable[Schema]) -> None:
        self._known: dict[str, tuple[Schema, ...]] = {}
        for schema in schemas:
            self._add(schema)

    @property
    def event_types(self) -> tuple[str, ...]:
        """The types, in their order."""
        return tuple(sorted(self._known))

    def versions(self, event_type: str) -> tuple[Schema, ...]:
        """Return the versions of a type, the oldest first; raises `Unreadable` for a type that is not known."""
        if not (known := self._known.get(event_type)):
            raise Unreadable(f"event_type {event_type!r} is not known; known are {', '.join(self.event_types)}")
        return known

    def check(self, event: Event) -> BaseModel:
        """Return the payload of an event as the newest version of its model.

        Raises
        ------
        Unreadable
            Its type or version is not known, or the payload is not what it has to be; the message says what is wrong.
        """
        versions, version = self.versions(event.event_type), event.schema_version
        if version > len(versions):
            raise Unreadable(
                f"{event.event_type} version {version} is newer than {len(versions)}, the newest known here: "
                "deploy code that knows it, then replay this dead letter"
            )
        payload = event.payload if version == len(versions) else _upcast(event, versions[version:])
        return _validated(versions[-1], payload)

    def json_schema(self, event_type: str, version: int | None = None) -> dict[str, Any]:
        """Return a version of a payload as a JSON Schema; the newest if none is named."""
        versions = self.versions(event_type)
        schema = versions[(version or len(versions)) - 1]
        return {"$id": f"{event_type}.v{schema.version}", **schema.model.model_json_schema()}

    def _add(self, schema: Schema) -> None:
        name, known = f"{schema.event_type} version {schema.version}", self._known.get(schema.event_type, ())
        if schema.version != len(known) + 1:
            raise InvalidInput(f"{name}: the next version of {schema.event_type} is {len(known) + 1}")
        if (schema.upcast is None) is not (schema.version == 1):
            needs = "has no version before it to upcast" if schema.version == 1 else "needs an upcast"
            raise InvalidInput(f"{name} {needs}")
        if schema.model.model_config.get("extra", "ignore") != "ignore":
            raise InvalidInput(f"{name}: {schema.model.__name__} has to have extra=ignore: newer code may add fields")
        self._known[schema.event_type] = (*known, schema)


def _upcast(event: Event, steps: Iterable[Schema]) -> dict[str, Any]:
    payload = deepcopy(dict(event.payload))
    for schema in steps:
        assert schema.upcast is not None, schema
        try:
            payload = schema.upcast(payload)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            told = f"{event.event_type} version {event.schema_version} cannot become version {schema.version}"
            raise Unreadable(f"{told}: {error!r}") from error
    return payload


def _validated(schema: Schema, payload: Mapping[str, Any]) -> BaseModel:
    try:
        return schema.model.model_validate(payload)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        told = "; ".join(_told(fault["loc"], fault["msg"], fault["input"]) for fault in faults[:TOLD])
        more = f"; and {len(faults) - TOLD} more" if len(faults) > TOLD else ""
        raise Unreadable(f"{schema.event_type} version {schema.version}: {told}{more}") from error


def _told(place: tuple[int | str, ...], fault: str, value: object) -> str:
    return f"{'.'.join(map(str, place)) or 'payload'}: {fault}, it is {repr(value)[:80]}"
