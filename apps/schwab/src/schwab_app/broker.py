"""One account at Schwab, as the kit's `Broker`.

Schwab knows no client order id. So what is about to be sent is in the store before it leaves, with the ids of the
orders that are there already; after silence the new orders that look the same are the candidates. One is ours; with
several, or none, nothing is ever sent again.

An answer names the order it made. That is not taken on trust: the first look-up finds the order among those that
Schwab lists, and only then is it recorded whose it is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import methodcaller
from typing import Any

from quant_platform_kit.adapters.blocking_client import Deadline
from quant_platform_kit.adapters.documents import mapping, mappings
from quant_platform_kit.adapters.pacing import Pacer
from quant_platform_kit.domain.errors import BrokerError, NeedsLogin, NeedsOperator, OrderRejected
from quant_platform_kit.domain.orders import (
    ExecutionReport,
    Order,
    OrderState,
    Side,
    check_whole_units,
    raise_if_rejected,
    refuse_used_id,
)
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.ports.clock import Clock

from schwab_app.beliefs import ACCOUNT, ORDER
from schwab_app.connection import Connection, NotSent, document_of, good, said
from schwab_app.intents import Fingerprint, Intent, Intents
from schwab_app.mapping import account_state, described, entered_at, fingerprint, order_id, order_state, report
from schwab_app.sdk import load_sdk

__all__ = ["Delays", "SchwabBroker"]

SNAPSHOT, WORKING = timedelta(days=1), timedelta(days=59)
"""How far back orders are looked at: Schwab shows 60 days."""
CANCEL_SECONDS, POLL_SECONDS = 5.0, 0.1
FRESH_SECONDS, SNAPSHOT_SECONDS = 0.25, 2.0
"""How old a list of orders may be that tells where one stands, and one that tells which were there before another.

No list tells of one order twice: who asks again wants to know what is new.
"""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delays:
    """How long an order may take to appear after it was sent, and how far Schwab's clock may be from this one."""

    visibility: timedelta
    skew: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Listing:
    """Orders as Schwab listed them, the newest first.

    Attributes
    ----------
    asked_at
        When (`time.monotonic`).
    told
        Client order ids of the orders it was looked at for.
    """

    asked_at: float
    documents: Sequence[Document]
    answered_for: set[str] = field(default_factory=set[str])

    @property
    def ids(self) -> tuple[int, ...]:
        """Their ids."""
        return tuple(order_id(document) for document in self.documents)

    def find(self, wanted: int) -> Document | None:
        """Return one of them."""
        return next((document for document in self.documents if order_id(document) == wanted), None)


