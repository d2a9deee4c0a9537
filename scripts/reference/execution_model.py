"""docs/reference/execution-model.md, made out of the code's own tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from datetime import timedelta

from checkout import ROOT, Checkout, Member
from quant_platform_kit.adapters.platforms import platforms
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

from reference.markdown import table

OUTCOMES = {
    Outcome.COMPLETED: "every order filled, or cut to nothing by a recorded revision; in a mode that sends nothing, "
    "the plan stands in the report",
    Outcome.NO_ACTION: "nothing is due, or everything is in place",
    Outcome.SKIPPED: "no session, outside its hours, or a trigger too old to decide on",
    Outcome.BLOCKED: "the strategy is BLOCKED, a gate or a discrepancy forbids the plan, or an order is UNKNOWN",
    Outcome.INCOMPLETE: "an order ended unfilled; the decision stays due",
    Outcome.FAILED: "it stopped before it had planned, and sent nothing",
}
CLIENTS = {
    ("longbridge", AfterSilence.RESEND_SOON): " with `longbridge`",
    ("longbridge", AfterSilence.BLOCK): " with `longport`",
}
"""Which client library a rule is for, where a platform has two."""
MODES = {
    Mode.LIVE: "real money: both switches off dry run, and the account on the allow-list in the store",
    Mode.PAPER: "a broker's paper account, or the paper broker",
    Mode.DRY_RUN: "everything but sending",
    Mode.PROBE: "what the next run would do, and what would keep it from sending; nothing is recorded",
}

BEFORE_LIVE = """Beside the switches, which stay as they are, live trading of an account needs one of

- a contact of this account with this version of the client library and this login, in which nothing blocks
  (`quant contact`);
- a completed live run of it with that version: nothing runs out by itself under a service that trades;
- `quant ready --unready --reason TEXT`, which is audited and counts for one version.

And no assumption may stand refuted that a test settles on the account ([assumptions](../assumptions.md)): a later
test that bears it out lifts that, or a person does with the same command. A new version of the client library, a new
login or a new account needs a contact again. Without it a live run is BLOCKED with the command to type, and its
decision stays due; dry runs say so, and so do probes, by which a release stops before it opens a service. A paper
account needs none of this. An account that traded live before this rule counts as met with the library that is
installed when it runs next. `quant ready --platform P` lists what is left."""


def page() -> str:
    """Return the page."""
    parts = (
        "# Execution model",
        "Generated from the code by `scripts/generate_reference.py`; the repository's check fails when it is "
        "out of date. The prose is in [A run](../concepts/run.md).",
        "## Order states",
        _states(),
        "SENT after SENT is the same order, under the same id, sent again after a look-up did not find it. UNKNOWN is "
        "left only by a look-up or by `quant resolve`. An order that was acknowledged becomes UNKNOWN when the broker "
        "does not show it for a visibility window, or shows several that could be it; it is never sent again.",
        "## What may follow",
        table(("state", "terminal", "may become"), _transitions()),
        "## Boundaries",
        "The instants of a run between which a crash must not matter, in order. The crash campaign stops workers at "
        "each of them.",
        table(("number", "boundary"), ((str(n), f"`{b.value}`") for n, b in enumerate(Boundary, 1))),
        "## Modes",
        table(("mode", "sends", "meaning"), ((m.value, _yes(m.submits), MODES[m]) for m in Mode)),
        "## Before live trading",
        BEFORE_LIVE,
        "## Outcomes",
        table(("outcome", "exit code", "when"), ((o.value, "0" if o.good else "1", OUTCOMES[o]) for o in Outcome)),
        "## After silence",
        "What may be done about an order that was sent and not answered, once the visibility window is over and the "
        "broker does not know it. An order of an earlier session is never sent again.",
        table(("rule", "brokers"), ((rule.value, brokers) for rule, brokers in _silence())),
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


def _silence() -> Iterable[tuple[AfterSilence, str]]:
    """Yield each rule with the platforms whose code names it; a platform that names none has the default."""
    named = {app.folder.name: _rules_named_in(app) for app in Checkout(ROOT).members if app.is_app}
    described = sorted(platforms(ROOT), key=lambda each: each.name)
    for rule in AfterSilence:
        followers = (each for each in described if rule in named[each.name])
        texts = (f"{each.display_name}{CLIENTS.get((each.name, rule), '')}" for each in followers)
        yield rule, "; ".join(texts) or "none yet"


def _rules_named_in(app: Member) -> set[AfterSilence]:
    files = (ROOT / app.folder / "src").rglob("*.py")
    found = {name for file in files for name in re.findall(r"\bAfterSilence\.(\w+)", file.read_text("utf-8"))}
    return {AfterSilence[name] for name in found} or {BrokerTraits().after_silence}


def _defaults() -> Iterable[tuple[str, ...]]:
    terms, traits = RunTerms(), BrokerTraits()
    yield "lease", _text(terms.lease)
    yield "oldest trigger that still decides", _text(terms.max_age)
    yield "wait for fills per phase", _text(terms.execution.fill_timeout)
    yield "visibility window", f"{_text(traits.visibility_window)}; paper 0 s"
    yield "timeout of a broker call", _text(traits.timeout)
    yield "replay window of an id", _text(traits.replay_window)
    yield "sessions a decision may be carried", str(CARRY_SESSIONS)
    for limit in fields(RiskLimits):
        yield limit.name.replace("_", " "), _text(getattr(RiskLimits(), limit.name))


def _discrepancies() -> Iterable[tuple[str, ...]]:
    return ((kind.value.replace("_", " "), _yes(kind.blocks)) for kind in Discrepancy)


def _text(value: object) -> str:
    if value is None:
        return "off"
    return f"{value.total_seconds():g} s" if isinstance(value, timedelta) else str(value)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
