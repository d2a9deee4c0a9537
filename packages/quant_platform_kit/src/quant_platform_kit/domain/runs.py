"""What is recorded of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, Side
from quant_platform_kit.domain.planning import OrderPlan
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.reconciliation import Finding
from quant_platform_kit.domain.settlement import Unsettled
from quant_platform_kit.domain.strategy import Action, StrategyDecision

__all__ = [
    "Attempt",
    "BuyRevision",
    "FeatureSummary",
    "InputSummary",
    "OrderOutcome",
    "OrderRecord",
    "Outcome",
    "Reasoning",
    "RecordedDecision",
    "RunClaim",
    "RunPlan",
    "RunReport",
    "Transition",
    "undecided_key",
]

ZERO = Decimal(0)


class Outcome(Enum):
    """How a run ended."""

    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    NO_ACTION = "no_action"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    FAILED = "failed"

    @property
    def good(self) -> bool:
        """Whether nothing is left to do."""
        return self in (Outcome.COMPLETED, Outcome.NO_ACTION, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True)
class RunClaim:
    """Who a run belongs to: written once, before it decides anything.

    Attributes
    ----------
    as_of
        The completed session the run was asked to decide on (exchange-local date).
    """

    key: RunKey
    profile: str
    display_name: str
    input_mode: str
    config: Mapping[str, object]
    as_of: date
    service: str
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """A worker's try at a run that did not end it: when (aware UTC), whose, and what stopped it."""

    at: datetime
    holder: str
    error: str


@dataclass(frozen=True, slots=True)
class FeatureSummary:
    """The feature snapshot that was decided on.

    Attributes
    ----------
    age
        Sessions from ``as_of`` to the session decided on.
    digest
        SHA-256 of its manifest.
    """

    as_of: date
    age: int
    digest: str
    rows: int

    @property
    def text(self) -> str:
        """The snapshot in short, for people."""
        return f"snapshot as of {self.as_of}, {self.age_text}, manifest {self.digest[:12]}"

    @property
    def age_text(self) -> str:
        """The age in words."""
        return f"{self.age} session{'' if self.age == 1 else 's'} old"


