"""The machine of a live session: recorded events in, the next thing to do out; no clock, file or network.

Whatever a crash left behind, the answer is the same: `LiveSession.next` looks at what is recorded, and protects first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import OrderRecord

from trading_playbook.dp20.outcome import Decision, Step
from trading_playbook.live.breakers import Breakers
from trading_playbook.live.events import BarSeen, Decided, Event, Happening, Noted, Planned, Role, SlotEnded, Terms, Way
from trading_playbook.live.orders import Orders, Placed, rounded_down
from trading_playbook.live.slots import Slots
from trading_playbook.live.todo import Ask, Cancel, Declare, Drop, EndSlot, Enter, Note, Plan, Send, Todo

__all__ = ["FRESH", "LiveSession"]

GRACE = timedelta(seconds=5)
"""How long after its end a slot waits for its bars."""
FRESH = timedelta(seconds=30)
"""How old a signal may be that is entered, from the confirmation's end."""
PARTLY = timedelta(seconds=5)
"""How long an entry that is filled in part may work on."""
PLACED = timedelta(seconds=10)
"""How long a stop may take until the broker has it."""
STALE = timedelta(minutes=3)
"""Without a bar for so long nothing is entered."""
ALERT = timedelta(minutes=3)
"""Not flat for so long after leaving: somebody is told, and again after as long."""
SETTLED = timedelta(minutes=1)
"""After the close, when a session that is flat is over."""
PACE = {Role.ENTRY: timedelta(seconds=1), Role.STOP: timedelta(seconds=5), Role.EXIT: timedelta(seconds=1)}
"""How often an order is asked for that the broker has."""
HURRY = timedelta(seconds=1)
"""How often one is asked for that was not answered, or that is being cancelled."""
AGAIN = timedelta(seconds=5)
"""How long after a refused exit the next one is planned."""
_ENTRY = "entry"
"""What the account is asked for before the entry, beside the ids of orders."""


