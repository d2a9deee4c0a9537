"""The step machine: takes subjects through the rows of the transition table, one guarded step at a time.

What a subject has reached is asked anew each time, so that a process may die anywhere and the next one goes on from
what is there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from quant_platform_kit.domain.errors import InvalidInput, QuantError, Refused

from quant_release.steps.table import Action, Guard, Row, Scope, Stage, Undo, rows_of

__all__ = [
    "Boundary",
    "Executor",
    "Reached",
    "StepFailed",
    "Steps",
    "Subject",
    "Watcher",
    "advance",
    "in_turn",
    "last_step",
    "legs",
    "next_row",
    "take_back",
]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a row is taken for, by name; an image's name is its repository, a workload's ``ROLL/KIND/NAME``."""

    scope: Scope
    name: str

    def __str__(self) -> str:
        return f"{self.scope.value} {self.name}"


class StepFailed(QuantError):
    """A step was taken and did not come to what it has to make, or its tests failed. What it did stays."""


class Boundary(Enum):
    """The instants of a step between which a crash must not matter, in order."""

    CHOSEN = "chosen"
    GUARDED = "guarded"
    RECORDED = "recorded"
    ACTED = "acted"
    VERIFIED = "verified"


Reached = Callable[[Boundary, Row, Subject], None]
"""Is called at every boundary of every step."""


class Answers(Protocol):
    """What can be asked about subjects."""

    def stage(self, subject: Subject) -> Stage:
        """Return how far a subject has come."""
        ...

    def missing(self, guard: Guard, subject: Subject) -> str | None:
        """Return what is missing for a guard to hold, None if it holds."""
        ...


class Inspector(Answers, Protocol):
    """What can be asked about the subjects of a release, and the rows that it takes."""

    @property
    def table(self) -> Sequence[Row]:
        """The transition table."""
        ...


class Steps(Answers, Protocol):
    """What can be asked about subjects, and done with them."""

    def act(self, action: Action, subject: Subject) -> None:
        """Do what a row says; done again after a crash, it has no effect twice."""
        ...

    def undo(self, undo: Undo, subject: Subject) -> bool:
        """Take a row back; return whether there was anything that could be."""
        ...


class Executor(Steps, Inspector, Protocol):
    """What carries out a release."""


class Watcher(Protocol):
    """Who is told about every step."""

    def begins(self, row: Row, subject: Subject) -> None:
        """Record that a step begins; durable when it returns."""
        ...

    def ended(self, row: Row, subject: Subject) -> None:
        """Record that a step came to its end."""
        ...

    def failed(self, row: Row, subject: Subject, error: QuantError) -> None:
        """Record that a step was refused or failed."""
        ...

    def undone(self, row: Row, subject: Subject) -> None:
        """Record that a step was taken back."""
        ...


def next_row(inspector: Inspector, subject: Subject) -> Row | None:
    """Return the row that a subject is to take next, None at its end."""
    stage = inspector.stage(subject)
    return next((row for row in rows_of(subject.scope, inspector.table) if row.takes is stage), None)


def rows_left(inspector: Inspector, subject: Subject) -> tuple[Row, ...]:
    """Return the rows that a subject still has to take."""
    rows = rows_of(subject.scope, inspector.table)
    first = next_row(inspector, subject)
    return () if first is None else rows[rows.index(first) :]


def in_turn(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, ...]]:
    """Yield what is carried through together: what runs somewhere alone, of anything else a scope."""
    for scope, group in itertools.groupby(subjects, key=lambda one: one.scope):
        together = tuple(group)
        yield from ((one,) for one in together) if scope.is_deployed else (together,)


def legs(table: Sequence[Row], subjects: Iterable[Subject]) -> Iterator[tuple[Subject, tuple[Row, ...]]]:
    """Return which rows each subject takes at a stretch, in order.

    They are all of its scope; or, where one of them gathers, those before it and, once every subject of the scope has
    taken these, the others.
    """
    for scope, group in itertools.groupby(subjects, key=lambda one: one.scope):
        together, rows = tuple(group), rows_of(scope, table)
        gathered = next((number for number, row in enumerate(rows) if row.gathers), 0)
        for part in filter(None, (rows[:gathered], rows[gathered:])):
            yield from ((one, part) for one in together)


