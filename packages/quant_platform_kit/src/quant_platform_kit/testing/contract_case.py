"""Numbered cases of a contract, so that their results can be counted and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["Case", "case", "case_of", "cases"]

_Test = TypeVar("_Test", bound=Callable[..., None])
_MARK = "contract_case"


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its number, what it is about, and the sentence it checks."""

    number: str
    topic: str
    title: str


def case(number: str, topic: str) -> Callable[[_Test], _Test]:
    """Return a decorator that numbers a test, whose docstring begins with its title."""

    def mark(test: _Test) -> _Test:
        title = (test.__doc__ or "").splitlines()[0].rstrip(".")
        setattr(test, _MARK, Case(number, topic, title))
        return test

    return mark


def case_of(test: object) -> Case | None:
    """Return the case that a test checks, None if it is not numbered."""
    found: Any = getattr(test, _MARK, None)
    return found


def cases(contract: type) -> tuple[Case, ...]:
    """Return the cases of a contract class by number.

    Raises
    ------
    ValueError
        Two tests have one number.
    """
    found: dict[str, Case] = {}
    for name in dir(contract):
        one = case_of(getattr(contract, name))
        if one and found.setdefault(one.number, one) != one:
            raise ValueError(f"{one.number} is both {found[one.number].title!r} and {one.title!r}")
    return tuple(sorted(found.values(), key=lambda one: int(one.number[1:])))
