"""What is known of every command, in the store: its signed answer, written once, and its steps.

``trades/<account>/answers/<id>`` is the answer, where the id is a digest of account and quote: an account has one
answer to a quote, and whoever creates the object decides which. ``trades/<account>/p<partition>/<hour>/<id>.<nnn>`` are
its steps, each a create-only object of the kit; the hour is that of its expiry, so that what is open is found without
reading what is over. ``trades/<account>/open/p<partition>`` says before which hour all is over, and until when ends
were told.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.runs import OrderRecord, Transition
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.listing import read_all
from quant_platform_kit.services.record.objects import decode, encode
from quant_platform_kit.services.record.order_steps import OrderSteps, followed

from event_trading_app.executor.machine import EXPIRED, KIT_STATES, REFUSED, Standing, Times
from event_trading_app.payloads import ExecuteTrade, TradeState
from event_trading_app.ports import SignedAnswer

__all__ = ["HOUR", "Answer", "Command", "Ledger", "Trade", "answer_id", "hour_of"]

HOUR, EVER = timedelta(hours=1), datetime(1970, 1, 1, tzinfo=UTC)
TOGETHER = 50
"""So many answers are asked for at a time."""
_STATES = {kit: state for state, kit in KIT_STATES.items()}


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it came, with the times of the event that it goes back to and the partition it stands in."""

    asked: ExecuteTrade
    venue: str
    observed_at: datetime
    ingested_at: datetime
    partition: int


