"""The topics of the app as code declares them, and by which key their messages are spread."""

from __future__ import annotations

from datetime import timedelta

from quant_platform_kit.events.bus import Outgoing
from quant_platform_kit.events.dead_letters import dead_topic
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.topics import Topic as Declared

from event_trading_app.names import Service, Topic
from event_trading_app.payloads import execution_key

__all__ = ["declared", "key_of", "outgoing"]

KEPT = timedelta(days=7)
"""For how long the bus keeps what the archive keeps for ever."""
COMPACTED = (Topic.REFERENCE_PRICE, Topic.INVENTORY)
"""Of these only the newest of each key counts."""


def declared(partitions: int, namespace: str = "") -> tuple[Declared, ...]:
    """Return all topics, with so many partitions each; those of commands and results have to have equally many."""
    own = [
        Declared(namespace + topic.value, partitions, None if topic in COMPACTED else KEPT, topic in COMPACTED)
        for topic in Topic
    ]
    return (*own, *(dead_topic(namespace + service.stage) for service in Service))


def key_of(event: Event) -> str:
    """Return the key of an event: what has one key stays in order, and in one partition.

    Demands are spread by the token that is given for them, so that one reactor commits it; commands and results by
    account and the token that is got, which is the unit of recovery.
    """
    payload = event.payload
    match event.event_type:
        case Topic.SWAP_DEMAND.value:
            return str(payload["token_out"])
        case Topic.REFERENCE_PRICE.value:
            return f"{payload['token_in']}|{payload['token_out']}"
        case Topic.INVENTORY.value:
            return f"{payload['account']}|{payload['token']}"
        case Topic.EXECUTE_TRADE.value | Topic.TRADE_RESULT.value:
            return execution_key(str(payload["account"]), str(payload["token_in"]))
        case _:
            return str(payload.get("quote_id") or payload.get("quote_hash") or event.event_id)


def outgoing(event: Event, namespace: str = "") -> Outgoing:
    """Return the message of an event."""
    return Outgoing.of(event, key_of(event), namespace + event.event_type)
