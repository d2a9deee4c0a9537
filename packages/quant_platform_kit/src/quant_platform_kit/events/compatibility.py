"""Whether a JSON Schema may take the place of another one under the same version number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["incompatible"]

Json = Any
Schema = Mapping[str, Any]
_SAYS_NOTHING = frozenset({"$defs", "$id", "default", "description", "examples", "title"})
_OWN_RULES = frozenset({"properties", "required"})


def incompatible(old: Schema, new: Schema) -> list[str]:
    """Return what keeps a schema from taking the place of an old one; nothing if it only adds optional fields.

    Old code reads events of new code, and new code those of old code: so no field may go, become required or optional,
    or hold other values than before. Titles, descriptions and defaults do not count.
    """
    return list(_Comparison(old, new).differences("", old, new))


class _Comparison:
    """Two schemas, with the definitions that each refers to; a pair of definitions is compared once."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old.get("$defs", {}), new.get("$defs", {})
        self._seen: set[tuple[str, str]] = set()

    def differences(self, place: str, old: Json, new: Json) -> Iterator[str]:
        """Yield what differs at a place."""
        if _is_schema(old) and _is_schema(new):
            pair = _reference(old), _reference(new)
            if any(pair):
                if pair in self._seen:
                    return
                self._seen.add(pair)
            yield from self._objects(place, _target(old, self._old), _target(new, self._new))
        elif _is_list(old) and _is_list(new) and len(old) == len(new):
            for number in range(len(old)):
                yield from self.differences(f"{place}[{number}]", old[number], new[number])
        elif old != new:
            yield f"{place or 'schema'}: was {old!r}, is {new!r}"

    def _objects(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        yield from self._fields(place, old, new)
        for name in sorted((old.keys() | new.keys()) - _SAYS_NOTHING - _OWN_RULES):
            where = f"{place}.{name}" if place else name
            if name not in new or name not in old:
                yield f"{where}: was {old.get(name, 'not there')!r}, is {new.get(name, 'not there')!r}"
            else:
                yield from self.differences(where, old[name], new[name])

    def _fields(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        before: Schema = old.get("properties", {})
        after: Schema = new.get("properties", {})
        required, needed = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(before.keys() | after.keys()):
            where = f"{place}.{name}" if place else name
            if name not in after:
                yield f"{where}: the field is gone"
            elif name not in before:
                if name in needed:
                    yield f"{where}: the new field is required, and old events lack it"
            else:
                if (name in needed) is not (name in required):
                    yield f"{where}: the field became {'required' if name in needed else 'optional'}"
                yield from self.differences(where, before[name], after[name])


def _is_schema(value: Json) -> bool:
    return isinstance(value, dict)


def _is_list(value: Json) -> bool:
    return isinstance(value, list)


def _reference(schema: Schema) -> str:
    return str(schema.get("$ref", ""))


def _target(schema: Schema, definitions: Schema) -> Schema:
    """Return a schema, or the definition that it refers to with what stands beside the reference."""
    if "$ref" not in schema:
        return schema
    beside = {name: value for name, value in schema.items() if name != "$ref"}
    return {**definitions.get(schema["$ref"].rpartition("/")[2], {}), **beside}
