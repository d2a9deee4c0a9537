"""What is believed of a broker's documents, field by field, and where a document is another.

A table names every field that the mappers of an adapter read. It works on what the client library hands over: JSON, or
objects with attributes. A path is names with dots between them; ``[]`` is each item of a list, ``[2]`` and ``[-1]`` the
item at a place of one, ``*`` each value under a name that is not fixed, such as a currency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Any, cast

__all__ = [
    "AMOUNT",
    "CURRENCIES",
    "MOMENT",
    "NUMBER_ID",
    "PRICE",
    "SYMBOL",
    "TEXT",
    "Difference",
    "Field",
    "How",
    "Kind",
    "Place",
    "Table",
    "compare",
    "is_number",
    "is_object",
    "told_fields",
    "values_of",
]

LONGEST = 60
"""Characters of a value that are shown."""
_ABSENT: Any = object()
_NO_OBJECTS = (str, bytes, int, float, Decimal, date, list, Enum, type(None))


class Kind(Enum):
    """What a value is, in words.

    NUMERAL is a number written as text, INSTANT a time as text or as the library's, HOURS spans of time as text.
    PER_UNIT, ID, SYMBOL, FIXED and ZONED say more of a number, a text or an instant: a price or another figure of one
    unit, what tells one thing from another, an instrument's name, one of the known values and no other word, a time of
    day in a zone that is written with it.
    """

    TEXT = "text"
    NUMBER = "a number"
    NUMERAL = "a number as text"
    BOOLEAN = "true or false"
    INSTANT = "an instant"
    NULL = "null"
    LIST = "a list"
    OBJECT = "an object"
    PER_UNIT = "a figure of one unit"
    ID = "an id"
    SYMBOL = "a symbol"
    HOURS = "hours"
    FIXED = "one of a few values"
    ZONED = "an instant with its zone"


_TYPES: Mapping[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.NUMBER: (int, float, Decimal),
    Kind.NUMERAL: (str,),
    Kind.BOOLEAN: (bool,),
    Kind.INSTANT: (datetime, date, str),
    Kind.NULL: (type(None),),
}
TEXT, AMOUNT = frozenset({Kind.TEXT}), frozenset({Kind.NUMBER})
MOMENT = frozenset({Kind.INSTANT, Kind.ZONED})
PRICE, NUMBER_ID, SYMBOL = AMOUNT | {Kind.PER_UNIT}, AMOUNT | {Kind.ID}, TEXT | {Kind.SYMBOL}
"""What most fields are."""
CURRENCIES = frozenset(
    (
        *("AED", "AUD", "BGN", "BRL", "CAD", "CHF", "CNH", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "IDR"),
        *("ILS", "INR", "ISK", "JPY", "KRW", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "RON", "RUB", "SAR", "SEK"),
        *("SGD", "THB", "TRY", "TWD", "USD", "VND", "ZAR"),
    )
)


class How(Enum):
    """How a document is other than believed; of these only NEW is in a field that nobody reads."""

    NEW = "new"
    VANISHED = "vanished"
    RETYPED = "retyped"
    UNKNOWN_VALUE = "unknown value"


@dataclass(frozen=True, slots=True)
class Field:
    """One field that a mapper reads.

    Attributes
    ----------
    path
        Where it is in the document.
    kinds
        What it may be.
    known
        Its values, where only these are understood; empty where any will do.
    money
        Whether an amount, a quantity or what is made of one depends on it.
    required
        Whether a document without it is another than believed.
    when
        The name of another field, and values of it: the field is required only beside one of these. The nearest object
        around it that has the name counts.
    """

    path: str
    kinds: frozenset[Kind] = TEXT
    known: frozenset[str] = frozenset()
    money: bool = False
    required: bool = True
    when: tuple[str, frozenset[str]] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which documents are other than believed.

    Attributes
    ----------
    subject
        Of the table.
    said
        What there is instead: a word that is not known, or the kind of thing.
    money
        Whether money depends on the field.
    blocks
        Whether an account would be sized by it.
    """

    subject: str
    path: str
    how: How
    said: str = ""
    money: bool = False
    blocks: bool = False

    @property
    def text(self) -> str:
        """The difference as a sentence without a stop."""
        name = f"{self.path} of {self.subject}".removeprefix(" of ")
        match self.how:
            case How.NEW:
                return f"{name} is new, and is not read"
            case How.VANISHED:
                return f"{name} is not told any more"
            case How.RETYPED:
                return f"{name} is {self.said}"
            case How.UNKNOWN_VALUE:
                return f"{name} is {self.said}, which is not known"


