"""docs/reference/simulation.md, made out of the simulation's own tables."""

from __future__ import annotations

from quant_platform_kit.testing.simulation.actor import CALLS, LONGEST_JUMP, LONGEST_STOP, SLOWEST
from quant_platform_kit.testing.simulation.invariants import INVARIANTS
from quant_platform_kit.testing.simulation.prices import LONGEST
from quant_platform_kit.testing.simulation.scenario import FaultKind
from quant_platform_kit.testing.simulation.trait_sets import TRAIT_SETS, TraitSet

from reference.markdown import table

FAULTS = {
    FaultKind.KILLED_BEFORE: "the process dies before the call has an effect",
    FaultKind.KILLED_AFTER: "the process dies after it, before it hears the answer",
    FaultKind.STOPPED: f"it stands still for up to {LONGEST_STOP:.0f} s, or until another worker reaches a boundary",
    FaultKind.TERMINATED: "it is told to stop, and ends at the next boundary or pause",
    FaultKind.STORE_FAILS: "the store does not answer, and nothing is written",
    FaultKind.WRITE_UNANSWERED: "the store writes, and does not answer",
    FaultKind.STORE_SLOW: f"the store takes up to {SLOWEST:.0f} s",
    FaultKind.REQUEST_LOST: "nothing arrives at the venue",
    FaultKind.ANSWER_LOST: "it arrives, and no answer comes within the timeout",
    FaultKind.LATE: "an order travels up to the timeout and is unseen up to the window; other answers come late",
    FaultKind.DOUBLE: "an answer tells every fill twice",
    FaultKind.REORDERED: "a look-up answers with what was true before the last fill",
    FaultKind.QUOTE_MISSING: "a symbol has no quote",
    FaultKind.QUOTE_OLD: "quotes are older than the limit",
    FaultKind.CLOCK_JUMPS: f"the worker's clock is off by up to {LONGEST_JUMP:.0f} s from then on",
    FaultKind.HALT: "an operator's halt is written at that moment",
    FaultKind.PRICES_MOVE: "a price moves within the session",
    FaultKind.MANUAL_TRADE: "the account's owner trades by hand, where the broker lends nothing",
    FaultKind.FOREIGN_ORDER: "the account's owner places an order that works on, where the broker lends nothing",
    FaultKind.SESSION_ENDS: "the venue closes; orders of the day expire",
    FaultKind.STEP_LOST: "the process dies after it, and the store loses the step that says so; then only what the "
    "venue sees has to hold",
}


def page() -> str:
    """Return the page."""
    refuses, lends = LONGEST
    parts = (
        "# Simulation",
        "Generated from the code by `scripts/generate_reference.py`; the repository's check fails when it is out of "
        "date. The prose is in [Simulation](../concepts/simulation.md).",
        "## How strong the adversary is",
        table(
            ("trait set", "after silence", "an order arrives", "and is accepted", "a new login", "an id sent again"),
            _sets(),
        ),
        f"Prices move by up to {refuses:.0%} within a session where the broker refuses what cannot be paid, and by "
        f"{lends:.2%} where it lends: there the buffer alone keeps cash above zero.",
        "## Faults",
        table(("fault", "what happens", "calls"), [(k.value, FAULTS[k], ", ".join(CALLS[k])) for k in FaultKind]),
        "## Invariants",
        table(("invariant", "after every step"), list(INVARIANTS.items())),
    )
    return "\n\n".join(parts) + "\n"


def _sets() -> list[tuple[str, ...]]:
    return [_set(each) for each in TRAIT_SETS.values()]


def _set(each: TraitSet) -> tuple[str, ...]:
    again = each.recognises.total_seconds()
    return (
        f"`{each.name}`",
        each.traits.after_silence.value,
        f"up to {each.latest_arrival.total_seconds():.0f} s after it left",
        f"up to {each.latest_accept.total_seconds():.0f} s after it left",
        "cuts older ones off" if each.connections else "cuts nothing off; no call sends after its timeout",
        f"is recognised for {again / 60:.0f} min" if again else "makes a second order",
    )
