"""The services of event-driven trading as processes, at a relay and at servers of this run's own."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import base58
from event_trading_app.names import Service
from event_trading_app.settings import CONFIG, PREFIX, Settings, read_settings
from event_trading_app.venues.near_intents.execute.keys import Key
from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.near import NearStand
from venue_sandbox.stands.supervised import Supervised

__all__ = ["BESIDE", "PAIRS", "TradingSite", "fund"]

BESIDE = (Service.MONITOR, Service.INVENTORY, Service.REACTOR, Service.NORMALIZER, Service.INGESTOR)
"""What runs beside executors; who is to be listened to comes last."""
_TOKENS = [(f"nep141:a{number}.near", f"nep141:b{number}.near") for number in range(6)]
PAIRS = [*_TOKENS, *((other, one) for one, other in _TOKENS)]
"""Enough tokens that every partition has commands."""
TOKENS = sorted({token for pair in PAIRS for token in pair})
FUNDS = 10**30
LIMIT = 10**9
SEED = b"chaos of events, and nowhere else"[:32]


@dataclass(slots=True)
class TradingSite(Supervised):
    """Services that run, and are started again when they end.

    Parameters
    ----------
    folder
        For settings and logs.
    module
        What ``python -m`` runs for each service.
    variables
        Further ones of its environment.
    changes
        Settings that differ.
    """

    folder: Path
    venue: NearStand
    kafka: str
    store: str
    module: str
    variables: Mapping[str, str]
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def config(self) -> Path:
        """The file of settings."""
        return self.folder / "config.yaml"

    def settings(self) -> Settings:
        """Return the settings as the app reads them; JSON is YAML too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        document: dict[str, Any] = {
            "account": self.venue.account,
            "service_name": "event-trading-chaos",
            "dry_run_only": False,
            "kafka_url": self.kafka,
            "store_url": self.store,
            "near_ws_url": self.venue.url,
            "near_node_url": self.venue.near_url,
            "near_token": self.venue.token,
            "near_key": f"ed25519:{base58.b58encode(SEED).decode()}",
            "tokens": TOKENS,
            "quoter": "dummy",
            "quoter_settings": {"limits": dict.fromkeys(TOKENS, str(LIMIT))},
            "poll_seconds": 1,
            "port": 0,
            **self.changes,
        }
        self.config.write_text(json.dumps(document, indent=1), encoding="utf-8")
        return read_settings(self.config, {})

    def begin(self, name: str, service: Service) -> None:
        """Start a service, and start it again whenever it ends."""
        self.start_one(name, service.value)
        self.supervise(name)

    def _started(self, name: str, role: str) -> Server:
        inherited = os.environ.items()  # noqa: TID251 - what an interpreter is started with
        variables = {key: value for key, value in inherited if not key.startswith(PREFIX)}
        own = {CONFIG: str(self.config), f"{PREFIX}INSTANCE": name}
        log = self.folder / f"{name}.log"
        return Server(self.module, "run", role, env={**variables, **own, **self.variables}, log=log)


def fund(venue: NearStand) -> None:
    """Register the account's key, and give it more of each token than it can spend."""
    venue.fund(Key(SEED).public, dict.fromkeys(TOKENS, FUNDS))
