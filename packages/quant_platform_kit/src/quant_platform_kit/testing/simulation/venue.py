"""The simulated venue: a book of its own, which believes nobody, and a log of everything that it was sent.

It refuses little: where it lends, it fills short sales and what nobody can pay, so that invariants and not the venue
keep the platform from it.
"""

from __future__ import annotations

from copy import copy
from decimal import Decimal

from quant_platform_kit.domain.errors import BrokerError, Superseded
from quant_platform_kit.domain.orders import Fill, Order, OrderState, Side
from quant_platform_kit.testing.simulation.loop import instant
from quant_platform_kit.testing.simulation.parts import Process, Surroundings
from quant_platform_kit.testing.simulation.scenario import Behaviour, FaultKind, Habit
from quant_platform_kit.testing.simulation.venue_order import VenueOrder

__all__ = ["Venue"]

SECOND = 1_000_000
ZERO, HALF = Decimal(0), Decimal("0.5")
SLIPPAGE, COMMISSION = Decimal("0.0002"), Decimal("0.0001")
LATEST_FILL = 240 * SECOND


class Venue:
    """One account at a venue.

    Attributes
    ----------
    orders
        Every order that arrived, accepted or not, in the order of arrival.
    units
        Held now, by symbol.
    """

    def __init__(self, world: Surroundings, cash: Decimal) -> None:
        self._world = world
        self.cash = cash
        self.units: dict[str, Decimal] = {}
        self.orders: list[VenueOrder] = []
        self.open = False
        self.newest_login = 0
        self._logins = 0

    # --- what an adapter asks --------------------------------------------------------------------

    def login(self) -> int:
        """Return a new connection."""
        self._logins += 1
        if self._world.traits.connections:
            self.newest_login = self._logins
        return self._logins

    def require(self, connection: int) -> None:
        """Refuse what comes over a connection that a newer login cut off."""
        if not connection:
            raise BrokerError("not logged in")
        if self._is_cut(connection):
            raise Superseded("a newer login took the account")

    def _is_cut(self, connection: int) -> bool:
        return self._world.traits.connections and connection != self.newest_login

    def take(self, actor: Process, order: Order) -> VenueOrder | None:
        """Take an order; None while nobody can see it."""
        self.require(actor.connection)
        fault, world = actor.twist, self._world
        sent, tick, connection = world.loop.now, world.judge.tick, actor.connection
        if fault is None or fault.kind is not FaultKind.LATE:
            return self._arrive(actor, order, sent, tick)
        travels = int(fault.amount * world.timeout)

        def arrive() -> None:
            if self._is_cut(connection):
                world.trace(f"venue drops {order.client_order_id}: its connection was cut")
                return
            self._arrive(actor, order, sent, tick, unseen=int(fault.unseen * world.window))

        world.loop.at(sent + travels, arrive)
        return None

    def _arrive(self, actor: Process, order: Order, sent: int, tick: int, unseen: int = 0) -> VenueOrder | None:
        world = self._world
        remembered = self._remembered(sent)
        for known in self.orders:
            if known.asked.client_order_id == order.client_order_id and known.sent_at > remembered:
                world.trace(f"venue knows {order.client_order_id}")
                return known if known.state is not None else None
        world.judge.received(actor, order, tick)
        taken = self._new(order, sent, foreign=False)
        if unseen:
            world.loop.at(world.loop.now + unseen, lambda: self._accept(taken))
            return None
        self._accept(taken)
        if taken.behaviour.habit is Habit.VANISH and world.traits.vanishes and not taken.ended:
            world.causes.add("send")
            shown = copy(taken)
            taken.state, taken.lost = None, True
            return shown
        return taken

    def _remembered(self, sent: int) -> int:
        """Return since when ids are recognised that are sent again at an instant."""
        return sent - self._world.recognises

    def visible(self) -> list[VenueOrder]:
        """Return the orders that can be seen."""
        return [order for order in self.orders if order.state is not None]

    def cancel(self, order: VenueOrder) -> None:
        """Cancel an order, unless it has ended; one that races its cancel is filled first."""
        if order.ended:
            return
        if order.behaviour.habit is Habit.RACE:
            self._fill(order, order.asked.quantity - order.filled)
        if not order.ended:
            self._end(order, OrderState.CANCELLED)

    # --- what happens to the account -------------------------------------------------------------

    def trade_by_hand(self, symbol: str, quantity: Decimal) -> None:
        """Let the account's owner trade: units, negative for a sale, as far as they are held."""
        if not self.open:
            return
        price = self._world.price(symbol)
        quantity = max(quantity, -self._free(symbol))
        if quantity > 0 and quantity * price > self.cash * HALF:
            return
        self._book(symbol, quantity, price)
        self._world.trace(f"venue: {quantity} {symbol} by hand")

    def place_by_hand(self, symbol: str) -> None:
        """Let the account's owner place an order that works on."""
        order = Order(f"hand-{len(self.orders)}", symbol, Side.BUY, Decimal(1), Decimal("0.01"))
        placed = self._new(order, self._world.loop.now, foreign=True, behaviour=Behaviour(Habit.HOLD))
        placed.state = OrderState.ACKNOWLEDGED
        self._world.trace(f"venue: {order.client_order_id} by hand")

    def cancel_by_hand(self) -> None:
        """Let the account's owner cancel what was placed by hand."""
        for order in self.working(foreign=True):
            self._end(order, OrderState.CANCELLED)

    def settle_by_hand(self, client_order_id: str) -> Decimal:
        """Let an operator end an order at the venue; return what was filled under its id."""
        for order in self.orders:
            if order.asked.client_order_id == client_order_id and order.state is not None and not order.ended:
                self._end(order, OrderState.CANCELLED)
        return self.filled(client_order_id)

    def split(self, symbol: str) -> None:
        """Double the units of a symbol."""
        if symbol in self.units:
            self.units[symbol] *= 2

    def liquidate(self) -> None:
        """Sell everything, as a broker does."""
        for symbol in sorted(self.units):
            self._book(symbol, -self.units[symbol], self._world.price(symbol))

    def end_session(self) -> None:
        """Close: orders of the day expire."""
        self.open = False
        for order in self.orders:
            if order.state is not None and not order.ended and not order.foreign:
                self._end(order, OrderState.EXPIRED)

    def working(self, *, foreign: bool) -> list[VenueOrder]:
        """Return the orders that may still be filled, those that are not accepted yet included."""
        return [order for order in self.orders if not order.ended and order.foreign is foreign]

    def filled(self, client_order_id: str) -> Decimal:
        """Return the units filled under an id, in however many orders."""
        return sum((o.filled for o in self.orders if o.asked.client_order_id == client_order_id), ZERO)

    # --- the book --------------------------------------------------------------------------------

    def _new(self, order: Order, sent: int, *, foreign: bool, behaviour: Behaviour | None = None) -> VenueOrder:
        behaviours = self._world.scenario.behaviours
        count = sum(not known.foreign for known in self.orders)
        habit = behaviour or (behaviours[count] if count < len(behaviours) else Behaviour())
        taken = VenueOrder(1001 + len(self.orders), order, foreign, sent, habit)
        self.orders.append(taken)
        return taken

    def _accept(self, order: VenueOrder) -> None:
        habit, loop = order.behaviour.habit, self._world.loop
        self._world.trace(f"venue accepts {order.number} {order.asked.client_order_id} {order.asked.quantity}")
        if reason := self._refusal(order):
            order.text = reason
            self._end(order, OrderState.REJECTED)
            return
        order.state = OrderState.ACKNOWLEDGED
        later = loop.now + 1 + int(order.behaviour.amount * LATEST_FILL)
        quantity = order.asked.quantity
        part = (quantity * HALF).to_integral_value(rounding="ROUND_DOWN")
        if habit is Habit.FILL or (habit is Habit.VANISH and not self._world.traits.vanishes):
            self._fill(order, quantity)
        elif habit is Habit.FILL_LATE:
            loop.at(later, lambda: self._fill(order, quantity))
        elif habit in (Habit.PART, Habit.HOLD_PART, Habit.END_PART):
            self._fill(order, part)
            if habit is Habit.PART:
                loop.at(later, lambda: self._fill(order, quantity - order.filled))
            elif habit is Habit.END_PART and not order.ended:
                self._end(order, OrderState.CANCELLED)

    def _refusal(self, order: VenueOrder) -> str:
        if not self.open:
            return "the session is over"
        if order.behaviour.habit is Habit.REJECT:
            return "not today"
        if self._world.scenario.lends:
            return ""
        asked = order.asked
        if asked.side is Side.SELL:
            return "" if asked.quantity <= self._free(asked.symbol, order) else "short sales are not allowed"
        cost = asked.quantity * self._world.price(asked.symbol) * (1 + SLIPPAGE + 2 * COMMISSION)
        reserved = sum(
            (
                (other.asked.quantity - other.filled) * self._world.price(other.asked.symbol)
                for other in self.working(foreign=False)
                if other is not order and other.state is not None and other.asked.side is Side.BUY
            ),
            ZERO,
        )
        return "" if cost <= self.cash - reserved else "it cannot be paid"

    def _free(self, symbol: str, but: VenueOrder | None = None) -> Decimal:
        """Return the units that no working sale may still take."""
        selling = sum(
            (
                order.asked.quantity - order.filled
                for order in self.working(foreign=False)
                if order is not but and order.state is not None
                if order.asked.symbol == symbol and order.asked.side is Side.SELL
            ),
            ZERO,
        )
        return max(ZERO, self.units.get(symbol, ZERO) - selling)

    def _fill(self, order: VenueOrder, quantity: Decimal) -> None:
        if order.ended or not self.open:
            return
        asked = order.asked
        price = self._world.price(asked.symbol)
        if not self._world.scenario.lends and asked.side is Side.BUY:
            affordable = self.cash / (price * (1 + SLIPPAGE + 2 * COMMISSION))
            quantity = min(quantity, affordable.to_integral_value(rounding="ROUND_DOWN"))
        if quantity <= 0:
            return
        signed = quantity if asked.side is Side.BUY else -quantity
        price, paid = self._book(asked.symbol, signed, price)
        at = instant(self._world.loop.now)
        identity = f"x{order.number}-{len(order.fills) + 1}"
        order.fills.append(Fill(asked.client_order_id, asked.symbol, asked.side, quantity, price, paid, at, identity))
        whole = order.filled == asked.quantity
        order.state = OrderState.FILLED if whole else OrderState.PARTIALLY_FILLED
        self._world.trace(f"venue fills {order.number} {quantity} at {price}")
        self._world.judge.filled(order)

    def _end(self, order: VenueOrder, state: OrderState) -> None:
        order.state = state
        self._world.trace(f"venue: {order.number} {state.value}")

    def _book(self, symbol: str, signed: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
        """Move units and cash; return price and commission."""
        price += price * SLIPPAGE if signed > 0 else -price * SLIPPAGE
        commission = abs(signed) * price * COMMISSION
        self.cash -= signed * price + commission
        held = self.units.get(symbol, ZERO) + signed
        if held:
            self.units[symbol] = held
        else:
            self.units.pop(symbol, None)
        return price, commission
