"""What a campaign did to the commands, counted from the relay's journal, the bus and the ledger."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from event_trading_app.executor.ledger import Ledger, Trade, answer_id
from event_trading_app.payloads import ExecuteTrade, TradeResult, TradeState
from quant_platform_kit.domain.orders import OrderState

from chaos.events.board import Board

__all__ = ["FAULTS", "Evidence", "Verdict", "judge", "read_trades"]

FAULTS = (
    "duplicates", "lost", "late", "stale", "unexplained_unknown", "contradictions", "mismatches", "unasked", "letters",
)  # fmt: skip
TRANSIT = timedelta(milliseconds=100)
"""From the last look at the time until the relay has noted what came: an answer is late beyond that."""
TAKEN = ("taken", "second")
EXAMPLES = 20

Arrivals = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known at the end.

    Attributes
    ----------
    answers
        The relay's journal: every answer that reached it, as often as it came.
    settled
        By quote, the hashes of the answers that were settled.
    trades
        What the ledger has of commands, by their id.
    letters
        Dead letters by stage.
    """

    board: Board
    answers: Arrivals
    settled: Mapping[str, Sequence[str]]
    trades: Mapping[str, Trade]
    letters: Mapping[str, Sequence[str]]


@dataclass(slots=True)
class Verdict:
    """Sums, and examples of faults.

    Attributes
    ----------
    answered
        Commands of which one answer was taken.
    again
        Arrivals of bytes that had come before: they count once.
    asked_again
        Commands that came twice with different times, as a quote may that is told twice: the first one counts.
    expired
        Commands of which nothing came, as it was too late: that was told, or the look-up said so.
    duplicates
        Commands with answers of different bytes, or that were settled twice.
    lost
        Commands without an answer that was taken, and without an end that says why.
    late
        Answers that came when they could not be sent any more.
    stale
        Answers of whoever had lost the partition to another one.
    unknown
        Commands that were UNKNOWN for a while.
    unexplained_unknown
        Commands that have no end at the end.
    mismatches
        Ends that are not what the relay's books say.
    unasked
        Quotes with an answer for which there was no command.
    """

    commands: int = 0
    answered: int = 0
    again: int = 0
    asked_again: int = 0
    settled: int = 0
    expired: int = 0
    rejected: int = 0
    not_selected: int = 0
    unknown: int = 0
    duplicates: int = 0
    lost: int = 0
    late: int = 0
    stale: int = 0
    unexplained_unknown: int = 0
    contradictions: int = 0
    mismatches: int = 0
    unasked: int = 0
    letters: int = 0
    examples: list[str] = field(default_factory=list[str])

    @property
    def good(self) -> bool:
        """Whether nothing went wrong."""
        return not any(getattr(self, name) for name in FAULTS)

    def note(self, kind: str, told: str) -> None:
        """Count a fault."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{kind}: {told}")


def read_trades(ledger: Ledger, commands: Mapping[str, ExecuteTrade]) -> dict[str, Trade]:
    """Return what a ledger has of commands."""
    found = {name: ledger.find(answer_id(asked.account, asked.quote_id)) for name, asked in commands.items()}
    return {name: trade for name, trade in found.items() if trade is not None}


def judge(evidence: Evidence) -> Verdict:
    """Hold every command against the relay's journal, the bus and the ledger."""
    verdict, board = Verdict(asked_again=len(evidence.board.other)), evidence.board
    by_quote: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for arrival in evidence.answers:
        by_quote[arrival["quote_id"]].append(arrival)
    for name, asked in board.commands.items():
        verdict.commands += 1
        arrivals, told = by_quote.pop(asked.quote_id, []), board.results.get(name, [])
        asked = trade.asked if (trade := evidence.trades.get(name)) is not None else asked
        _judge_arrivals(verdict, asked, arrivals, evidence)
        _judge_ends(verdict, asked, arrivals, told, evidence)
    for quote_id, arrivals in by_quote.items():
        verdict.note("unasked", f"quote {quote_id}: {[arrival['outcome'] for arrival in arrivals]}")
    for stage, reasons in evidence.letters.items():
        for reason in reasons:
            verdict.note("letters", f"{stage}: {reason}")
    return verdict


def _judge_arrivals(verdict: Verdict, asked: ExecuteTrade, arrivals: Arrivals, evidence: Evidence) -> None:
    """Look at what came to the relay: one answer, in time, and from whoever had the right."""
    digests = {arrival["digest"] for arrival in arrivals}
    outcomes = [arrival["outcome"] for arrival in arrivals]
    settled = evidence.settled.get(asked.quote_id, ())
    verdict.answered += any(outcome in TAKEN for outcome in outcomes)
    verdict.again += len(arrivals) - len(digests)
    if len(digests) > 1 or len(settled) > 1:
        verdict.note("duplicates", f"{asked.command_id}: {len(digests)} answers, {outcomes}, {len(settled)} settled")
    for arrival in arrivals:
        over = _instant(arrival) - asked.expires_at
        if over > TRANSIT:
            verdict.note("late", f"{asked.command_id}: {over.total_seconds():.3f} s, {arrival['outcome']}")
    if (trade := evidence.trades.get(asked.command_id)) is not None:
        _judge_epochs(verdict, trade, arrivals)


def _judge_epochs(verdict: Verdict, trade: Trade, arrivals: Arrivals) -> None:
    """Look for answers of an executor that had lost the partition: more came than its successors meant to send."""
    steps = trade.steps.transitions
    for first, epoch in {step.epoch: step for step in reversed(steps)}.items():
        if first == steps[0].epoch:
            continue
        meant = sum(step.state is OrderState.SENT and step.epoch >= first for step in steps)
        came = sum(_instant(arrival) >= epoch.at for arrival in arrivals)
        if came > meant:
            verdict.note("stale", f"{trade.asked.command_id}: since epoch {first} {came} came, {meant} were meant")
            return


def _judge_ends(
    verdict: Verdict, asked: ExecuteTrade, arrivals: Arrivals, told: Sequence[TradeResult], evidence: Evidence
) -> None:
    """Look at what was told: one end, and the one that the relay's books say."""
    states = Counter(each.state for each in told)
    ends = sorted({each.state for each in told if each.state.terminal})
    verdict.unknown += states[TradeState.UNKNOWN] > 0
    taken = any(arrival["outcome"] in TAKEN for arrival in arrivals)
    if not ends:
        kind = "unexplained_unknown" if arrivals else "lost"
        verdict.note(kind, f"{asked.command_id}: no end was told; {dict(states)}, {len(arrivals)} arrivals")
        return
    if len(ends) > 1:
        verdict.note("contradictions", f"{asked.command_id}: {ends}")
    end = ends[0]
    settled = asked.quote_id in evidence.settled
    if end in (TradeState.SETTLED, TradeState.NOT_SELECTED, TradeState.EXPIRED, TradeState.REJECTED):
        name = end.value.lower()
        setattr(verdict, name, getattr(verdict, name) + 1)
    if settled != (end is TradeState.SETTLED) or (taken and end in (TradeState.EXPIRED, TradeState.REJECTED)):
        books = "settled" if settled else "taken" if taken else "not taken"
        verdict.note("mismatches", f"{asked.command_id}: {end} was told, and the relay has it as {books}")
    elif not arrivals and end is TradeState.NOT_SELECTED:
        verdict.expired += 1
    elif not arrivals and end is not TradeState.EXPIRED:
        reason = next(each.reason for each in told if each.state is end)
        verdict.note("lost", f"{asked.command_id}: {end} without an answer: {reason}")


def _instant(arrival: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(arrival["at"])