@dataclass(frozen=True, slots=True)
class InputSummary:
    """What a run decided on, in short.

    Attributes
    ----------
    digest
        Of the recorded inputs, by which they are read back; None where nothing was recorded.
    history_until
        The newest session of the history, ``sessions`` long, None when it was empty.
    missing
        Symbols without a bar in the session decided on.
    taken_at
        When account and quotes were taken, aware UTC.
    features
        The feature snapshot decided on; None for a profile that reads none, and where none was to be had.
    """

    digest: str | None
    history_until: date | None
    sessions: int
    symbols: int
    missing: tuple[str, ...]
    quotes: int
    taken_at: datetime
    features: FeatureSummary | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How a run came to its decision.

    Attributes
    ----------
    digests
        Digest of every decision evaluated in the run by the session it is for (ISO date), missed sessions included.
    diagnostics
        The strategy's own numbers behind the decision of the newest session; None in place of what is not finite.
    """

    inputs: InputSummary
    digests: Mapping[str, str]
    diagnostics: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A decision that later runs of the account continue, with what is needed to carry it.

    Attributes
    ----------
    base
        What weights referred to, in the portfolio's currency.
    holdings
        Value per managed symbol held when it was decided.
    """

    decision: StrategyDecision
    digest: str
    run_id: str
    base: Decimal
    holdings: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """All that a run will send, committed in one write before the first order.

    Attributes
    ----------
    executes
        The session of the decision it executes, older than ``as_of`` when it was carried; None when it only sells
        what an earlier profile left.
    account
        Cash and positions it was made for.
    prices
        Price per symbol it was made at.
    buffer
        Cash that buys leave, in the portfolio's currency.
    bought_by, unsettled, undecided, contacted
        As in `RunReport`, before this plan.
    """

    executes: date | None
    as_of: date
    action: Action
    digest: str
    plan: OrderPlan
    base: Decimal
    account: AccountState
    prices: Mapping[str, Decimal]
    buffer: Decimal
    reasons: tuple[str, ...]
    behind: tuple[date, ...]
    findings: tuple[Finding, ...]
    bought_by: Mapping[str, str]
    committed_at: datetime
    reasoning: Reasoning | None = None
    unsettled: Unsettled | None = None
    undecided: Mapping[str, date] = field(default_factory=dict[str, date])
    contacted: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class BuyRevision:
    """The buys of a plan, cut to the cash that the sells really brought: client order id -> quantity."""

    quantities: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of an order, recorded once.

    Attributes
    ----------
    epoch
        Of the lease under which it was recorded.
    execution
        The broker's answer behind it, if there was one.
    note
        Why, where it was not the broker's doing: an operator's evidence, a gate.
    """

    state: OrderState
    epoch: int
    at: datetime
    execution: ExecutionReport | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order and every transition recorded of it, oldest first."""

    order: Order
    transitions: tuple[Transition, ...] = ()

    @property
    def state(self) -> OrderState:
        """Where the order stands as far as the ledger knows."""
        return self.transitions[-1].state if self.transitions else OrderState.RECORDED

    @property
    def first_sent(self) -> datetime | None:
        """When it was sent for the first time, aware UTC."""
        return next((t.at for t in self.transitions if t.state is OrderState.SENT), None)

    @property
    def acknowledged(self) -> bool:
        """Whether the broker ever said that it has the order, which is then never sent again."""
        return any(t.execution is not None for t in self.transitions)

    @property
    def execution(self) -> ExecutionReport | None:
        """The broker's newest answer."""
        return next((t.execution for t in reversed(self.transitions) if t.execution), None)

    @property
    def filled(self) -> Decimal:
        """Units filled so far."""
        return self.execution.filled_quantity if self.execution else ZERO

    @property
    def bought(self) -> Decimal:
        """What a buy has cost so far without commission, in the instrument's currency; zero for a sell."""
        fills = self.execution.fills if self.execution and self.order.side is Side.BUY else ()
        return sum((fill.quantity * fill.price for fill in fills), ZERO)

    @property
    def executed(self) -> bool:
        """Whether nothing of the order is left: filled, or cut to nothing by a recorded revision."""
        return self.state is OrderState.FILLED or not self.order.quantity

    @property
    def uncertain(self) -> bool:
        """Whether it was sent, and the ledger does not know what became of it."""
        return self.state in (OrderState.SENT, OrderState.UNKNOWN)

    @property
    def outcome(self) -> OrderOutcome:
        """The record in short, for a report."""
        fills = self.execution.fills if self.execution else ()
        paid = sum((fill.quantity * fill.price for fill in fills), ZERO)
        priced = self.filled and all(fill.price_known for fill in fills)
        note = next((t.note for t in reversed(self.transitions) if t.note), "")
        return OrderOutcome(
            client_order_id=self.order.client_order_id,
            symbol=self.order.symbol,
            side=self.order.side,
            quantity=self.order.quantity,
            state=self.state,
            filled=self.filled,
            average_price=paid / self.filled if priced else None,
            commission=sum((fill.commission for fill in fills), ZERO),
            text=note or (self.execution.text if self.execution else ""),
            sent_at=self.first_sent,
            ended_at=self.transitions[-1].at if self.transitions else None,
        )


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """An order and where it ended.

    Attributes
    ----------
    average_price
        Of its fills, None without any or where a price is not known; ``commission`` is their sum.
    text
        The broker's own words, or the ledger's note.
    decision_price
        The price it was planned at.
    slippage
        What its fills cost more than at the decision price, in the instrument's currency; negative when less.
    sent_at, ended_at
        When it was sent first, and when its last step was recorded (aware UTC).
    """

    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    state: OrderState
    filled: Decimal
    average_price: Decimal | None
    commission: Decimal
    text: str = ""
    decision_price: Decimal | None = None
    slippage: Decimal | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunReport:
    """What happened in a run, for people and machines; written once, the same on every retry.

    Attributes
    ----------
    reasons
        Why the strategy decided so, then why the run was blocked or incomplete.
    as_of
        The session decided on; ``executes`` is the session of the decision executed, older when it was carried.
    behind
        Sessions of decisions that grew too old to be executed: the account is behind target.
    account
        Cash and positions after the run, as the broker reports them.
    findings
        What changed in the account without the platform, before the run and after it.
    bought_by
        symbol -> profile that bought it, for what is still held.
    noted
        The account as the platform has taken note of it: what differs from it the next run finds. It stays behind
        ``account`` while something that happened outside the platform blocks, and in runs that only look.
    service
        The service that claimed the run.
    started_at, planned_at
        When it was claimed, and when its plan was committed (aware UTC).
    reasoning
        None when it ended before it decided.
    todo
        What an operator has to do now, each a sentence or a command; empty when nothing.
    known
        Whether the platform has traded the account, or an operator accepted it as it was found.
    unsettled
        What the sales of its session left to settle, and the units that cannot be told from bought with it.
    undecided
        Profile and mode -> the first session that it was asked for on this account and could not decide; see
        `undecided_key`.
    contacted
        Client libraries and logins with which the account was met, as `Client.met`: by a contact, or by trading live.
        None where nobody has asked yet, as in reports of earlier versions.
    """

    run_id: str
    key: RunKey
    profile: str
    display_name: str
    input_mode: str
    outcome: Outcome
    reasons: tuple[str, ...]
    as_of: date
    action: Action | None
    decision_digest: str | None
    plan: OrderPlan | None
    base: Decimal | None
    orders: tuple[OrderOutcome, ...]
    account: AccountState | None
    finished_at: datetime
    executes: date | None = None
    behind: tuple[date, ...] = ()
    findings: tuple[Finding, ...] = ()
    bought_by: Mapping[str, str] = field(default_factory=dict[str, str])
    noted: AccountState | None = None
    service: str = ""
    started_at: datetime | None = None
    planned_at: datetime | None = None
    reasoning: Reasoning | None = None
    todo: tuple[str, ...] = ()
    known: bool = True
    unsettled: Unsettled | None = None
    undecided: Mapping[str, date] = field(default_factory=dict[str, date])
    contacted: tuple[str, ...] | None = None


def undecided_key(profile: str, mode: Mode) -> str:
    """Return what a profile in a mode is called in `RunReport.undecided`."""
    return f"{profile} {mode.value}"
