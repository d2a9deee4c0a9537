"""The orders of a session, and what they come to: what is held, at which price, and what it won."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.runs import OrderRecord

from trading_playbook.live.events import Planned, Role

__all__ = ["CENT", "WORKING", "Orders", "Placed", "rounded_down"]

ZERO, CENT = Decimal(0), Decimal("0.01")
Filled = tuple[Decimal, Decimal | None]
WORKING = frozenset({OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED})


@dataclass(slots=True)
class Placed:
    """An order of the session, and where it stands."""

    role: Role
    planned_at: datetime
    record: OrderRecord

    @property
    def order(self) -> Order:
        """The order."""
        return self.record.order

    @property
    def is_open(self) -> bool:
        """Whether something may still happen to it."""
        return not self.record.state.terminal

    @property
    def works(self) -> bool:
        """Whether the broker said that it has it, and it may still trade."""
        return self.record.state in WORKING

    @property
    def sent_last(self) -> datetime | None:
        """When it was sent the last time, aware UTC."""
        sent = (step.at for step in reversed(self.record.transitions) if step.state is OrderState.SENT)
        return next(sent, None)

    @property
    def changed_at(self) -> datetime:
        """When its last step was recorded, aware UTC."""
        return self.record.transitions[-1].at if self.record.transitions else self.planned_at

    @property
    def first_filled(self) -> datetime | None:
        """When its first fill was learned of, aware UTC."""
        steps = (step.at for step in self.record.transitions if step.execution and step.execution.fills)
        return next(steps, None)

    @property
    def text(self) -> str:
        """The last words about it, its broker's or ours."""
        return self.record.outcome.text


class Orders:
    """Every order of a session, in the sequence in which they were planned.

    Attributes
    ----------
    bought, sold
        Units, and their average price; None where there are none.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, Placed] = {}
        self.bought: Filled = (ZERO, None)
        self.sold: Filled = (ZERO, None)

    def __len__(self) -> int:
        """Count them."""
        return len(self.by_id)

    def plan(self, planned: Planned) -> None:
        """Take in a planned order."""
        placed = Placed(planned.role, planned.at, OrderRecord(planned.order))
        self.by_id.setdefault(planned.order.client_order_id, placed)

    def of(self, role: Role) -> list[Placed]:
        """Return those of a role."""
        return [each for each in self.by_id.values() if each.role is role]

    def open_of(self, role: Role) -> Placed | None:
        """Return the order of a role to which something may still happen."""
        return next((each for each in self.of(role) if each.is_open), None)

    @property
    def entry(self) -> Placed | None:
        """The entry, once it is planned."""
        return next(iter(self.of(Role.ENTRY)), None)

    @property
    def all_open(self) -> list[Placed]:
        """Those to which something may still happen."""
        return [each for each in self.by_id.values() if each.is_open]

    def progress(self, record: OrderRecord) -> None:
        """Take in where an order stands."""
        self.by_id[record.order.client_order_id].record = record
        self.bought, self.sold = (_filled(each for each in self.by_id.values() if each.order.side is s) for s in Side)

    @property
    def held(self) -> Decimal:
        """Units bought and not sold, by the fills that the broker reported."""
        return self.bought[0] - self.sold[0]

    def r_multiple(self, risk: Decimal) -> Decimal | None:
        """Return what was won so far, in units of a risk per unit; None without a sale."""
        (_, paid), (units, got) = self.bought, self.sold
        return None if paid is None or got is None or not units or risk <= 0 else (got - paid) / risk


def rounded_down(price: Decimal) -> Decimal:
    """Return a price rounded down to the cent."""
    return price.quantize(CENT, ROUND_FLOOR)


def _filled(placed: Iterable[Placed]) -> Filled:
    reports = (each.record.execution for each in placed)
    fills = [(fill.quantity, fill.price) for report in reports if report for fill in report.fills]
    units = sum((quantity for quantity, _ in fills), ZERO)
    paid = sum((quantity * price for quantity, price in fills), ZERO)
    return units, paid / units if units else None
