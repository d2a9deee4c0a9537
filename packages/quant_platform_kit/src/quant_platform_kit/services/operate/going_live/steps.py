"""Everything between an account and live trading, a line each: what blocks, what to do first, what is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from quant_platform_kit.domain.assumptions import SettledBy, assumed_of
from quant_platform_kit.domain.beliefs import Difference
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.assumptions import Verdict, still_assumed, verdicts
from quant_platform_kit.services.operate.audit import audit_entries
from quant_platform_kit.services.operate.contact.result import Contact, Line, State
from quant_platform_kit.services.operate.going_live.rule import Standing, against_live, contact_line
from quant_platform_kit.services.operate.going_live.standing import contact_with
from quant_platform_kit.services.operate.switches import allowed, halts
from quant_platform_kit.services.record.seen import Misread

__all__ = ["NEVER_COMPARED", "Facts", "facts_of", "steps"]

NEVER_COMPARED = Line(
    "shortfall",
    State.CAUTION,
    "no comparison was shown",
    "`quant shortfall --out FOLDER` once paper runs have traded, then `--shortfall FOLDER/shortfall.json`",
)
ENOUGH = 5
"""Dry runs that show how a service behaves in a week."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store knows of an account's way to live trading.

    Attributes
    ----------
    contact
        The newest with this client library; None without one.
    tested
        What the newest test said of each assumption, by id.
    runs
        How many runs the account had, by mode.
    paper_elsewhere
        Paper runs of other accounts in the store: a broker's paper account has a number of its own.
    drilled
        How often a command was given, by name.
    stopped
        Runs in which a worker was stopped.
    misread
        What documents of the broker had that its adapter does not know, as runs told it.
    """

    standing: Standing
    contact: Contact | None
    tested: Mapping[str, Verdict]
    runs: Mapping[str, int]
    paper_elsewhere: int
    drilled: Mapping[str, int]
    stopped: int
    is_allowed: bool
    halted: tuple[str, ...]
    misread: tuple[Difference, ...] = ()


def facts_of(store: VersionedStore, standing: Standing) -> Facts:
    """Return what the store knows; every object of the accounts' runs is listed for it, few are read."""
    account, root = standing.account, "accounts/"
    claims = [key.split("/") for key in store.keys(root) if key.endswith("/claim")]
    modes = [(claim[1], claim[-2].split(".")[2]) for claim in claims]
    stopped = {key.split("/")[3] for key in store.keys(f"{root}{account}/runs/") if "/attempts/" in key}
    on = halts(store).on()
    return Facts(
        standing,
        contact_with(store, account, standing.client),
        verdicts(store, account),
        Counter(mode for owner, mode in modes if owner == account),
        sum(owner != account and mode == Mode.PAPER.value for owner, mode in modes),
        Counter(entry.command for entry in audit_entries(store)),
        len(stopped),
        account in allowed(store).on(),
        tuple(sorted(on & {"all", f"account-{account}"})),
        tuple(Misread(store, account).known()),
    )


def steps(facts: Facts, last: RunReport | None = None, compared: Line = NEVER_COMPARED) -> tuple[Line, ...]:
    """Return the lines; those that block are what a live run would be blocked by.

    Parameters
    ----------
    last
        The account's last report.
    compared
        What the account made less than a back-test of its decisions.
    """
    return (
        _contact(facts),
        *_refuted(facts.standing),
        _order_test(facts),
        _assumed(facts),
        *_runs(facts),
        *_findings(facts.misread, last),
        *_drills(facts),
        compared,
        _allow_list(facts),
        *(
            Line("halt", State.BLOCKS, f"{scope} is halted", f"`quant resume {scope} --reason TEXT`")
            for scope in facts.halted
        ),
        Line("switches", State.NOT_TOLD, "both are in the service's environment", "see docs/reference/settings.md"),
    )


def _contact(facts: Facts) -> Line:
    client, contact = facts.standing.client, facts.contact
    if facts.standing.is_met and (contact is None or contact.blocks):
        how = "a completed live run stands for a contact, or somebody does without one"
        return Line("contact", State.GOOD, f"{how}, with {client.text}")
    if contact is None:
        return Line("contact", State.BLOCKS, f"none with {client.text}", contact_line(client.platform))
    when = f"{contact.made:%Y-%m-%d} with {client.text}"
    blocking = [line.subject for line in contact.lines if line.state is State.BLOCKS]
    if blocking:
        return Line("contact", State.BLOCKS, f"{when}: {', '.join(blocking)} blocks", contact_line(client.platform))
    return Line("contact", State.GOOD, when)


def _refuted(standing: Standing) -> list[Line]:
    reasons = against_live(Standing(standing.account, standing.client, True, standing.refuted))
    return [Line("refuted", State.BLOCKS, reason) for reason in reasons]


def _findings(misread: Collection[Difference], last: RunReport | None) -> list[Line]:
    """Return what runs found out about the account and its broker, and what of it is still open."""
    todo = "compare with the broker's own pages: docs/start/first-contact.md"
    lines = [Line("documents", State.CAUTION, difference.text, todo) for difference in misread]
    if last is not None and last.outcome is Outcome.BLOCKED:
        open_ = [finding.text for finding in last.findings if finding.kind.blocks]
        if open_:
            lines.append(Line("findings", State.BLOCKS, "; ".join(open_), "; ".join(last.todo)))
    return lines


def _order_test(facts: Facts) -> Line:
    platform = facts.standing.client.platform
    able = {each.identity for each in assumed_of(platform) if each.settled_by is SettledBy.ORDER_TEST}
    if tested := able & facts.tested.keys():
        return Line("order test", State.GOOD, f"tested {len(tested)} of {len(able)} assumptions that it can")
    todo = f"`quant contact --order-test SYMBOL --platform {platform}`, on a paper account first"
    return Line("order test", State.CAUTION, "never made", todo)


def _assumed(facts: Facts) -> Line:
    every = assumed_of(facts.standing.client.platform)
    left = still_assumed(facts.standing.client.platform, facts.tested)
    said = f"{len(left)} of {len(every)} are still assumed: {', '.join(left)}"
    return Line("assumptions", State.NOT_TOLD, said, "read docs/assumptions.md")


def _runs(facts: Facts) -> list[Line]:
    dry, paper = facts.runs.get(Mode.DRY_RUN.value, 0), facts.runs.get(Mode.PAPER.value, 0) + facts.paper_elsewhere
    return [
        _counted("dry runs", dry, ENOUGH, "let the service run with <PLATFORM>_DRY_RUN_ONLY for a week"),
        _counted("paper runs", paper, 1, "run the service on a paper account first"),
    ]


def _drills(facts: Facts) -> list[Line]:
    drilled = facts.drilled
    halted, restored = min(drilled.get("halt", 0), drilled.get("resume", 0)), drilled.get("ledger import", 0)
    return [
        _counted("halt drill", halted, 1, "`quant halt`, look, `quant resume`"),
        _counted("kill drill", facts.stopped, 1, "stop a paper run's service, and see the next one finish it"),
        _counted("restore drill", restored, 1, "restore a backup into a new store: docs/runbooks/restore.md"),
    ]


def _counted(subject: str, count: int, enough: int, todo: str) -> Line:
    said = f"{count} so far"
    return Line(subject, State.GOOD, said) if count >= enough else Line(subject, State.CAUTION, said, todo)


def _allow_list(facts: Facts) -> Line:
    account = facts.standing.account
    if facts.is_allowed:
        return Line("allow-list", State.GOOD, f"{account} is on it")
    return Line("allow-list", State.BLOCKS, f"{account} is not on it", f"`quant allow {account} --reason TEXT`")