@dataclass(slots=True)
class Place:
    """A place in documents.

    Attributes
    ----------
    declared
        The field that it is; None where only fields below it are declared.
    below, each
        The places of an object by name, or that of a list's items.
    types, sure
        Of the values that it may have, and of those of them that need no further look.
    words
        Texts that need no further look.
    reads
        Whether a text is of one of its kinds.
    """

    path: str
    declared: Field | None = None
    below: dict[str, Place] = field(default_factory=dict[str, "Place"])
    each: Place | None = None
    types: frozenset[type] = frozenset()
    sure: frozenset[type] = frozenset()
    words: frozenset[str] = frozenset()
    reads: Callable[[str], bool] = bool

    def item(self, number: int, count: int) -> Place | None:
        """Return the place of an item of a list, None if none has it."""
        return self.below.get(f"[{number}]") or self.below.get(f"[{number - count}]") or self.each

    @property
    def needed(self) -> bool:
        """Whether it is there in every document: as it is declared, else as anything below it is."""
        if self.declared is not None:
            return self.declared.required
        return any(
            node.needed and (node.declared is None or node.declared.when is None) for node in self.below.values()
        )

    @property
    def is_money(self) -> bool:
        """Whether money depends on it, or on anything below."""
        below = (*self.below.values(), *((self.each,) if self.each else ()))
        return bool(self.declared and self.declared.money) or any(node.is_money for node in below)


@dataclass(frozen=True, slots=True)
class Table:
    """What is read of one sort of document.

    Attributes
    ----------
    subject
        What the documents are about, in words: ``order``.
    fields
        Every field that is read.
    passed_over
        Names of fields that documents have, at any depth, and that nobody reads.
    amounts
        Those of them that are amounts of money: they may be the same as one that is read.
    sizes
        Whether an account is sized by it: where money is told otherwise there, nothing is sent.
    """

    subject: str
    fields: tuple[Field, ...]
    passed_over: frozenset[str] = frozenset()
    amounts: frozenset[str] = frozenset()
    sizes: bool = False
    root: Place = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        root = Place("")
        for each in self.fields:
            _put(root, each)
        object.__setattr__(self, "root", root)

    def known(self, path: str) -> frozenset[str]:
        """Return the values of a field; `KeyError` if the table has no such field."""
        return self.of(path).known

    def below(self, path: str) -> tuple[Field, ...]:
        """Return its fields as they are where a document stands at a path of another one."""
        return tuple(replace(each, path=f"{path}.{each.path}") for each in self.fields)

    def of(self, path: str) -> Field:
        """Return a field; `KeyError` if the table has no such field."""
        for each in self.fields:
            if each.path == path:
                return each
        raise KeyError(path)


def _put(root: Place, field_: Field) -> None:
    """Put a field at its place below the root."""
    node = root
    for name in field_.path.replace("[", ".[").split("."):
        if not name:
            continue
        path = f"{node.path}{name}" if name[0] == "[" else f"{node.path}.{name}".removeprefix(".")
        if name == "[]":
            node.each = node.each or Place(path)
            node = node.each
        else:
            node = node.below.setdefault(name, Place(path))
    node.declared = field_
    node.types = frozenset(type_ for kind in field_.kinds for type_ in _TYPES.get(kind, ()))
    any_text = Kind.TEXT in field_.kinds and not field_.known
    node.sure = node.types if any_text else node.types - {str}
    node.reads = _reader(field_.kinds)
    node.words = frozenset(filter(node.reads, field_.known)) if str in node.types else frozenset()


def _reader(kinds: frozenset[Kind]) -> Callable[[str], bool]:
    """Return what tells whether a text is of one of the kinds that are texts."""
    if Kind.TEXT in kinds:
        return _any_text
    is_time = _is_zoned if Kind.ZONED in kinds else _is_instant
    readers = [reads for kind, reads in ((Kind.NUMERAL, is_number), (Kind.INSTANT, is_time)) if kind in kinds]
    return readers[0] if len(readers) == 1 else lambda value: any(reads(value) for reads in readers)


def _any_text(value: str) -> bool:
    del value
    return True


def compare(table: Table, document: object, *, names: bool = True) -> tuple[Difference, ...]:
    """Return where a document is other than a table has it, each difference once.

    Parameters
    ----------
    names
        Whether to look for names too that the table does not have. Those of a library's objects are the library's own,
        and are not looked for.
    """
    comparison = _Comparison(table, names)
    comparison.below(table.root, document, ())
    return tuple(comparison.found)


