"""The eight services of the China futures app on this machine, at a venue and at servers of this run's own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.supervised import Supervised
from venue_sandbox.stands.tqsdk import ACCOUNT, BROKER, PASSWORD, TqStand

if TYPE_CHECKING:
    from tq_broker_app.settings import Settings

__all__ = ["ROLES", "Addresses", "FuturesSite"]

APP = "tq_broker_app"
ROLES = (
    "order-submitter",
    "order-canceller",
    "order-monitor",
    "position-monitor",
    "account-monitor",
    "order-handler",
    "position-handler",
    "account-handler",
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where servers are: URLs with user and password; those of PostgreSQL and Redis name a database."""

    postgresql: str
    rabbitmq: str
    redis: str


@dataclass(slots=True)
class FuturesSite(Supervised):
    """Services that run, and are started again when they end, as a supervisor does.

    Parameters
    ----------
    folder
        For settings and logs.
    addresses
        Servers; None for settings that need none, as of services in this process.
    portfolio
        Its queues end in this.
    changes
        Settings by section that differ from those of a real deployment, which the site makes fit.
    module
        What ``python -m`` runs for each service.
    """

    folder: Path
    venue: TqStand
    addresses: Addresses | None = None
    portfolio: str = "DUSBX-1"
    account: str = ACCOUNT
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    module: str = APP
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def config(self) -> Path:
        """The file of settings."""
        return self.folder / "config.yaml"

    def write_config(self) -> Path:
        """Write the settings; JSON is YAML too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(self.document(), indent=1), encoding="utf-8")
        return self.config

    def settings(self) -> Settings:
        """Return the settings as the app reads them."""
        from tq_broker_app.settings import read_settings

        return read_settings(self.write_config(), {})

    def document(self) -> dict[str, Any]:
        """Return all settings."""
        found: dict[str, Any] = {
            "tq": {
                "username": "demo",
                "password": "sandbox-password",
                "portfolio_id": self.portfolio,
                "run_mode": "sandbox",
                "login_pause_seconds": 0,
                "clock_url": f"http://127.0.0.1:{self.venue.server.port}",
            },
            "operations": {"host": "127.0.0.1", "port": 0, "log_path": str(self.folder / "logs")},
            "submitter": {"lease_seconds": 6, "visibility_seconds": 1},
            **_of_servers(self.addresses),
        }
        found["rabbitmq"] |= {"portfolio_queues": True}
        for section, values in self.changes.items():
            found.setdefault(section, {}).update(values)
        return found

    def start(self, roles: Sequence[str] = ROLES, *, supervise: bool = False) -> None:
        """Start services side by side, and wait until they work."""
        self.write_config()
        with ThreadPoolExecutor(len(roles)) as pool:
            list(pool.map(self.start_one, roles, roles))
        for role in roles:
            self.wait_until_working(role)
            if supervise:
                self.supervise(role)

    def _started(self, name: str, role: str) -> Server:
        own = {"TQ_BROKER_CONFIG": str(self.config), "TQ_SERVICE_NAME": name}
        inherited = os.environ.items()  # noqa: TID251 - what an interpreter is started with
        variables = {key: value for key, value in inherited if not key.startswith("TQ_BROKER")}
        environment = {**variables, **self.venue.environment, **own, **self.variables}
        return Server(self.module, "run", role, env=environment, log=self.folder / f"{name}.err")


def _of_servers(addresses: Addresses | None) -> dict[str, dict[str, Any]]:
    nowhere = Addresses(
        "postgresql://nobody:nothing@127.0.0.1:9/none", "amqp://nobody@127.0.0.1:9/", "redis://127.0.0.1:9/1"
    )
    known = addresses or nowhere
    postgresql, redis = urlsplit(known.postgresql), urlsplit(known.redis)
    return {
        "rabbitmq": {"url": known.rabbitmq},
        "redis": {
            "host": redis.hostname,
            "port": redis.port,
            "password": unquote(redis.password or ""),
            "db": 1,
        },
        "database": {
            "host": postgresql.hostname,
            "port": postgresql.port,
            "user": unquote(postgresql.username or ""),
            "password": unquote(postgresql.password or ""),
            "dbname": postgresql.path.lstrip("/"),
        },
    }


REAL = {"run_mode": "real", "broker_id": BROKER, "account_id": ACCOUNT, "account_password": PASSWORD, "clock_url": ""}
"""Settings of section ``tq`` for a real account; at a venue its clock has to be the machine's."""
