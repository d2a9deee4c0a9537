"""What is recorded of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.orders import OrderState, Side
from quant_platform_kit.domain.planning import OrderPlan
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.strategy import Action, StrategyDecision

__all__ = ["OrderOutcome", "Outcome", "RunClaim", "RunPlan", "RunReport"]


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
    """Who a run belongs to: written once, before anything else happens.

    Attributes
    ----------
    as_of
        The completed session decided on (exchange-local date).
    """

    key: RunKey
    profile: str
    config: Mapping[str, object]
    as_of: date


@dataclass(frozen=True, slots=True)
class RunPlan:
    """All that a run will do, committed in one write before the first order is sent.

    Attributes
    ----------
    plan
        None for a HOLD, a BLOCKED decision, and a REBALANCE that ``blocked`` says why not to execute.
    base
        What weights refer to, in the portfolio's currency; None when the account could not be valued.
    account
        Cash and positions the plan was made for.
    quotes
        Price per symbol the plan was made at.
    """

    decision: StrategyDecision
    digest: str
    plan: OrderPlan | None
    blocked: tuple[str, ...]
    base: Decimal | None
    account: AccountState
    quotes: Mapping[str, Decimal]
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """An order and where it ended.

    Attributes
    ----------
    average_price
        Of its fills, None without any; ``commission`` is their sum.
    text
        The broker's own words.
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


@dataclass(frozen=True, slots=True)
class RunReport:
    """What happened in a run, for people and machines; written once, the same on every retry.

    Attributes
    ----------
    reasons
        Why the strategy decided so, then why the run was blocked or incomplete.
    account
        Cash and positions after the run, as the broker reports them.
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
    account: AccountState
    finished_at: datetime