class SchwabBroker:
    """An account behind a login."""

    def __init__(
        self, connection: Connection, account_id: str, intents: Intents, clock: Clock, pacer: Pacer, delays: Delays
    ) -> None:
        self._connection, self._account_id, self._intents = connection, account_id, intents
        self._clock, self._pacer, self._skew = clock, pacer, delays.skew
        self._last: Listing | None = None
        self._changed_at = 0.0
        self._named: dict[str, int] = {}
        timeout = timedelta(seconds=connection.timeout)
        self._traits = BrokerTraits(AfterSilence.BLOCK, delays.visibility, timeout, records_sends=True)

    @property
    def account_id(self) -> str:
        """The account's number."""
        return self._account_id

    @property
    def traits(self) -> BrokerTraits:
        """An order that is not found may be there all the same: nothing is sent again."""
        return self._traits

    def connect(self) -> None:
        """Begin a new session, and find the account.

        Raises
        ------
        BrokerError
            Schwab does not answer, or takes the login no more.
        Refused
            The account is not behind this login.
        """
        self._connection.connect()
        self._connection.hash_of(self._account_id)

    def account(self) -> AccountState:
        """Return cash and units, asked for now."""
        with self._connection.turn("the account") as deadline:
            account = self._connection.hash_of(self._account_id)

            def ask(client: Any) -> Any:
                return client.get_account(account, fields=client.Account.Fields.POSITIONS)

            response = good(self._connection.look(ask, "the account", deadline), "the account")
            document = mapping(document_of(response), "Schwab's answer")
            self._connection.told[self._account_id] = self._connection.seen.take(ACCOUNT.subject, document)
            return account_state(self._account_id, document)

    def submit(self, order: Order) -> ExecutionReport:
        """Send an order once; see `quant_platform_kit.ports.broker.Broker.submit`."""
        check_whole_units(order)
        with self._connection.turn("an order") as deadline:
            sent = self._sent_today(order, deadline)
            intent = sent or self._intend(order, deadline)
            if sent is not None or not self._intents.record(intent):  # if not, another process sends it at this moment
                return self._sent_before(order, deadline)
            identity, account = order.client_order_id, self._connection.hash_of(self._account_id)
            place = methodcaller("place_order", account, _specification(order))
            try:
                response = self._connection.send(place, f"order {identity}", deadline, authorized_anew=True)
            except (NotSent, NeedsLogin) as error:
                self._intents.refuse(identity, f"not sent: {error}")
                raise OrderRejected(f"not sent: {error}") from error
            finally:
                self._changed_at = time.monotonic()
            self._raise_if_refused(identity, response)
            return raise_if_rejected(self._acknowledged(intent, _named_id(response, account), deadline))

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return where an order stands; one that was never answered is looked for by all that tells it apart."""
        intent = self._intents.known(client_order_id)
        if intent is None:
            return None
        with self._connection.turn("an order") as deadline:
            return self._found(intent, deadline)

    def may_have_left(self, client_order_id: str) -> bool:
        """Whether the order is in the store, which it is before it leaves."""
        return self._intents.known(client_order_id) is not None

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Cancel a working order, and return where it stands; fills that came first count."""
        found = self.find(client_order_id)
        if found is None:
            raise BrokerError(f"order {client_order_id} is not known to Schwab")
        placed = self._intents.placed(client_order_id)
        if found.state.terminal or placed is None:
            return found
        account = self._connection.hash_of(self._account_id)
        with self._connection.turn("a cancel") as deadline:
            self._pacer.take()
            self._connection.look(lambda client: client.cancel_order(placed.order_id, account), "a cancel", deadline)
            self._changed_at = time.monotonic()
        end = time.monotonic() + min(CANCEL_SECONDS, self._connection.timeout / 2)
        while not (found := self.find(client_order_id) or found).state.terminal and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        return found

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return every working order of the account, whoever sent it."""
        with self._connection.turn("its orders") as deadline:
            listed = self._listed(WORKING, deadline)
        live = [document for document in listed if not order_state(document.get("status")).terminal]
        return tuple(self._told(document) for document in reversed(live))

    # --- sending ----------------------------------------------------------------------------------

    def _sent_today(self, order: Order, deadline: Deadline) -> Intent | None:
        """Return what was sent under an order's id today; refuse an order that could be taken for another."""
        sent, unfinished = self._intents.of_today(order, self._clock.now())
        if sent is None:
            with _nothing_left():
                self._refuse_alike(unfinished, deadline)
        return sent

    def _intend(self, order: Order, deadline: Deadline) -> Intent:
        """Return an order as it is about to be sent, with the ids of the orders that are there before it."""
        with _nothing_left():
            known = self._listed_since(time.monotonic() - SNAPSHOT_SECONDS, deadline).ids
        self._pacer.take()
        return Intent(order, self._clock.now(), known)

    def _sent_before(self, order: Order, deadline: Deadline) -> ExecutionReport:
        """Answer for an id that was used: what became of it, and never a second order."""
        intent = self._intents.known(order.client_order_id)
        assert intent is not None, "what was recorded can be read"
        refuse_used_id(intent.order, order)
        end = time.monotonic() + self._connection.timeout / 2
        while (found := self._found(intent, deadline)) is None and time.monotonic() < end:
            time.sleep(POLL_SECONDS)  # another process may be sending it
        if found is None:
            raise NeedsOperator(f"order {_sent(intent)} is not shown by Schwab, and is never sent again")
        return raise_if_rejected(found)

    def _refuse_alike(self, unfinished: Sequence[Intent], deadline: Deadline) -> None:
        """Refuse an order that could not be told apart from one that Schwab does not show, and may still show."""
        now = self._clock.now()
        others = [
            other.order.client_order_id
            for other in unfinished
            if now <= self._appears_until(other) + self._skew and self._found(other, deadline) is None
        ]
        if others:
            raise OrderRejected(
                f"not sent: order {', '.join(others)} of today looks the same, and what became of it is not known"
            )

    def _raise_if_refused(self, identity: str, response: Any) -> None:
        """Raise `OrderRejected` for an answer that nothing will be traded, `BrokerError` if it leaves that open."""
        if 400 <= response.status_code < 500 and response.status_code not in (408, 429):
            why = f"HTTP {response.status_code}{said(response)}"
            self._intents.refuse(identity, why)
            raise OrderRejected(why)
        if response.status_code not in (200, 201):
            raise BrokerError(f"Schwab answered order {identity} with HTTP {response.status_code}{said(response)}")

    def _acknowledged(self, intent: Intent, named: int | None, deadline: Deadline) -> ExecutionReport:
        """Take over the order that was made; one that the answer does not name is looked for at once."""
        order = intent.order
        if named is not None and named not in (*intent.known, *self._named.values()):
            self._named[order.client_order_id] = named
            return ExecutionReport(order, OrderState.ACKNOWLEDGED)
        found = self._found(intent, deadline)
        if found is None:
            raise BrokerError(f"Schwab took order {_sent(intent)}, and does not show it yet")
        return found

    # --- looking up -------------------------------------------------------------------------------

    def _found(self, intent: Intent, deadline: Deadline) -> ExecutionReport | None:
        order = intent.order
        placed = self._intents.placed(order.client_order_id)
        if placed is None:
            candidate = self._candidate(intent, deadline)
            if candidate is None:
                return None
            self._intents.adopt(order.client_order_id, order_id(candidate))
            return report(candidate, order)
        if not placed.order_id:
            return ExecutionReport(order, OrderState.REJECTED, (), placed.refused)
        shown = self._listing(order, deadline).find(placed.order_id)
        shown = shown or self._shown(placed.order_id, deadline)
        if shown is None:
            raise BrokerError(f"Schwab does not show its order {placed.order_id} any more")
        return report(shown, order)

    def _candidate(self, intent: Intent, deadline: Deadline) -> Document | None:
        """Return the one new order that looks like ours and is nobody else's.

        Raises
        ------
        NeedsOperator
            There are several: even if the answer named one, the others are orders that nobody meant to send.
        """
        back = self._clock.now() - intent.sent_at + self._skew
        recent = back < SNAPSHOT
        documents = self._listing(intent.order, deadline).documents if recent else self._listed(back, deadline)
        first, last = intent.sent_at - self._skew, self._appears_until(intent)
        alike = [each for each in documents if self._may_be(each, intent) and first <= entered_at(each) <= last]
        if len(alike) > 1:
            listed = "; ".join(described(document) for document in reversed(alike))
            raise NeedsOperator(f"order {_sent(intent)} may be any of these at Schwab: {listed}")
        return alike[0] if alike else self._named_by_answer(intent, deadline)

    def _named_by_answer(self, intent: Intent, deadline: Deadline) -> Document | None:
        """Return the order that Schwab's answer named, if it is there and can be the one that was sent."""
        named = self._named.get(intent.order.client_order_id)
        shown = None if named is None else self._shown(named, deadline)
        return shown if shown is not None and self._may_be(shown, intent) else None

    def _may_be(self, document: Document, intent: Intent) -> bool:
        """Whether an order at Schwab is new, looks like the one that was sent, and is nobody else's."""
        identity = order_id(document)
        return (
            identity not in intent.known
            and fingerprint(document) == Fingerprint.of(intent.order)
            and self._intents.owner(identity) in (None, intent.order.client_order_id)
        )

    def _appears_until(self, intent: Intent) -> datetime:
        """Return the latest time at which an order can have been entered."""
        return intent.sent_at + self._traits.visibility_window + self._traits.timeout + self._skew

    def _listing(self, order: Order, deadline: Deadline) -> Listing:
        """Return the account's orders of the last day, by a list that was asked for lately and not for this order."""
        since = max(self._changed_at, time.monotonic() - FRESH_SECONDS)
        if self._last is not None and order.client_order_id in self._last.answered_for:
            since = time.monotonic()
        listing = self._listed_since(since, deadline)
        listing.answered_for.add(order.client_order_id)
        return listing

    def _listed_since(self, since: float, deadline: Deadline) -> Listing:
        """Return the account's orders of the last day, by a list asked for since an instant (`time.monotonic`)."""
        if self._last is None or self._last.asked_at < since:
            asked_at = time.monotonic()
            self._last = Listing(asked_at, self._listed(SNAPSHOT, deadline))
        return self._last

    def _listed(self, back: timedelta, deadline: Deadline) -> Sequence[Document]:
        """Return the account's orders that were entered so long ago or later, the newest first."""
        account, now = self._connection.hash_of(self._account_id), self._clock.now().astimezone(UTC)
        since = max(now - max(back, self._skew), now - WORKING)

        def ask(client: Any) -> Any:
            return client.get_orders_for_account(
                account, from_entered_datetime=since, to_entered_datetime=now + SNAPSHOT
            )

        response = good(self._connection.look(ask, "its orders", deadline), "its orders")
        documents = mappings(document_of(response), "Schwab's list of orders")
        return self._connection.seen.take_all(ORDER.subject, documents)

    def _shown(self, order_id: int, deadline: Deadline) -> Document | None:
        account = self._connection.hash_of(self._account_id)
        response = self._connection.look(lambda client: client.get_order(order_id, account), "an order", deadline)
        if response.status_code == 404:
            return None
        document = mapping(document_of(good(response, "an order")), "Schwab's order")
        return self._connection.seen.take(ORDER.subject, document)

    def _told(self, document: Document) -> ExecutionReport:
        """Return a working order under its client order id, or under Schwab's if it is not ours."""
        identity = order_id(document)
        owner = self._intents.owner(identity)
        intent = None if owner is None else self._intents.known(owner)
        return report(document, None if intent is None else intent.order, f"schwab-{identity}")


