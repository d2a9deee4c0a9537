"""The fields of a JSON document that a client writes, and what becomes of each: tables of the fronts over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from venue_sandbox.exchange.treatment import Treatment

__all__ = ["CallRow", "Option", "meaningless", "refused", "served", "table", "unserved"]


@dataclass(frozen=True, slots=True)
class Option:
    """One field.

    Attributes
    ----------
    text
        Why it is refused; of one that is not, what is served, or why it has no meaning here.
    nothing
        What a field that is refused may hold all the same, as it asks for nothing; null and an empty text always do.
    """

    name: str
    treatment: Treatment
    text: str
    nothing: frozenset[Any] = field(default_factory=frozenset[Any])

    def asks(self, value: Any) -> bool:
        """Whether a value asks for something."""
        is_empty = value is None or value in ("", [], {})
        return not is_empty and (isinstance(value, list | dict) or value not in self.nothing)


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call of the protocol, as tables show it; ``code`` is the answer of one that is refused."""

    name: str
    treatment: Treatment
    text: str
    code: str = ""


def served(names: str, text: str) -> tuple[Option, ...]:
    """Return fields that are served."""
    return tuple(Option(name, Treatment.SERVED, text) for name in names.split())


def refused(names: str, text: str, *nothing: Any) -> tuple[Option, ...]:
    """Return fields that are refused, unless they hold nothing."""
    return tuple(Option(name, Treatment.REFUSED, text, frozenset(nothing)) for name in names.split())


def meaningless(names: str, why: str) -> tuple[Option, ...]:
    """Return fields that may hold anything."""
    return tuple(Option(name, Treatment.MEANINGLESS, why) for name in names.split())


def table(*groups: Iterable[Option]) -> Mapping[str, Option]:
    """Return fields by name."""
    return {option.name: option for group in groups for option in group}


def unserved(document: Mapping[str, Any], options: Mapping[str, Option]) -> str:
    """Return why a document is refused: a field that asks for what is not served, or is unknown. Empty if it is not."""
    for name, value in document.items():
        option = options.get(name)
        if option is None:
            return f"{name}: the field is not known"
        if option.treatment is Treatment.REFUSED and option.asks(value):
            return f"{name}: {option.text}"
    return ""
