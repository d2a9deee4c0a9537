#!/usr/bin/env python3
"""Write docs/reference/execution-model.md out of the code's own tables; ``--check`` fails where it is out of date."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import fields
from datetime import timedelta

from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.carry import CARRY_SESSIONS
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import TRANSITIONS, OrderState
from quant_platform_kit.domain.reconciliation import Discrepancy
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.services.record import ledger
from quant_platform_kit.services.run.request import Handover, RunTerms
from reference_pages import table, write_or_check

OUTCOMES = {
    Outcome.COMPLETED: "every order filled, or cut to nothing by a recorded revision; in a mode that sends nothing, "
    "the plan stands in the report",
    Outcome.NO_ACTION: "nothing is due, or everything is in place",
    Outcome.SKIPPED: "no session, outside its hours, or a trigger too old to decide on",
    Outcome.BLOCKED: "the strategy is BLOCKED, a gate or a discrepancy forbids the plan, or an order is UNKNOWN",
    Outcome.INCOMPLETE: "an order ended unfilled; the decision stays due",
    Outcome.FAILED: "it stopped before it had planned, and sent nothing",
}
SILENCE = {
    AfterSilence.RESEND: "paper; Interactive Brokers",
    AfterSilence.RESEND_SOON: "LongBridge with `longbridge`",
    AfterSilence.BLOCK: "Schwab; LongBridge with `longport`",
    AfterSilence.RESEND_SAME_DAY: "TqSDK (not built yet)",
}
MODES = {
    Mode.LIVE: "real money: both switches off dry run, and the account on the allow-list in the store",
    Mode.PAPER: "a broker's paper account, or the paper broker",
    Mode.DRY_RUN: "everything but sending",
    Mode.PROBE: "what the next run would do, and what would keep it from sending; nothing is recorded",
}


def page() -> str:
    """Return the page."""
    parts = (
        "# Execution model",
        "Generated from the code by `scripts/generate_execution_model.py`; the repository's check fails when it is "
        "out of date. The prose is in [A run](../concepts/run.md).",
        "## Order states",
        _states(),
        "SENT after SENT is the same order, under the same id, sent again after a look-up did not find it. UNKNOWN is "
        "left only by a look-up or by `quant resolve`. An order that was acknowledged becomes UNKNOWN when the broker "
        "does not show it for a settle window, or shows several that could be it; it is never sent again.",
        "## What may follow",
        table(("state", "terminal", "may become"), _transitions()),
        "## Boundaries",
        "The instants of a run between which a crash must not matter, in order. The crash campaign stops workers at "
        "each of them.",
        table(("number", "boundary"), ((str(n), f"`{b.value}`") for n, b in enumerate(Boundary, 1))),
        "## Modes",
        table(("mode", "sends", "meaning"), ((m.value, _yes(m.submits), MODES[m]) for m in Mode)),
        "## Outcomes",
        table(("outcome", "exit code", "when"), ((o.value, "0" if o.good else "1", OUTCOMES[o]) for o in Outcome)),
        "## After silence",
        "What may be done about an order that was sent and not answered, once the settle window is over and the broker "
        "does not know it. An order of an earlier session is never sent again.",
        table(("rule", "brokers"), ((rule.value, SILENCE[rule]) for rule in AfterSilence)),
        "## Windows and limits",
        table(("name", "default"), _defaults()),
        "## Discrepancies",
        table(("kind", "blocks by default"), _discrepancies()),
        "## Handover after a change of profile",
        ", ".join(f"`{choice.value}`" for choice in Handover) + "; the default is `refuse`.",
        "## Keys of the ledger",
        "```text\n" + (ledger.__doc__ or "").strip() + "\n```",
    )
    return "\n\n".join(parts) + "\n"


def _states() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> RECORDED"]
    for state in OrderState:
        targets = [target for target in OrderState if target in TRANSITIONS[state]]
        lines += [f"    {state.value} --> {target.value}" for target in targets]
        if state.terminal:
            lines.append(f"    {state.value} --> [*]")
    return "\n".join([*lines, "```"])


def _transitions() -> Iterable[tuple[str, ...]]:
    for state in OrderState:
        targets = ", ".join(target.value for target in OrderState if target in TRANSITIONS[state])
        yield state.value, _yes(state.terminal), targets or "-"


def _defaults() -> Iterable[tuple[str, ...]]:
    terms, traits = RunTerms(), BrokerTraits()
    yield "lease", _text(terms.lease)
    yield "oldest trigger that still decides", _text(terms.max_age)
    yield "wait for fills per phase", _text(terms.execution.fill_timeout)
    yield "settle window", f"{_text(traits.settle_window)}; paper 0 s"
    yield "timeout of a broker call", _text(traits.timeout)
    yield "replay window of an id", _text(traits.replay_window)
    yield "sessions a decision may be carried", str(CARRY_SESSIONS)
    for limit in fields(RiskLimits):
        yield limit.name.replace("_", " "), _text(getattr(RiskLimits(), limit.name))


def _discrepancies() -> Iterable[tuple[str, ...]]:
    blocking = (Discrepancy.UNKNOWN_ORDER, Discrepancy.LIQUIDATION)
    return ((kind.value.replace("_", " "), _yes(kind in blocking)) for kind in Discrepancy)


def _text(value: object) -> str:
    if value is None:
        return "off"
    return f"{value.total_seconds():g} s" if isinstance(value, timedelta) else str(value)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


if __name__ == "__main__":
    sys.exit(write_or_check("execution-model.md", page()))
