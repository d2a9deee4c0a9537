"""The services of event-driven trading on this machine: at a relay that runs, on a bus and a ledger that are given."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

from event_trading_app.names import Service, Topic
from event_trading_app.replay.judging import Verdict, judge
from event_trading_app.replay.reading import archived
from event_trading_app.settings import environment, name_of
from event_trading_app.supervising import Site, ordered
from event_trading_app.venues.near_intents.execute.keys import Key
from event_trading_app.venues.near_intents.normalize.demand import normalize
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.snapshot_stores import open_snapshots
from quant_platform_kit.events.bus import Settings
from quant_platform_kit.events.envelope import decode
from quant_platform_kit.events.reading import history

from venue_sandbox.servers.launch import Unhealthy
from venue_sandbox.stands.near import TOKEN_A, TOKEN_B, NearStand
from venue_sandbox.venues.near.base58 import encode

__all__ = ["EventServices"]

SEED = bytes(range(32))
"""Of the solver's key: it is worth nothing anywhere."""
FUNDS, LIMIT = 10**12, 10**9
POLL_SECONDS = 0.3


@dataclass
class EventServices:
    """All services; leaving the context stops them.

    Attributes
    ----------
    folder
        For settings, prices, logs and the archive.
    changes
        Settings that differ, by field.
    """

    folder: Path
    venue: NearStand
    bus: Settings
    store_url: str
    changes: Mapping[str, str] = field(default_factory=dict[str, str])
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        key = f"ed25519:{encode(SEED)}"
        self.venue.fund(Key.read(key).public, {TOKEN_A: FUNDS, TOKEN_B: FUNDS})
        prices = self.folder / "prices.jsonl"
        price = {"token_in": TOKEN_A, "token_out": TOKEN_B, "amount_in": "100", "amount_out": "99"}
        prices.write_text(json.dumps(price) + "\n", encoding="utf-8")
        own = {
            "account": self.venue.account,
            "dry_run_only": "false",
            "kafka_url": self.bus.url,
            "kafka_mock": str(self.bus.mock).lower(),
            "store_url": self.store_url,
            "near_ws_url": self.venue.url,
            "near_node_url": self.venue.near_url,
            "near_token": self.venue.token,
            "near_key": key,
            "tokens": f"{TOKEN_A},{TOKEN_B}",
            "quoter_settings": json.dumps({"limits": {TOKEN_B: str(LIMIT)}, "max_price_age_seconds": 60}),
            "prices_file": str(prices),
            "finality_seconds": "1",
            "archive_url": str(self.folder / "archive"),
            "archive_seconds": "2",
            "port": "0",
            **self.changes,
        }
        variables = {name_of(name): value for name, value in own.items()}
        self.site = Site({**environment(), **variables}, self.folder / "logs")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.site.stop()

    def start(self, seconds: float) -> None:
        """Start all services; return when all work."""
        for service in ordered(Service):
            self.site.start(service)
        self.site.wait_until_listening(seconds)
        self.wait_for("all services work", self.site.all_work, seconds)
        self.wait_for("a price and a balance are told", self._is_informed, seconds)

    def wait_for(self, what: str, is_so: Callable[[], bool], seconds: float) -> None:
        """Wait until something is so, looking after the services; raises `Unhealthy` where it is not by then."""
        until = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > until:
                raise Unhealthy(f"not within {seconds:g} s: {what}")
            if ended := self.site.look_after():
                raise Unhealthy("; ".join(ended))
            time.sleep(POLL_SECONDS)

    def counts(self) -> dict[str, int]:
        """Return how many events each topic has; those that came twice count once."""
        return {topic.value: len(self.events(topic)) for topic in Topic}

    def events(self, topic: Topic) -> dict[str, str]:
        """Return the state by id of each event of a topic; empty where it has none."""
        found: dict[str, str] = {}
        for message in history(self.bus, (topic.value,)):
            event = decode(message.value)
            found[event.event_id] = str(event.payload.get("state", ""))
        return found

    def outcomes(self) -> dict[str, int]:
        """Return how often commands came to each state."""
        return dict(sorted(Counter(self.events(Topic.TRADE_RESULT).values()).items()))

    def ended(self) -> int:
        """Return how many commands have come to their end."""
        open_states = ("ACKNOWLEDGED", "UNKNOWN")
        return sum(count for state, count in self.outcomes().items() if state not in open_states)

    def judged(self) -> Verdict:
        """Return what of the archive is made again alike: normalized events byte for byte, commands as decided."""
        now, hour = SystemClock().now(), timedelta(hours=1)
        topics = [topic.value for topic in (Topic.RAW_QUOTE, Topic.SWAP_DEMAND, Topic.EXECUTE_TRADE)]
        rows = archived(open_snapshots(str(self.folder / "archive")), topics, now - hour, now + hour)
        return judge(rows, normalize)

    def _is_informed(self) -> bool:
        return all(self.events(topic) for topic in (Topic.REFERENCE_PRICE, Topic.INVENTORY))
