"""A decision as a command, with every input that it used; and the decision again, from these inputs alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.amounts import amount
from quant_platform_kit.events.envelope import Event, derived, derived_id

from event_trading_app.names import Topic
from event_trading_app.payloads import ExecuteTrade, Input, ReferencePrice, SwapDemand
from event_trading_app.reactor.commitments import NOTHING, Committed
from event_trading_app.reactor.deciding import Amounts, Known, Pass, Quoter
from event_trading_app.reactor.quoters import quoter_of

__all__ = ["Terms", "Used", "command_id_of", "command_of", "decided_again"]

VERSION = 1
QUOTER = "quoter"
"""The type of the input that is no event: the settings of the quoter."""
COMMITTED = "committed"
"""The input that says of all open commands what was committed: thousands may be open."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On whose behalf, and how long before the venue's own end an answer has to be sent.

    Attributes
    ----------
    margin
        From when an answer is not sent any more until the venue takes none.
    """

    account: str
    margin: timedelta = timedelta(milliseconds=200)


@dataclass(frozen=True, slots=True)
class Used:
    """What a decision was made on: the facts, and the events that told them.

    An open command is known by its id, which is that of its event too.
    """

    known: Known
    demand: Event
    price: Event | None
    inventory: Event | None

    def inputs(self, quoter: Quoter) -> Iterator[Input]:
        """Yield the events with the values that they had, and the settings of the quoter."""
        seen = {"observed_at": self.known.observed_at.isoformat()}
        yield Input(event_id=QUOTER, event_type=QUOTER, values=dict(quoter.settings))
        yield Input(
            event_id=self.demand.event_id, event_type=self.demand.event_type, values={**self.demand.payload, **seen}
        )
        for event in (self.price, self.inventory):
            if event is not None:
                yield Input(event_id=event.event_id, event_type=event.event_type, values=dict(event.payload))
        if (open_commands := self.known.committed).commands:
            values = {**asdict(open_commands), "amount": str(open_commands.amount)}
            yield Input(event_id=COMMITTED, event_type=Topic.EXECUTE_TRADE.value, values=values)


def command_id_of(demand: Event, account: str) -> str:
    """Return the id of the command that a demand leads to for an account."""
    quote_id = str(demand.payload["quote_id"])
    return derived_id(demand.venue, f"{account}|{quote_id}", Topic.EXECUTE_TRADE.value, VERSION)


def command_of(used: Used, quoter: Quoter, terms: Terms) -> Event | Pass:
    """Return the command that a quoter decides on, or why there is none."""
    said = quoter.decide(used.known)
    if isinstance(said, Pass):
        return said
    demand = used.known.demand
    expires_at = _expires_at(demand, used.known.observed_at, terms.margin)
    if expires_at <= used.known.observed_at:
        return Pass(f"max_wait_ms {demand.max_wait_ms}: that is no longer than the margin of {terms.margin}")
    identity = command_id_of(used.demand, terms.account)
    command = ExecuteTrade(
        command_id=identity,
        account=terms.account,
        quote_id=demand.quote_id,
        token_in=demand.token_in,
        token_out=demand.token_out,
        amount_in=amount(said.amount_in),
        amount_out=amount(said.amount_out),
        exact=demand.exact,
        expires_at=expires_at,
        deadline=expires_at + timedelta(milliseconds=demand.min_deadline_ms),
        quoter=quoter.name,
        inputs=tuple(used.inputs(quoter)),
    )
    payload = command.model_dump(mode="json")
    return derived(used.demand, Topic.EXECUTE_TRADE.value, VERSION, payload, identity)


def decided_again(command: ExecuteTrade) -> Amounts | Pass:
    """Return what the quoter of a command decides on the inputs that the command records.

    Raises
    ------
    InvalidInput
        They are not what a decision needs.
    """
    by_type: dict[str, list[dict[str, Any]]] = {}
    for each in command.inputs:
        by_type.setdefault(each.event_type, []).append(each.values)
    try:
        known = _known(by_type)
        quoter = quoter_of(command.quoter, by_type[QUOTER][0])
    except (KeyError, IndexError, ValueError) as error:
        raise InvalidInput(f"command {command.command_id} does not record what it was decided on: {error!r}") from None
    return quoter.decide(known)


def _known(by_type: dict[str, list[dict[str, Any]]]) -> Known:
    values = dict(by_type[Topic.SWAP_DEMAND.value][0])
    observed_at = datetime.fromisoformat(values.pop("observed_at"))
    prices = by_type.get(Topic.REFERENCE_PRICE.value)
    inventories = by_type.get(Topic.INVENTORY.value)
    (told,) = by_type.get(Topic.EXECUTE_TRADE.value, [None])
    return Known(
        demand=SwapDemand.model_validate(values),
        observed_at=observed_at,
        price=ReferencePrice.model_validate(prices[0]) if prices else None,
        inventory=int(inventories[0]["amount"]) if inventories else None,
        committed=Committed(told["commands"], int(told["amount"]), told["ids"]) if told else NOTHING,
    )


def _expires_at(demand: SwapDemand, observed_at: datetime, margin: timedelta) -> datetime:
    return observed_at + timedelta(milliseconds=demand.max_wait_ms) - margin
