"""What may be given away of a broker's documents, by a list of what is kept; all else becomes an invented value.

Invented values are numbered in order of appearance, and the same value becomes the same one everywhere. They are no
hashes: eight digits are guessed in a second.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, cast

from quant_platform_kit.domain.beliefs import CURRENCIES, Field, Kind, Place, Table, is_number

__all__ = ["RULES", "Documents", "Rule", "redacted"]

Documents = Sequence[tuple[str, Any]]
"""Subject and document, in order of appearance."""
LETTERS, DIGITS = re.compile("[A-Za-z_]{1,60}"), re.compile("[0-9]{5,}")
"""A word that may be kept, and a run of digits that could be somebody's number."""
WRITTEN_TIME = re.compile(r"[0-9T:.+Z -]{8,40}(US/Eastern|America/New_York|US/Central|US/Pacific|UTC|GMT|EST|EDT)?")
DAY = re.compile("(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])")
"""A date as a number."""
HOURS = re.compile(r"([0-9]{8}:([0-9]{4}-[0-9]{8}:[0-9]{4}|CLOSED)(;|$))+")
LARGEST = Decimal("1e15")
"""No amount is larger: what is stands for none."""
Listed = Collection[str]


def _known_value(declared: Field, value: object, listed: Listed) -> bool:
    return isinstance(value, str) and value in declared.known


def _word(declared: Field, value: object, listed: Listed) -> bool:
    open_ended = bool(declared.known) and Kind.FIXED not in declared.kinds
    return open_ended and isinstance(value, str) and LETTERS.fullmatch(value) is not None


def _instant(declared: Field, value: object, listed: Listed) -> bool:
    written = isinstance(value, str) and WRITTEN_TIME.fullmatch(value) is not None
    return Kind.INSTANT in declared.kinds and (written or isinstance(value, date))


def _hours(declared: Field, value: object, listed: Listed) -> bool:
    return Kind.HOURS in declared.kinds and isinstance(value, str) and HOURS.fullmatch(value) is not None


def _symbol(declared: Field, value: object, listed: Listed) -> bool:
    return Kind.SYMBOL in declared.kinds and isinstance(value, str) and value in listed


def _number(declared: Field, value: object, listed: Listed) -> bool:
    if Kind.ID in declared.kinds or not declared.kinds & {Kind.NUMBER, Kind.NUMERAL} or isinstance(value, bool):
        return False
    return isinstance(value, int | float | Decimal) or (isinstance(value, str) and is_number(value))


def _truth(declared: Field, value: object, listed: Listed) -> bool:
    return Kind.BOOLEAN in declared.kinds and isinstance(value, bool)


