"""What an account did otherwise than a back-test, kind by kind, so that a back-test can be played with one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal

from quant_platform_kit.domain.carry import carried_intent
from quant_platform_kit.domain.cycle import Decided
from quant_platform_kit.domain.orders import Fill, Side
from quant_platform_kit.domain.planning import ExecutionRules
from quant_platform_kit.domain.portfolio import PortfolioSnapshot, Quote
from quant_platform_kit.domain.runs import RecordedDecision
from quant_platform_kit.domain.shortfall import Part
from quant_platform_kit.domain.strategy import AllocationIntent, TargetMode

__all__ = ["NONE", "Deviations", "OutsideChange", "Prices"]

ZERO, ONE = Decimal(0), Decimal(1)
_SAME_WEIGHT, _SAME_VALUE = Decimal("1e-6"), Decimal("0.02")
"""Targets that differ by less are the same: values are rounded to cents, and scaled after that."""

Prices = Mapping[date, Mapping[str, Decimal]]
"""session traded in -> symbol -> a number."""


@dataclass(frozen=True, slots=True)
class OutsideChange:
    """What happened to an account without the platform: cash in its currency, and units by symbol, with their signs."""

    cash: Decimal
    units: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Deviations:
    """What differs from a back-test; a field that is empty or None differs in nothing.

    Attributes
    ----------
    decisions
        By the session decided on.
    quotes
        What was decided and sized at, in the instrument's currency.
    slippage
        What fills cost more than the quote they were planned at, as a share of it; negative when less.
    commission
        Commission / traded notional.
    rules
        How orders were sized: their step, threshold, minimum and buffer.
    executed
        Share of each order that was filled, 1 for a symbol that is not there; nothing was executed in a session that
        is not there. None where all was executed at once.
    changes
        By the session in which they were found.
    """

    decisions: Mapping[date, RecordedDecision] = field(default_factory=dict[date, RecordedDecision])
    quotes: Prices = field(default_factory=dict[date, Mapping[str, Decimal]])
    slippage: Prices = field(default_factory=dict[date, Mapping[str, Decimal]])
    commission: Prices = field(default_factory=dict[date, Mapping[str, Decimal]])
    rules: ExecutionRules | None = None
    executed: Prices | None = None
    changes: Mapping[date, OutsideChange] = field(default_factory=dict[date, OutsideChange])

    def only(self, *parts: Part) -> Deviations:
        """Return some kinds of them."""
        return replace(NONE, **{_FIELDS[part]: getattr(self, _FIELDS[part]) for part in parts})

    @property
    def any(self) -> bool:
        """Whether there may be a difference."""
        return any(getattr(self, one.name) != getattr(NONE, one.name) for one in fields(self))

    def decided(self, own: Decided) -> Decided:
        """Return what the account decided in place of a back-test's decision, unless that is the same."""
        live = self.decisions.get(own.decision.as_of)
        if live is None or own.portfolio is None:
            return own
        intent = live.decision.intent
        if intent is not None:
            intent = carried_intent(intent, live.holdings, live.base, own.portfolio, {})
        same = live.decision.action is own.decision.action and _same(intent, own.decision.intent, own.portfolio)
        return own if same else replace(own, decision=replace(live.decision, intent=intent), digest=live.digest)

    def quoted(self, session: date, quotes: dict[str, Quote]) -> dict[str, Quote]:
        """Return the quotes of a session as the account saw them, where it saw any."""
        seen = self.quotes.get(session)
        if not seen:
            return quotes
        return {s: replace(quote, price=seen.get(s, quote.price)) for s, quote in quotes.items()}

    def filled(self, session: date, fill: Fill, quote: Decimal, rules: ExecutionRules) -> Fill:
        """Return a fill at the account's slippage and commission of a session, where it traded the symbol."""
        slippage = self.slippage.get(session, {}).get(fill.symbol)
        dearer = None if slippage is None else (slippage if fill.side is Side.BUY else -slippage)
        price = fill.price if dearer is None else quote + quote * dearer
        rate = self.commission.get(session, {}).get(fill.symbol)
        commission = rules.commission(fill.quantity, price) if rate is None else fill.quantity * price * rate
        return replace(fill, price=price, commission=commission)

    def executes(self, session: date) -> bool:
        """Whether anything was executed in a session."""
        return self.executed is None or session in self.executed

    def share(self, session: date, symbol: str) -> Decimal:
        """Return the share of an order that was filled in a session."""
        return ONE if self.executed is None else self.executed[session].get(symbol, ONE)

    def sized(self, rules: ExecutionRules) -> ExecutionRules:
        """Return rules with the account's way of sizing."""
        return rules if self.rules is None else self.rules.at_costs_of(rules)


NONE = Deviations()
"""Nothing differs."""

_FIELDS = {
    Part.DECISION: "decisions",
    Part.DELAY: "quotes",
    Part.SPREAD: "slippage",
    Part.COMMISSION: "commission",
    Part.LOTS: "rules",
    Part.CARRY: "executed",
    Part.OUTSIDE: "changes",
}


def _same(live: AllocationIntent | None, own: AllocationIntent | None, portfolio: PortfolioSnapshot) -> bool:
    """Whether two intents ask for the same, but for rounding."""
    if live is None or own is None:
        return live is own
    most = _SAME_WEIGHT
    if own.target_mode is TargetMode.VALUE:
        most = max(_SAME_VALUE, _SAME_WEIGHT * abs(portfolio.base))
    symbols = {*live.targets, *own.targets}
    apart = max((abs(live.targets.get(s, ZERO) - own.targets.get(s, ZERO)) for s in symbols), default=ZERO)
    return live.buy_only == own.buy_only and apart <= most