@dataclass(slots=True)
class _Comparison:
    """A document on its way through a table."""

    table: Table
    names: bool
    found: dict[Difference, None] = field(default_factory=dict[Difference, None])

    def note(self, node: Place, how: How, said: str = "") -> None:
        """Note a difference at a place."""
        money = node.is_money
        self.found[Difference(self.table.subject, node.path, how, said, money, money and self.table.sizes)] = None

    def at(self, node: Place, value: object, around: tuple[object, ...]) -> None:
        """Look at the value of a place, and at what is below it."""
        declared = node.declared
        if value is None and declared is not None and Kind.NULL in declared.kinds:
            return
        if node.below or node.each is not None:
            self.below(node, value, around)
        elif declared is not None:
            if type(value) not in node.types or (type(value) is str and not node.reads(value)):
                self.note(node, How.RETYPED, _kind(value))
            elif declared.known and value not in declared.known:
                self.note(node, How.UNKNOWN_VALUE, _short(value))

    def below(self, node: Place, value: object, around: tuple[object, ...]) -> None:
        """Look at what is below a place: the items of a list, or the fields of an object."""
        if node.each is not None:
            if _is_list(type(value)):
                for item in cast("Sequence[object]", value):
                    self.at(node.each, item, around)
                return
        elif is_object(value):
            self.fields(node, value, (*around, value))
            return
        self.note(node, How.RETYPED, _kind(value))

    def fields(self, node: Place, value: object, around: tuple[object, ...]) -> None:
        """Look at the fields of an object."""
        if (under_any := node.below.get("*")) is not None:
            for item in cast("Mapping[str, object]", value).values():
                self.at(under_any, item, around)
            return
        attributes = _shape_of(type(value)) is not Mapping
        for name, child in node.below.items():
            inner = getattr(value, name, _ABSENT) if attributes else cast("Any", value).get(name, _ABSENT)
            if type(inner) in child.sure or (type(inner) is str and inner in child.words):
                continue
            if inner is not _ABSENT:
                self.at(child, inner, around)
            elif child.needed and _applies(child.declared, around):
                self.note(child, How.VANISHED)
        if self.names and isinstance(value, Mapping):
            told = {str(name) for name in cast("Mapping[object, object]", value)}
            for name in sorted(told - node.below.keys() - self.table.passed_over):
                self.note(Place(f"{node.path}.{name}".removeprefix(".")), How.NEW)


def _applies(field_: Field | None, around: tuple[object, ...]) -> bool:
    """Whether a field that is not there has to be, by what stands around it."""
    if field_ is None or field_.when is None:
        return True
    name, values = field_.when
    for holder in reversed(around):
        if (told := _value_of(holder, name, _ABSENT)) is not _ABSENT:
            return told in values if isinstance(told, str) else False
    return False


def is_object(value: object) -> bool:
    """Whether a value has fields: a mapping, or an object of a client library."""
    return _shape_of(type(value)) is not None


@cache
def _shape_of(kind: Any) -> type | None:
    """Return what values of a type are: mappings, objects with attributes, or none that has fields."""
    if issubclass(kind, Mapping):
        return Mapping
    if issubclass(kind, _NO_OBJECTS):
        return None
    return object if "_fields" in vars(kind) or not issubclass(kind, tuple) else None


def _value_of(holder: object, name: str, absent: object = None) -> Any:
    """Return a field of a mapping or an object."""
    if isinstance(holder, Mapping):
        return cast("Mapping[str, object]", holder).get(name, absent)
    return getattr(holder, name, absent)


@cache
def _is_list(kind: Any) -> bool:
    """Whether values of a type are lists of items."""
    return issubclass(kind, Sequence) and not issubclass(kind, str | bytes)


def is_number(value: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return Decimal(value).is_finite()
    except InvalidOperation:
        return False


def _is_instant(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_zoned(value: str) -> bool:
    return _is_instant(value) and datetime.fromisoformat(value).tzinfo is not None


def _kind(value: object) -> str:
    """Return what a value is, in words: not what it says, which may be private."""
    if value is None:
        return Kind.NULL.value
    if isinstance(value, str):
        return Kind.NUMERAL.value if is_number(value) else Kind.TEXT.value if value else "empty"
    for kind, types in _TYPES.items():
        if type(value) in types:
            return kind.value
    return Kind.OBJECT.value if is_object(value) else Kind.LIST.value


def _short(value: object) -> str:
    said = repr(value)
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 3]}..."


def values_of(kind: Kind, place: Place | None, told: object) -> Iterator[object]:
    """Yield the values of a kind that a document has at a place of its table and below, fixed words left out."""
    if place is None:
        return
    if place.declared is not None and kind in place.declared.kinds and Kind.FIXED not in place.declared.kinds:
        yield told
    elif isinstance(told, Mapping):
        for name, inner in cast("Mapping[str, object]", told).items():
            yield from values_of(kind, place.below.get(name, place.below.get("*")), inner)
    elif isinstance(told, list):
        items = cast("list[object]", told)
        for number, item in enumerate(items):
            yield from values_of(kind, place.item(number, len(items)), item)


def told_fields(table: Table, document: object) -> Any:
    """Return a document as mappings, lists and values: all of JSON, of a library's objects what a table declares."""
    return _told(table.root, document)


def _told(place: Place | None, value: object) -> Any:
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value)
        below = {} if place is None else place.below
        return {name: _told(below.get(name, below.get("*")), inner) for name, inner in named.items()}
    if is_object(value):
        below = {} if place is None else place.below
        told = ((name, _value_of(value, name, _ABSENT)) for name in below)
        return {name: _told(below[name], inner) for name, inner in told if inner is not _ABSENT}
    if isinstance(value, list | tuple):
        each = None if place is None else place.each
        return [_told(each, item) for item in cast("Sequence[object]", value)]
    return value
