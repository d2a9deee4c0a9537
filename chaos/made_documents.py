"""Documents made of the apps' tables by chance, as their brokers might send them, and changes of documents."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any

from quant_platform_kit.domain.beliefs import Field, Kind, Table

__all__ = ["BROKERS", "LISTED", "WAYS", "Change", "changed", "made", "places", "reading_of"]

BROKERS = ("alpaca", "ibkr", "longbridge", "paper", "schwab")
LISTED = ("SPY", "SPY.US", "BIL", "BIL.US")
Place = tuple[Any, ...]


def reading_of(broker: str) -> Any:
    """Return an app's tables and readers."""
    return import_module(f"{broker}_app.reading")


FIELDS = 45
"""So many has a message that is made."""


def made(table: Table, rng: random.Random) -> Any:
    """Return a document with every field of a table, two items in each list; a message is a list itself."""
    if any(each.path.startswith("[") for each in table.fields):
        return _message(table, rng)
    document: dict[str, Any] = {}
    for each in table.fields:
        if Kind.LIST not in each.kinds and Kind.OBJECT not in each.kinds:
            _put(document, each.path.replace("[]", ".[]").split("."), each, rng)
    return document


def _message(table: Table, rng: random.Random) -> list[Any]:
    """Return a message with a value in each field, and lists where there may be some."""
    message: list[Any] = []
    for number in range(FIELDS):
        place = table.root.item(number, FIELDS)
        declared = place and (place.declared or (place.each and place.each.declared))
        assert declared is not None, f"{table.subject} has a field that is told of none"
        value = str(rng.randrange(10**6, 10**9)) if Kind.ID in declared.kinds else _value(declared, rng)
        message.append([value, value] if place and place.declared is None else value)
    return message


def _put(holder: Any, path: Sequence[str], field: Field, rng: random.Random) -> None:
    name, *rest = path
    if name == "*":
        for key in ("USD", "HKD") if rng.random() < 0.5 else ("USD",):
            _put(holder, [key, *rest], field, rng)
    elif not rest:
        holder[name] = _value(field, rng)
    elif rest == ["[]"]:
        holder[name] = [_value(field, rng), _value(field, rng)]
    elif rest[0] == "[]":
        items = holder.setdefault(name, [{}, {}])
        for item in items:
            _put(item, rest[1:], field, rng)
    else:
        _put(holder.setdefault(name, {}), rest, field, rng)


def _value(field: Field, rng: random.Random) -> Any:
    if field.known:
        return rng.choice(sorted(field.known))
    if Kind.NUMBER in field.kinds:
        whole = Kind.ID in field.kinds
        return rng.randrange(10**6, 10**9) if whole else Decimal(rng.randrange(1, 10**9)).scaleb(-2)
    if Kind.NUMERAL in field.kinds:
        return f"{Decimal(rng.randrange(1, 10**9)).scaleb(-2)}"
    if Kind.INSTANT in field.kinds:
        return "2024-06-10T14:10:00+00:00"
    if Kind.BOOLEAN in field.kinds:
        return True
    if Kind.HOURS in field.kinds:
        return "20240610:0930-20240610:1600;20240611:CLOSED"
    return rng.choice(LISTED) if Kind.SYMBOL in field.kinds else f"word {rng.randrange(10**6)}"


# --- changes --------------------------------------------------------------------------------------

WAYS = ("drop", "rename", "retype", "null", "new value")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a document: where, and which; ``path`` is the place as a table writes it."""

    place: Place
    path: str
    way: str


def places(document: Any, before: Place = (), path: str = "") -> list[tuple[Place, str]]:
    """Return every place in a document, with its path."""
    keys: list[tuple[Any, str]] = []
    if isinstance(document, Mapping):
        keys = [(name, f"{path}.{name}".removeprefix(".")) for name in document]
    elif isinstance(document, list):
        keys = [(number, f"{path}[]") for number in range(len(document))]
    return [
        found
        for key, inner in keys
        for found in (((*before, key), inner), *places(document[key], (*before, key), inner))
    ]


def changed(document: Any, change: Change) -> Any:
    """Return a document with a change."""
    copy = deepcopy(document)
    holder = copy
    for key in change.place[:-1]:
        holder = holder[key]
    key = change.place[-1]
    value = holder[key]
    if change.way == "drop":
        del holder[key]
    elif change.way == "rename":
        holder[f"{key}Renamed"] = holder.pop(key)
    elif change.way == "null":
        holder[key] = None
    elif change.way == "new value":
        holder[key] = "SOMETHING_NEW"
    else:
        holder[key] = 7 if isinstance(value, str) else [] if isinstance(value, Mapping) else {"a": "b"}
    return copy