def _nothing(declared: Field, value: object, listed: Listed) -> bool:
    return value is None or value == ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the list: ``keeps`` is asked with the field, the value, and the symbols of listed instruments."""

    name: str
    keeps: Callable[[Field, object, Listed], bool]


RULES = (
    Rule("a value that the table knows", _known_value),
    Rule("a word of letters in a field whose values the table knows", _word),
    Rule("a date or an instant in a field of them", _instant),
    Rule("hours of trading in a field of them", _hours),
    Rule("the symbol of a listed instrument in a field of symbols", _symbol),
    Rule("a number in a field of numbers that are no ids", _number),
    Rule("true or false in a field of them", _truth),
    Rule("null, and a text of nothing", _nothing),
)
"""What is kept; all else becomes an invented value."""


def redacted(tables: Iterable[Table], documents: Documents, listed: Collection[str], scale: int = 1) -> Documents:
    """Return documents as they may be given away.

    Fields that nobody reads are left out. A number that would be kept and has digits of what is not kept goes too.

    Parameters
    ----------
    listed
        Symbols of listed instruments, as the documents write them.
    scale
        What amounts and quantities are multiplied by, never prices.
    """
    by_subject = {table.subject: table for table in tables}
    first = _Redaction(listed, scale)
    for subject, document in documents:
        first.document(by_subject[subject], document)
    second = _Redaction(listed, scale, "\n".join(first.gone), frozenset(DIGITS.findall("\n".join(first.gone))))
    return [(subject, second.document(by_subject[subject], document)) for subject, document in documents]


@dataclass(slots=True)
class _Redaction:
    """One pass; the first finds out what is not kept, the second knows it.

    Attributes
    ----------
    text, runs
        All that is not kept, as one text, and the runs of digits in it.
    gone
        What was not kept in this pass.
    amounts
        Names of amounts that nobody reads, in the document that is looked at: they are left out, and tell nothing else.
    """

    listed: Listed
    scale: int
    text: str = ""
    runs: frozenset[str] = frozenset()
    gone: dict[str, None] = field(default_factory=dict[str, None])
    amounts: frozenset[str] = frozenset()
    invented: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])

    def document(self, table: Table, document: Any) -> Any:
        """Return a document of a table."""
        self.amounts = table.amounts
        return self.at(table.root, document, table.passed_over)

    def at(self, place: Place | None, value: Any, passed_over: frozenset[str], *, public: bool = False) -> Any:
        """Return what is told at a place; None is one that no table has.

        Parameters
        ----------
        public
            Whether what the field means is known, so that a number with decimals in it is an amount, and one of
            milliseconds since 1970 an instant.
        """
        if isinstance(value, Mapping):
            return self.fields(place, cast("Mapping[str, Any]", value), passed_over, public=public)
        if isinstance(value, list):
            items = cast("list[Any]", value)
            places = [None if place is None else place.item(number, len(items)) for number in range(len(items))]
            return [self.at(one, item, passed_over, public=public) for one, item in zip(places, items, strict=True)]
        declared = None if place is None else place.declared
        if declared is not None and any(rule.keeps(declared, value, self.listed) for rule in RULES):
            return self.kept(declared, value)
        return None if value is None else self.other(value, public=public)

    def fields(
        self, place: Place | None, told: Mapping[str, Any], passed_over: frozenset[str], *, public: bool
    ) -> dict[str, Any]:
        """Return the fields of an object, without those that nobody reads."""
        below = {} if place is None else place.below
        found: dict[str, Any] = {}
        for name, value in told.items():
            if name in below:
                found[name] = self.at(below[name], value, passed_over)
            elif "*" in below:
                key = self.key(name)
                found[key] = self.at(below["*"], value, passed_over)
            elif name in self.amounts:
                continue
            elif public or name in passed_over:
                self.at(None, value, passed_over, public=True)  # nothing of what it tells may stand elsewhere
            else:
                key = self.word("field", name)
                found[key] = self.at(None, value, passed_over)
        return found

    def key(self, name: str) -> str:
        """Return a name under which any value may stand: that of a currency or of a listed instrument is kept."""
        return name if name in CURRENCIES or name in ("", "BASE") or name in self.listed else self.word("key", name)

    def kept(self, declared: Field, value: Any) -> Any:
        """Return what a rule keeps; of numbers only those without digits of what none does."""
        if isinstance(value, date):
            return value.isoformat()
        is_day = Kind.INSTANT in declared.kinds and isinstance(value, str) and DAY.fullmatch(value) is not None
        if is_day or not _number(declared, value, self.listed):
            return value
        if self.tells(value):
            return self.other(value)
        return self.scaled(value) if declared.money and Kind.PER_UNIT not in declared.kinds else value

    def tells(self, value: Any) -> bool:
        """Whether a number stands in what is not kept, or has a number in it that does."""
        written = _written(value)
        digits = written.replace(".", "")
        return len(digits) >= 5 and (written in self.text or any(run in digits for run in self.runs))

    def scaled(self, value: Any) -> Any:
        """Return an amount or a quantity in the scale."""
        exact = Decimal(str(value))
        if self.scale == 1 or not exact.is_finite() or abs(exact) > LARGEST:
            return value
        if isinstance(value, int):
            return value * self.scale
        return type(value)(f"{exact * self.scale:f}")

    def other(self, value: Any, *, public: bool = False) -> Any:
        """Return an invented value for one that is not kept."""
        if isinstance(value, bool):
            return False
        told = str(value)
        if not (isinstance(value, int | float | Decimal) or (isinstance(value, str) and is_number(value))):
            return self.word("text", told)
        if not (public and ("." in told or _is_milliseconds(value))):
            self.gone.setdefault(_written(value))
        return type(value)(self.count("number", told))

    def word(self, kind: str, value: str) -> str:
        """Return an invented word."""
        self.gone.setdefault(value)
        return f"{kind}-{self.count(kind, value)}"

    def count(self, kind: str, value: str) -> int:
        """Return the number of a value among those of its kind."""
        known = self.invented.setdefault(kind, {})
        return known.setdefault(value, len(known) + 1)


def _is_milliseconds(value: object) -> bool:
    """Whether a number is an instant of this century, in milliseconds since 1970."""
    return isinstance(value, int) and 946_684_800_000 <= value < 4_102_444_800_000


def _written(value: Any) -> str:
    """Return a number as it may stand in a text: without its sign, and without decimals that are zero."""
    exact = Decimal(str(value))
    if not exact.is_finite():
        return ""
    written = f"{abs(exact):f}"
    return written.rstrip("0").rstrip(".") if "." in written else written