class LiveSession:
    """One session, from its terms and the events so far.

    Parameters
    ----------
    started
        When this worker began, aware UTC: what a crash took of the time to place a stop does not count.
    window
        How long an order may take to appear at the broker.

    Attributes
    ----------
    started
        As given.
    declared
        The decisions that are recorded; `Slots.decisions` has those that follow from the bars.
    leaving
        Why the trade is being left, and since when; None while it is not.
    signal
        When the confirmation ended, aware UTC; None without one.
    noted
        The last note of each kind.
    """

    def __init__(self, terms: Terms, started: datetime, window: timedelta) -> None:
        self.terms, self.numbers = terms, terms.numbers
        self._leaves, self._closed = terms.leaves, terms.closes + SETTLED
        self.slots = Slots(terms.facts, self.numbers, terms.bar_minutes)
        self.orders = Orders()
        self.breakers = Breakers(terms)
        self.declared: list[Decision] = []
        self.noted: dict[Happening, Noted] = {}
        self.leaving: Noted | None = None
        self.signal: datetime | None = None
        self.started, self._window = started, window
        self._asked: dict[str, datetime] = {}
        self._cancelled: dict[str, datetime] = {}
        self._absent: set[str] = set()

    # --- what happened ---------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        """Take in a recorded event."""
        match event:
            case BarSeen():
                if event.way is not Way.UPDATED:
                    self.slots.take(event.bar)
            case SlotEnded():
                self.slots.end(event.minute)
            case Decided():
                self._declare(event.decision)
            case Planned():
                self.orders.plan(event)
            case Noted():
                self._note(event)
        self.breakers.take(event)

    def progress(self, record: OrderRecord) -> None:
        """Take in where an order stands."""
        self.orders.progress(record)

    def asked(self, order_id: str, at: datetime, *, found: bool) -> None:
        """Remember that the broker was asked for an order, or answered about it, and whether it knows it."""
        self._asked[order_id] = at
        (self._absent.discard if found else self._absent.add)(order_id)

    def hint(self, order_id: str) -> None:
        """Learn that something happened to an order: it is asked for at once."""
        self._asked.pop(order_id, None)

    def cancelled(self, order_id: str, at: datetime) -> None:
        """Remember that the broker was asked to cancel an order."""
        self._cancelled[order_id] = at

    def tried_to_enter(self, at: datetime) -> None:
        """Remember that the account was looked at for the entry."""
        self._asked[_ENTRY] = at

    def _declare(self, decision: Decision) -> None:
        self.declared.append(decision)
        if decision.step is Step.CONFIRMED:
            self.signal = self.terms.at(decision.minute + self.numbers.bar_minutes)

    def _note(self, event: Noted) -> None:
        self.noted[event.what] = event
        if event.what is Happening.LEAVING and self.leaving is None:
            self.leaving = event

    # --- what is -----------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return Happening.CLOSED in self.noted

    @property
    def risk(self) -> Decimal:
        """Distance of the stop from the entry per unit, in the symbol's currency."""
        return Decimal(repr(self.slots.dp20.search.risk))

    @property
    def level(self) -> Decimal | None:
        """The stop's price: the average fill less the risk, rounded down to the cent; None before a fill."""
        paid = self.orders.bought[1]
        return None if paid is None else rounded_down(paid - self.risk)

    @property
    def r_multiple(self) -> Decimal | None:
        """What the trade won so far; None before a sale."""
        paid, level = self.orders.bought[1], self.level
        return None if paid is None or level is None else self.orders.r_multiple(paid - level)

    @property
    def may_enter_until(self) -> datetime | None:
        """Until when the entry may be sent."""
        return None if self.signal is None else self.signal + FRESH

    # --- what to do --------------------------------------------------------------------------------

    def next(self, now: datetime) -> Todo | None:
        """Return the next thing to do; None if there is nothing before `wakes`."""
        questions = (self._declaration, self._slot, self._entry, self._watch, self._end)
        return self.protecting(now) or next((todo for ask in questions if (todo := ask(now)) is not None), None)

    def protecting(self, now: datetime) -> Todo | None:
        """Return the next thing that orders ask for, by which what is held is protected or sold."""
        questions = (self._unsettled, self._way_out, self._protection)
        return next((todo for ask in questions if (todo := ask(now)) is not None), None)

    def wakes(self, now: datetime) -> datetime:
        """Return when `next` may have something new to say, if nothing happens before."""
        at = [self.terms.at(self.slots.ends) + GRACE, self._leaves, self._closed, now + ALERT]
        at += [self._asked.get(each.order.client_order_id, now) + self._pace(each) for each in self.orders.all_open]
        if self.may_enter_until is not None:
            at.append(self.may_enter_until)
        if self.leaving is not None and self.orders.held > 0:
            at.append(now + HURRY)
        return min((each for each in at if each > now), default=now + HURRY)

    def _unsettled(self, now: datetime) -> Todo | None:
        """Ask for what was not answered, and for what works, each in its turn; send what is recorded."""
        for placed in self.orders.all_open:
            identity = placed.order.client_order_id
            if placed.record.state is OrderState.RECORDED:
                why = self._unwanted(placed, now)
                return Drop(identity, why) if why else Send(identity)
            if self._due(self._asked.get(identity), now, self._pace(placed)):
                return Ask(identity)
            if not placed.works and identity in self._absent and (todo := self._lost(placed, now)):
                return todo
        return None

    def _lost(self, placed: Placed, now: datetime) -> Todo | None:
        """Return what becomes of an order that was sent and that the broker does not know."""
        assert placed.sent_last is not None, "an order that was never sent is not asked for"
        identity = placed.order.client_order_id
        if not self._unwanted(placed, now):
            return Send(identity) if now >= placed.sent_last + HURRY else None
        late = now >= placed.sent_last + self._window
        return Drop(identity, "the broker never got it, and it is too late to send it") if late else None

    def _unwanted(self, placed: Placed, now: datetime) -> str:
        """Return why an order is not to be sent any more; empty if it is.

        A stop that was sent is sent again also when the trade is left: only an answer tells that it does not work.
        """
        quantity, held = placed.order.quantity, self.orders.held
        if placed.role is Role.ENTRY:
            assert self.may_enter_until is not None, "an entry has a signal"
            over = self.leaving is not None or now > self.may_enter_until
            return f"its signal is older than {FRESH.seconds} s" if over else ""
        if quantity > held:
            return f"it sells {quantity}, and {held} are held"
        if placed.role is Role.STOP and self.leaving is not None and placed.sent_last is None:
            return self.leaving.text
        return ""

    def _way_out(self, now: datetime) -> Todo | None:
        """Leave: cancel what works, wait until it is over, sell what is held then."""
        entry, held = self.orders.entry, self.orders.held
        if entry is None or (held <= 0 and not entry.is_open):
            return None
        if self.leaving is None:
            return Note(Happening.LEAVING, f"it is {self._local(self._leaves)}") if now >= self._leaves else None
        for placed in self.orders.all_open:
            if placed.role is not Role.EXIT:
                return self._cancel(placed, now) if placed.works else None
        if self.orders.open_of(Role.EXIT) is not None or held <= 0:
            return None
        refused = [each.changed_at for each in self.orders.of(Role.EXIT) if each.record.state is OrderState.REJECTED]
        return None if refused and now < max(refused) + AGAIN else Plan(Role.EXIT, held)

    def _protection(self, now: datetime) -> Todo | None:
        """See to it that what is held has a working stop."""
        entry = self.orders.entry
        if entry is None or self.leaving is not None:
            return None
        if entry.is_open:
            assert self.may_enter_until is not None, "an entry has a signal"
            until = self.may_enter_until if entry.first_filled is None else entry.first_filled + PARTLY
            return self._cancel(entry, now) if entry.works and now >= until else None
        if self.orders.held <= 0:
            return None
        stop = self.orders.open_of(Role.STOP)
        if stop is None:
            return self._new_stop(entry)
        if not stop.works and now >= max(stop.planned_at, self.started) + PLACED:
            return Note(Happening.LEAVING, f"the stop was not placed in {PLACED.seconds} s")
        return None

    def _new_stop(self, entry: Placed) -> Todo:
        level, held, newest = self.level, self.orders.held, self.slots.newest
        assert level is not None, "what is held was bought at a price"
        if refused := [each for each in self.orders.of(Role.STOP) if each.record.state is OrderState.REJECTED]:
            return Note(Happening.LEAVING, f"the stop was refused: {refused[-1].text}")
        ended = None if newest is None else self.terms.at(newest.minute + self.terms.bar_minutes)
        if level <= 0 or (newest and ended and ended > entry.changed_at and newest.close <= level):
            return Note(Happening.LEAVING, f"the price is through the stop at {level}")
        return Plan(Role.STOP, held, level)

    def _declaration(self, now: datetime) -> Todo | None:
        decisions = self.slots.decisions
        return Declare(decisions[len(self.declared)]) if len(decisions) > len(self.declared) else None

    def _slot(self, now: datetime) -> Todo | None:
        """End the slots whose time is up."""
        elapsed = int((now - GRACE - self.terms.opens) / timedelta(minutes=1))
        minute = min(elapsed, self.terms.minutes)
        ended = minute - minute % self.numbers.bar_minutes
        return EndSlot(ended) if ended >= self.slots.ends else None

    def _entry(self, now: datetime) -> Todo | None:
        until, settled = self.may_enter_until, self.noted.keys() & {Happening.MISSED, Happening.REFUSED}
        if until is None or self.signal is None or self.orders.entry is not None or settled:
            return None
        if now > until:
            late = (now - self.signal).total_seconds()
            return Note(Happening.MISSED, f"confirmed {late:.0f} s ago, and {FRESH.seconds} s is the most")
        if (idle := self._idle(now)) > STALE:
            return Note(Happening.MISSED, f"no bar for {idle.total_seconds():.0f} s, and {STALE.seconds} s is the most")
        if objection := self.noted.get(Happening.FINDING) or self.noted.get(Happening.BREAKER):
            return Note(Happening.REFUSED, objection.text)
        return Enter(until) if self._due(self._asked.get(_ENTRY), now, HURRY) else None

    def _watch(self, now: datetime) -> Todo | None:
        """Look after bars, breakers and what is still open."""
        if Happening.CLOSED in self.noted:
            return None
        if self.leaving is not None and (self.orders.held > 0 or self.orders.all_open):
            told = self.noted.get(Happening.NOT_FLAT)
            if self._due((told or self.leaving).at, now, ALERT):
                return Note(Happening.NOT_FLAT, f"{self.orders.held} {self.terms.symbol} are held: {self.leaving.text}")
        if self.terms.opens <= now < self.terms.closes and (idle := self._idle(now)) > STALE:
            told = self.noted.get(Happening.STALE)
            if told is None or self.breakers.last_bar is None or told.at < self.breakers.last_bar:
                return Note(Happening.STALE, f"no bar for {idle.total_seconds():.0f} s")
        if tripped := self.breakers.tripped(now, self._idle(now), self.r_multiple):
            return Note(Happening.BREAKER, tripped)
        return None

    def _end(self, now: datetime) -> Todo | None:
        """Say that the trade is over, and after the close that the session is."""
        over = self.orders.held <= 0 and not self.orders.all_open
        if over and self.orders.bought[0] and Happening.FLAT not in self.noted:
            won = self.r_multiple
            return Note(Happening.FLAT, "" if won is None else f"{won:.3f} R")
        closes = now >= self._closed and self.slots.ends > self.terms.minutes
        return Note(Happening.CLOSED, "") if over and closes and not self.is_over else None

    def _cancel(self, placed: Placed, now: datetime) -> Todo | None:
        identity = placed.order.client_order_id
        return Cancel(identity) if self._due(self._cancelled.get(identity), now, HURRY * 2) else None

    def _pace(self, placed: Placed) -> timedelta:
        unsure = not placed.works or placed.order.client_order_id in self._cancelled
        return HURRY if unsure else PACE[placed.role]

    def _idle(self, now: datetime) -> timedelta:
        """Return how long ago the newest bar ended; from the open on where there is none."""
        newest = self.slots.newest
        ended = self.terms.opens if newest is None else self.terms.at(newest.minute + self.terms.bar_minutes)
        return now - ended

    @staticmethod
    def _due(last: datetime | None, now: datetime, pace: timedelta) -> bool:
        return last is None or now >= last + pace

    def _local(self, at: datetime) -> str:
        minutes = int((at - self.terms.opens) / timedelta(minutes=1)) + 570
        return f"{minutes // 60}:{minutes % 60:02}"
