"""What the tests of the app share: commands, a store and a venue in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from event_trading_app.errors import Unanswered, VenueDown
from event_trading_app.executor.ledger import Command, Ledger
from event_trading_app.executor.parts import Parts, Terms
from event_trading_app.payloads import ExactAmount, ExecuteTrade, Input
from event_trading_app.ports import MayLeave, Sent, SignedAnswer
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.store_keys import check_key
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import Conflict, StoreError
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import BatchStore, Stored, VersionedStore

T = TypeVar("T")

ACCOUNT = "dusbx000001.near"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TOKEN_A, TOKEN_B = "nep141:a.near", "nep141:b.near"
LONG = timedelta(seconds=60)
"""How long a command of the tests may be sent."""


@dataclass
class MemoryStore:
    """A store in memory on a clock of its own; ``down`` counts the calls that fail."""

    clock: Clock = field(default_factory=lambda: FrozenClock(NOW))
    objects: dict[str, Stored] = field(default_factory=dict[str, Stored])
    down: int = 0

    def create(self, key: str, data: bytes) -> int:
        self._answer()
        check_key(key)
        if key in self.objects:
            raise Conflict(f"{key} exists")
        self._put(key, Stored(data, 1))
        return 1

    def replace(self, key: str, data: bytes, generation: int) -> int:
        self._answer()
        if key not in self.objects or self.objects[key].generation != generation:
            raise Conflict(f"{key} has another generation")
        self._put(key, Stored(data, generation + 1))
        return generation + 1

    def create_all(self, objects: Mapping[str, bytes]) -> None:
        self._answer()
        for key in objects:
            check_key(key)
            if key in self.objects:
                raise Conflict(f"{key} exists")
        for key, data in objects.items():
            self._put(key, Stored(data, 1))

    def keys_of(self, prefixes: Sequence[str]) -> list[str]:
        return sorted(key for prefix in prefixes for key in self.keys(prefix))

    def get_all(self, keys: Sequence[str]) -> dict[str, Stored]:
        return {key: stored for key in keys if (stored := self.get(key))}

    def get(self, key: str) -> Stored | None:
        self._answer()
        return self.objects.get(key)

    def now(self) -> datetime:
        return self.clock.now()

    def keys(self, prefix: str) -> list[str]:
        self._answer()
        return sorted(key for key in self.objects if key.startswith(prefix))

    def _put(self, key: str, stored: Stored) -> None:
        self.objects[key] = stored

    def _answer(self) -> None:
        if self.down:
            self.down -= 1
            raise StoreError("the store does not answer")


def signed(command: ExecuteTrade, salt: bytes) -> SignedAnswer:
    """Return an answer that depends on the command and the salt only."""
    data = json.dumps([command.command_id, command.quote_id, salt.hex()]).encode()
    digest = sha256(data)
    return SignedAnswer(data, digest[:32], digest, command.deadline, salt)


@dataclass
class MemoryVenue:
    """A venue that takes everything it is told to; ``says`` are its answers one after another."""

    clock: Clock = field(default_factory=lambda: FrozenClock(NOW))
    says: list[Sent | Exception] = field(default_factory=list[Sent | Exception])
    arrived: list[bytes] = field(default_factory=list[bytes])
    settled: set[str] = field(default_factory=set[str])
    current_salt: bytes = b"\x01\x02\x03\x04"
    down: bool = False
    prepared: int = 0

    async def prepare(self, command: ExecuteTrade, now: datetime) -> SignedAnswer:
        self.prepared += 1
        return signed(command, self.current_salt)

    async def send(self, data: bytes, may_leave: MayLeave) -> Sent:
        if not may_leave():
            raise VenueDown("nothing was sent")
        said = self.says.pop(0) if self.says else Sent(acknowledged=True)
        if not isinstance(said, VenueDown):
            self.arrived.append(data)
        if isinstance(said, Exception):
            raise said
        return said

    async def used(self, answer: SignedAnswer) -> bool:
        if self.down:
            raise VenueDown("the venue does not say whether a nonce is used")
        return answer.nonce in self.settled

    async def balances(self, account: str, tokens: Collection[str]) -> dict[str, int]:
        return dict.fromkeys(tokens, 10**9)

    async def salt(self) -> bytes:
        return self.current_salt


LOST = Unanswered("the connection broke before an answer came")


def trade(name: str = "1", token_in: str = TOKEN_A, **changes: Any) -> ExecuteTrade:
    """Return a command for quote ``q<name>``."""
    known: dict[str, Any] = {
        "command_id": sha256(f"command {name}".encode()),
        "account": ACCOUNT,
        "quote_id": f"q{name}",
        "token_in": token_in,
        "token_out": TOKEN_B,
        "amount_in": "1000",
        "amount_out": "990",
        "exact": ExactAmount.IN,
        "expires_at": NOW + LONG,
        "deadline": NOW + 2 * LONG,
        "quoter": "dummy",
        "inputs": (Input(event_id="e1", event_type="norm.swap_demand", values={}),),
    }
    return ExecuteTrade(**{**known, **changes})


def command(name: str = "1", partition: int = 0, **changes: Any) -> Command:
    """Return a command as it comes from the bus."""
    return Command(trade(name, **changes), "near_intents", NOW, NOW, partition)


@dataclass
class Told:
    """The bus as a list."""

    events: list[Event] = field(default_factory=list[Event])

    async def __call__(self, event: Event) -> None:
        self.events.append(event)

    def states(self) -> list[str]:
        return [event.payload["state"] for event in self.events]


async def at_once(call: Any, /) -> Any:
    """Run a call here and now."""
    return call()


@dataclass
class Direct:
    """Writes here and now."""

    store: VersionedStore

    async def create(self, objects: Mapping[str, bytes], then: Callable[[], T]) -> T:
        return create_then(self.store, objects, then)


def create_then(store: VersionedStore, objects: Mapping[str, bytes], then: Callable[[], T]) -> T:
    """Write all or none, then do something."""
    assert isinstance(store, BatchStore)
    store.create_all(objects)
    return then()


@dataclass
class Desk:
    """A store, a venue and a bus in memory, and the parts of as many executors as are started on them."""

    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOW))
    mode: Mode = Mode.PAPER
    told: Told = field(default_factory=Told)
    store: MemoryStore = field(init=False)
    venue: MemoryVenue = field(init=False)

    def __post_init__(self) -> None:
        self.store, self.venue = MemoryStore(self.clock), MemoryVenue(self.clock)

    def parts(self, holder: str = "one", **changes: Any) -> Parts:
        async def pause(seconds: float) -> None:
            self.clock.sleep(seconds)

        made = Parts(
            account=ACCOUNT,
            service="event-trading",
            mode=self.mode,
            holder=holder,
            store=self.store,
            ledger=Ledger(self.store, ACCOUNT),
            venue=self.venue,
            clock=self.clock,
            tell=self.told,
            terms=Terms(),
            io=at_once,
            writing=Direct,
            pause=pause,
        )
        return replace(made, **changes)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    return asyncio.run(work)
