"""Every state that can be reached, breadth first: the search behind the model checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["STEP", "Exploration", "Model", "search"]

_S = TypeVar("_S", bound=Hashable)

STEP = "step"
"""What the label of a transition begins with that the release, or time, brings about: by those alone it ends."""


@dataclass(frozen=True, slots=True)
class Exploration:
    """What was found.

    Attributes
    ----------
    violations
        By invariant, the steps of a shortest way to a state that breaks it.
    stuck
        A shortest way to a state from which the release cannot be finished though nobody interferes any more.
    """

    states: int
    finished: int
    violations: Mapping[str, Sequence[str]]
    stuck: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Model(Generic[_S]):
    """What is searched.

    Attributes
    ----------
    successors
        Returns what can follow a state, each with a label; those with `STEP` happen in the end.
    is_finished
        Whether the release has come to its end.
    is_disturbed
        Whether somebody interfered; such a state need not lead to an end.
    """

    starts: Collection[_S]
    successors: Callable[[_S], Iterable[tuple[str, _S]]]
    invariants: Mapping[str, Callable[[_S], bool]]
    is_finished: Callable[[_S], bool]
    is_disturbed: Callable[[_S], bool]


def search(model: Model[_S]) -> Exploration:
    """Visit every state that can be reached, breadth first."""
    came_from: dict[_S, tuple[_S, str] | None] = dict.fromkeys(model.starts)
    before: dict[_S, set[_S]] = {}
    frontier = list(came_from)
    while frontier:
        reached: list[_S] = []
        for state in frontier:
            for label, following in model.successors(state):
                if label.startswith(STEP):
                    before.setdefault(following, set()).add(state)
                if following not in came_from:
                    came_from[following] = (state, label)
                    reached.append(following)
        frontier = reached
    violations = {
        name: _way(came_from, state)
        for name, holds in model.invariants.items()
        if (state := next((one for one in came_from if not holds(one)), None)) is not None
    }
    finished = [state for state in came_from if model.is_finished(state)]
    alive = _leading_to(finished, before)
    lost = next((state for state in came_from if state not in alive and not model.is_disturbed(state)), None)
    return Exploration(len(came_from), len(finished), violations, None if lost is None else _way(came_from, lost))


def _leading_to(finished: Iterable[_S], before: Mapping[_S, Collection[_S]]) -> set[_S]:
    """Return the states from which steps lead to the end."""
    alive = set(finished)
    frontier = list(alive)
    while frontier:
        frontier = list({one for state in frontier for one in before.get(state, ()) if one not in alive})
        alive.update(frontier)
    return alive


def _way(came_from: Mapping[_S, tuple[_S, str] | None], state: _S) -> Sequence[str]:
    way: list[str] = []
    while (step := came_from[state]) is not None:
        state = step[0]
        way.append(step[1])
    return way[::-1]