@dataclass(frozen=True, slots=True)
class _Signed:
    data: str
    nonce: str
    intent_hash: str
    deadline: datetime
    salt: str


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What an answer is in the store; ``refusal`` says why there is none.

    The command is without its inputs: the bus and the archive have them.
    """

    command: Mapping[str, Any]
    venue: str
    observed_at: datetime
    ingested_at: datetime
    partition: int
    epoch: int
    at: datetime
    signed: _Signed | None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class _Open:
    hour: datetime
    told: datetime = EVER


@dataclass(frozen=True, slots=True)
class Answer:
    """The one answer of an account to a quote.

    Attributes
    ----------
    signed
        None where it was decided that there is none.
    refusal
        Why there is none, with `REFUSED` or `EXPIRED` before it.
    epoch
        Of the lease under which it was recorded.
    """

    command: Command
    signed: SignedAnswer | None
    epoch: int
    at: datetime
    refusal: str = ""

    @property
    def id(self) -> str:
        """What it is called in the store."""
        return answer_id(self.command.asked.account, self.command.asked.quote_id)


@dataclass(frozen=True, slots=True)
class Trade:
    """An answer, and every step recorded of it.

    Attributes
    ----------
    standing
        Where it stands.
    """

    answer: Answer
    steps: OrderRecord
    standing: Standing = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "standing", _standing(self.answer, self.steps.transitions))

    @property
    def asked(self) -> ExecuteTrade:
        """The command."""
        return self.answer.command.asked

    @property
    def reason(self) -> str:
        """Why it stands there, in words."""
        note = self.steps.transitions[-1].note if self.steps.transitions else self.answer.refusal
        return note.removeprefix(REFUSED).removeprefix(EXPIRED)

    @property
    def at(self) -> datetime:
        """When it came to stand there."""
        return self.steps.transitions[-1].at if self.steps.transitions else self.answer.at

    def times(self, finality: timedelta) -> Times:
        """Return when what ends for it."""
        deadline = self.answer.signed.deadline if self.answer.signed else self.asked.deadline
        return Times.of(self.asked.expires_at, deadline, finality)


def answer_id(account: str, quote_id: str) -> str:
    """Return what the answer of an account to a quote is called: the idempotency key."""
    return sha256(f"{len(account)}:{account}{quote_id}".encode())


def hour_of(moment: datetime) -> str:
    """Return the hour of a time, as keys have it."""
    return f"{moment.astimezone(UTC):%Y%m%d%H}"


def _hour_in(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H").replace(tzinfo=UTC)


def _standing(answer: Answer, steps: Sequence[Transition]) -> Standing:
    if answer.signed is None:
        return Standing(_never_sent(answer.refusal))
    if not steps:
        return Standing(TradeState.RECORDED)
    sends, last = sum(step.state is OrderState.SENT for step in steps), steps[-1]
    return Standing(_never_sent(last.note) if last.state is OrderState.CANCELLED else _STATES[last.state], sends)


def _never_sent(note: str) -> TradeState:
    return TradeState.EXPIRED if note.startswith(EXPIRED) else TradeState.REJECTED


class Ledger:
    """The answers of one account.

    Every method raises `StoreError` when the store cannot answer, and `Damaged` where an object was changed after it
    was written.

    Parameters
    ----------
    root
        Below which all keys stand; dry runs have one of their own, so that they never take a quote from a live one.
    """

    def __init__(self, store: VersionedStore, account: str, root: str = "trades") -> None:
        self._store, self._root = store, f"{root}/{account}"

    @property
    def store(self) -> VersionedStore:
        """Where all of it is."""
        return self._store

    def recorded(self, answer: Answer) -> tuple[Trade, dict[str, bytes]]:
        """Return the answer to a quote without a step, and what is to be created for it.

        Whoever creates it decides which command the quote is answered for.
        """
        key = f"{self._root}/answers/{answer.id}"
        return Trade(answer, OrderRecord(_order(answer))), {key: encode(_written(answer), key)}

    def stepped(
        self, trade: Trade, state: TradeState, epoch: int, at: datetime, note: str = ""
    ) -> tuple[Trade, dict[str, bytes]]:
        """Return an answer with its next step, and what is to be created for it; raises `Refused` as `step` does."""
        step = _step(state, epoch, at, note)
        key = self._steps(trade).next_key(trade.steps, step)
        return replace(trade, steps=followed(trade.steps, step)), {key: encode(step, key)}

    def find(self, name: str) -> Trade | None:
        """Return an answer by its id with all its steps; None for one that was never recorded."""
        return self.find_all((name,)).get(name)

    def find_all(self, names: Sequence[str]) -> dict[str, Trade]:
        """Return answers by id with all their steps; those that were never recorded are left out."""
        found: dict[str, Trade] = {}
        for begin in range(0, len(names), TOGETHER):
            keys = [f"{self._root}/answers/{name}" for name in names[begin : begin + TOGETHER]]
            answers = [_read(decode(_Recorded, stored.data, key)) for key, stored in read_all(self._store, keys)]
            found |= {trade.answer.id: trade for trade in self._with_steps(answers)}
        return found

    def _with_steps(self, answers: Iterable[Answer]) -> Iterator[Trade]:
        by_root: dict[str, list[Answer]] = {}
        for answer in answers:
            by_root.setdefault(self._root_of(answer.command), []).append(answer)
        for root, those in by_root.items():
            steps = OrderSteps(self._store, root).of_some([answer.id for answer in those])
            yield from (Trade(answer, OrderRecord(_order(answer), steps[answer.id])) for answer in those)

    def step(self, trade: Trade, state: TradeState, epoch: int, at: datetime, note: str = "") -> Trade:
        """Record the next step of an answer.

        Raises
        ------
        LeaseLost
            Another worker recorded that step.
        Refused
            The step may not follow.
        """
        return replace(trade, steps=self._steps(trade).record(trade.steps, _step(state, epoch, at, note)))

    def reread(self, trade: Trade) -> Trade:
        """Return an answer with the steps that the store has of it."""
        return replace(trade, steps=self._steps(trade).reread(trade.steps))

    def newest(self, partition: int, since: datetime, until: datetime) -> Iterator[tuple[str, Transition]]:
        """Yield the id and newest step of every answer of a partition, by hours of their expiry.

        An answer without a step is not among them: its command is handed out again by the bus.
        """
        hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        while hour <= until:
            root = f"{self._root}/p{partition:03}/{hour_of(hour)}"
            yield from OrderSteps(self._store, root).newest().items()
            hour += HOUR

    def open_since(self, partition: int) -> datetime | None:
        """Return before which hour all answers of a partition are over; None if none has a step."""
        key = self._open_key(partition)
        if (stored := self._store.get(key)) is not None:
            return decode(_Open, stored.data, key).hour
        root = f"{self._root}/p{partition:03}/"
        first = next(iter(self._store.keys(root)), None)
        return None if first is None else _hour_in(first.removeprefix(root).partition("/")[0])

    def told_until(self, partition: int) -> datetime:
        """Return before when every end that is recorded in a partition was told."""
        key = self._open_key(partition)
        stored = self._store.get(key)
        return EVER if stored is None else decode(_Open, stored.data, key).told

    def close_until(self, partition: int, hour: datetime, told: datetime) -> None:
        """Record what need not be read of a partition again; another's word that goes further is left.

        Parameters
        ----------
        hour
            All answers that expire before it are over.
        told
            All ends that were recorded before it are told.
        """
        key = self._open_key(partition)
        stored = self._store.get(key)
        with suppress(Conflict):
            if stored is None:
                self._store.create(key, encode(_Open(hour, told), key))
                return
            known = decode(_Open, stored.data, key)
            further = _Open(max(known.hour, hour), max(known.told, told))
            if further != known:
                self._store.replace(key, encode(further, key), stored.generation)

    def _open_key(self, partition: int) -> str:
        return f"{self._root}/open/p{partition:03}"

    def _steps(self, trade: Trade) -> OrderSteps:
        return OrderSteps(self._store, self._root_of(trade.answer.command))

    def _root_of(self, command: Command) -> str:
        return f"{self._root}/p{command.partition:03}/{hour_of(command.asked.expires_at)}"


def _step(state: TradeState, epoch: int, at: datetime, note: str) -> Transition:
    """Return a step as the kit has it: what was refused here was cancelled."""
    refused = state is TradeState.REJECTED and note.startswith(REFUSED)
    return Transition(OrderState.CANCELLED if refused else KIT_STATES[state], epoch, at, note=note)


def _order(answer: Answer) -> Order:
    """Return what the kit calls the order: what the account gives is sold."""
    asked = answer.command.asked
    return Order(answer.id, asked.token_out, Side.SELL, Decimal(asked.amount_out))


def _written(answer: Answer) -> _Recorded:
    command, signed = answer.command, answer.signed
    kept = signed and _Signed(
        b64encode(signed.data).decode(), signed.nonce, signed.intent_hash, signed.deadline, signed.salt.hex()
    )
    return _Recorded(
        command.asked.model_dump(mode="json", exclude={"inputs"}),
        command.venue,
        command.observed_at,
        command.ingested_at,
        command.partition,
        answer.epoch,
        answer.at,
        kept,
        answer.refusal,
    )


def _read(recorded: _Recorded) -> Answer:
    asked, kept = ExecuteTrade.model_validate({**recorded.command, "inputs": ()}), recorded.signed
    command = Command(asked, recorded.venue, recorded.observed_at, recorded.ingested_at, recorded.partition)
    signed = kept and SignedAnswer(
        b64decode(kept.data), kept.nonce, kept.intent_hash, kept.deadline, bytes.fromhex(kept.salt)
    )
    return Answer(command, signed, recorded.epoch, recorded.at, recorded.refusal)
