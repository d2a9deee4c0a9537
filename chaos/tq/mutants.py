"""Deliberate defects of the China futures app: a campaign that does not catch each of them proves nothing."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aio_pika import Channel
from redis import Redis
from sqlalchemy.dialects.postgresql import insert
from tq_broker_app.bus import processing
from tq_broker_app.bus import topology as bus_topology
from tq_broker_app.database import writing
from tq_broker_app.database.tables import ORDER_HISTORY
from tq_broker_app.roles import departing as role_departing
from tq_broker_app.roles import planning as role_planning
from tq_broker_app.roles import sending as role_sending
from tq_broker_app.settings import environment
from tq_broker_app.tq import login as tq_login
from tq_broker_app.trading.contracts import Holding

__all__ = ["LIMITED", "MUTANTS"]

LIMITED: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": 3}
"""Arguments of a queue that drops a message after three deliveries that came to nothing."""

topology: Any = bus_topology
planning: Any = role_planning
sending: Any = role_sending
departing: Any = role_departing
login: Any = tq_login
"""Modules whose parts are put in the place of others."""


def ack_first() -> None:
    """Acknowledge a message before anything durable was written: a crash in between loses the order."""
    process = processing.Processor.process

    async def first(self: Any, body: bytes, ack: Callable[[], Awaitable[None]]) -> None:
        await ack()

        async def nothing() -> None:
            return

        await process(self, body, nothing)

    processing.Processor.process = first


def no_look_up() -> None:
    """Send again without asking the exchange what became of the first time."""

    async def looked_up(self: Any, plan: Any, child: Any, record: Any) -> Any:
        return record

    sent = departing.insert

    def blindly(view: Any, plan: Any, child: Any, may_send: Any) -> bool | None:
        knows, view.knows = view.knows, lambda order_id: False
        try:
            return sent(view, plan, child, may_send)
        finally:
            view.knows = knows

    planning.Planner._found = lambda *_: None
    sending.Sender._looked_up = looked_up
    departing.insert = blindly


def id_alone() -> None:
    """Take it as proof that an order did not arrive that its own id is not shown."""
    sending.look_alikes = lambda *_: []


def quorum_limit() -> None:
    """Let queues drop a message that was delivered more than three times: they count restarts of consumers too."""

    class Limited(Channel):
        async def declare_queue(self, name: Any = None, **options: Any) -> Any:
            if options.get("durable"):
                options["arguments"] = LIMITED
            return await super().declare_queue(name, **options)

    topology.Channel = Limited


def returns_unheard() -> None:
    """Take a message for published that no queue has taken."""
    made = topology.Channel

    def channel(connection: Any, **options: Any) -> Channel:
        return made(connection, **{**options, "on_return_raises": False})

    topology.Channel = channel


def alive_overwrites() -> None:
    """Write whatever comes last over what is known."""
    statement = insert(ORDER_HISTORY)
    columns = {
        column.name: statement.excluded[column.name]
        for column in ORDER_HISTORY.c
        if column.name not in ("id", "created_at", "updated_at")
    }
    writing._UPSERT = statement.on_conflict_do_update(index_elements=[ORDER_HISTORY.c.id], set_=columns).returning(
        ORDER_HISTORY.c.id
    )


def split_from_redis() -> None:
    """Split by what Redis says of a position: it may be seconds old."""
    settings = json.loads(open(environment()["TQ_BROKER_CONFIG"], encoding="utf-8").read())
    portfolio = settings["tq"]["portfolio_id"]
    client: Any = Redis(**settings["redis"])
    held: dict[str, tuple[float, Mapping[str, int]]] = {}
    stays = 15.0

    def holding(self: Any, symbol: str, side: str) -> Holding:
        known = held.get(symbol)
        if known is None or time.monotonic() - known[0] > stays:
            told = client.get(f"TQ_Position_Breakdown_PortfolioId_{portfolio}_Symbol_{symbol}")
            held[symbol] = known = (time.monotonic(), json.loads(told) if told else {})
        parts = known[1]
        return Holding(parts.get(f"pos_{side}_today", 0), parts.get(f"pos_{side}_his", 0))

    planning.View.holding = holding


def deaf_monitor() -> None:
    """Do not notice that the exchange has closed the connection in an orderly way."""
    login.end_of = lambda told: None


MUTANTS: dict[str, Callable[[], None]] = {
    "ack-first": ack_first,
    "no-look-up": no_look_up,
    "id-alone": id_alone,
    "quorum-limit": quorum_limit,
    "returns-unheard": returns_unheard,
    "alive-overwrites": alive_overwrites,
    "split-from-redis": split_from_redis,
    "deaf-monitor": deaf_monitor,
}