@contextmanager
def _nothing_left() -> Generator[None]:
    """Raise an error as a rejection: nothing of the order was recorded, so nothing of it can have left or will."""
    try:
        yield
    except OrderRejected:
        raise
    except BrokerError as error:
        raise OrderRejected(f"not sent: {error}") from error


def _specification(order: Order) -> Any:
    """Return an order as the library writes it: for the day, in regular hours."""
    equities = load_sdk().orders.equities
    units = int(order.quantity)
    if order.limit_price is None:
        make = equities.equity_buy_market if order.side is Side.BUY else equities.equity_sell_market
        return make(order.symbol, units)
    make = equities.equity_buy_limit if order.side is Side.BUY else equities.equity_sell_limit
    return make(order.symbol, units, f"{order.limit_price:f}")


def _named_id(response: Any, account: str) -> int | None:
    """Return the order id that an answer names, None if it names none of this account."""
    location = response.headers.get("Location", "")
    found = re.search(rf"/accounts/{re.escape(account)}/orders/(\d+)/?$", location)
    return int(found[1]) if found else None


def _sent(intent: Intent) -> str:
    at: datetime = intent.sent_at.astimezone(UTC)
    return f"{intent.order.client_order_id} ({Fingerprint.of(intent.order)}, sent at {at:%H:%M:%S} UTC)"