def obstacles(inspector: Answers, row: Row, subject: Subject) -> list[str]:
    """Return what forbids a row now."""
    return [text for guard in row.guards if (text := inspector.missing(guard, subject)) is not None]


_STAYING = frozenset({Undo.TIDY, Undo.UNROLL})
"""What is undone of a step that was begun and not done: the subject stays where the step before left it."""


def _nothing(_boundary: Boundary, _row: Row, _subject: Subject) -> None:
    return


def advance(
    executor: Executor,
    subjects: Iterable[Subject],
    watcher: Watcher,
    until: tuple[Row, Subject] | None = None,
    reached: Reached = _nothing,
) -> None:
    """Take every subject to its end, in order, or up to a step.

    Raises
    ------
    Refused
        A guard does not hold; it says what is missing. Nothing was changed by the step.
    StepFailed
        A step did not come to what it makes.
    """
    for subject, rows in legs(executor.table, subjects):
        while (row := next_row(executor, subject)) in rows and not _is_beyond(rows, row, subject, until):
            reached(Boundary.CHOSEN, row, subject)
            try:
                _take(executor, row, subject, watcher, reached)
            except QuantError as error:
                watcher.failed(row, subject, error)
                raise
            if until == (row, subject):
                return
        if until is not None and until[1] == subject and until[0] in rows:
            return


def _is_beyond(rows: Sequence[Row], row: Row, subject: Subject, until: tuple[Row, Subject] | None) -> bool:
    """Whether a step comes after the one to stop at."""
    if until is None or until[1] != subject or until[0] not in rows:
        return False
    return rows.index(row) > rows.index(until[0])


def _take(
    executor: Executor,
    row: Row,
    subject: Subject,
    watcher: Watcher,
    reached: Reached,
) -> None:
    if found := obstacles(executor, row, subject):
        raise Refused(f"{row.step} of {subject}: {'; '.join(found)}")
    reached(Boundary.GUARDED, row, subject)
    watcher.begins(row, subject)
    reached(Boundary.RECORDED, row, subject)
    executor.act(row.action, subject)
    reached(Boundary.ACTED, row, subject)
    stage = executor.stage(subject)
    if not _is_at_least(stage, row, rows_of(row.scope, executor.table)):
        raise StepFailed(f"{row.step} of {subject} was done, and it is {stage.value} instead of {row.makes.value}")
    reached(Boundary.VERIFIED, row, subject)
    watcher.ended(row, subject)


def _is_at_least(stage: Stage, row: Row, rows: Sequence[Row]) -> bool:
    """Whether a subject has come as far as a row leads."""
    return stage in {later.makes for later in rows[rows.index(row) :]}


def take_back(executor: Executor, subjects: Sequence[Subject], watcher: Watcher) -> None:
    """Undo what was not published, of the last subject first.

    Raises
    ------
    Refused
        A step cannot be taken back as things are.
    """
    for subject in reversed(subjects):
        while (row := _last_row(executor, subject)) is not None and row.undo is not Undo.NEVER:
            if row.undo is Undo.NOTHING or not executor.undo(row.undo, subject):
                break
            watcher.undone(row, subject)
            if row.undo in _STAYING:
                break
            if executor.stage(subject) is row.makes:
                raise StepFailed(f"{row.undo.value}: {subject} is still {row.makes.value}")


def _last_row(executor: Executor, subject: Subject) -> Row | None:
    """Return the row that led to where a subject is."""
    stage = executor.stage(subject)
    return next((row for row in rows_of(subject.scope, executor.table) if row.makes is stage), None)


def last_step(text: str, subjects: Sequence[Subject], table: Sequence[Row]) -> tuple[Row, Subject]:
    """Return the step that ``--until`` names: ``STEP``, the last of that name, or ``STEP:SUBJECT``.

    Raises
    ------
    InvalidInput
        The table has no such step, or the bundle no such subject.
    """
    name, _, wanted = text.partition(":")
    row = next((row for row in table if row.step == name), None)
    if row is None:
        raise InvalidInput(f"--until {text!r}: there is no step {name!r}; known: {', '.join(r.step for r in table)}")
    fitting = [one for one in subjects if one.scope is row.scope and wanted in ("", one.name)]
    if not fitting:
        known = ", ".join(one.name for one in subjects if one.scope is row.scope) or "none"
        raise InvalidInput(f"--until {text!r}: {name} has no subject {wanted!r}; the bundle has: {known}")
    return row, fitting[-1]
