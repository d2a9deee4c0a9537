"""The proof that the rules bite: every plant, put into a module that is clean, is found under its rule and alone."""

from __future__ import annotations

from repeats.rules import RULES, findings

__all__ = ["PLANTS", "prove"]

PLANTS = {
    "clock": ("import time", "from time import monotonic", "at = datetime.now(UTC)", "day = date.today()"),
    "randomness": (
        "import secrets",
        "import random",
        "from numpy.random import default_rng",
        "draw = np.random.rand()",
        "draw = os.urandom(4)",
        "draw = Random()",
    ),
    "uuid": ("import uuid", "from uuid import uuid4"),
    "threads": ("import threading", "from concurrent.futures import Future", "import asyncio"),
    "set order": (
        "for one in {1, 2}:\n    print(one)",
        "def f(names: set[str]) -> list[str]:\n    return [name for name in names]",
        "class C:\n    names: frozenset[str]\n    def f(self):\n        return list(self.names)",
        "def names() -> set[str]: ...\nfirst = ', '.join(names())",
        "left = known.keys() - seen\norder = dict.fromkeys(left)",
        "def f(known):\n    return (x for x in set(known.values()))",
        "both = [*{1, 2}]",
        "known = {1, 2}\ndef f():\n    return [x for x in known]",
    ),
    "hash": ("name = hash('a')",),
}
"""By rule, what breaks it."""
ALLOWED = (
    "from random import Random\ndraw = Random('seed')",
    "first = sorted({1, 2})",
    "alike = any(x for x in {1, 2})",
    "more = {x for x in {1, 2}}",
    "def f(at: datetime) -> datetime:\n    return at",
    "most = max(x for x in {1, 2})",
    "def f():\n    found = {1, 2}\n    return sorted(found)\ndef g(found: list[int]):\n    return [x for x in found]",
)
"""What looks like it and is right."""


def prove() -> list[str]:
    """Return what the rules missed, or found where nothing is; nothing when each bites."""
    complaints = [f"no plant for the rule {rule!r}" for rule in RULES if rule not in PLANTS]
    for rule, plants in PLANTS.items():
        for plant in plants:
            found = {finding.rule for finding in findings(plant)}
            if found != {rule}:
                complaints.append(f"{plant!r} should break {rule!r}; found: {sorted(found) or 'nothing'}")
    complaints += [f"{text!r} is right; found: {findings(text)}" for text in ALLOWED if findings(text)]
    return complaints
