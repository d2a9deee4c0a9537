"""The store of a campaign: where it is, for as long as the campaign lasts."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.ports.versioned_store import VersionedStore
from sqlalchemy import create_engine, text
from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.postgresql import postgresql

__all__ = ["KINDS", "StorePlace", "another_database", "empty_database", "serve"]

KINDS = ("file", "sqlite", "postgres", "gs")


@dataclass(frozen=True)
class StorePlace:
    """Where the ledger and the reports are, and how long a lease lasts there.

    Cloud Storage takes one write of an object a second, and the lease is rewritten: it has to last longer there.
    ``endpoint`` is the emulator's.
    """

    ledger: str
    reports: str
    endpoint: str | None = None
    lease: timedelta = timedelta(seconds=1.2)

    def open(self) -> tuple[VersionedStore, VersionedStore]:
        """Open both stores."""
        return open_store(self.ledger, endpoint=self.endpoint), open_store(self.reports, endpoint=self.endpoint)


@contextmanager
def serve(kind: str, folder: Path) -> Generator[StorePlace]:
    """Yield a fresh store of a kind, on private servers of this campaign alone."""
    if kind == "file":
        yield StorePlace(f"file://{folder}/store", f"file://{folder}/reports")
    elif kind == "sqlite":
        yield StorePlace(f"sqlite:///{folder}/store.db", f"sqlite:///{folder}/reports.db")
    elif kind == "postgres":
        with postgresql() as server:
            yield StorePlace(server.url, another_database(server.url, "reports"))
    else:
        server = Server("venue_sandbox.cloud.storage", "--bucket", "quant")
        try:
            endpoint = f"http://127.0.0.1:{server.port}"
            yield StorePlace("gs://quant/ledger", "gs://quant/reports", endpoint, timedelta(seconds=6))
        finally:
            server.stop()


def another_database(url: str, name: str) -> str:
    """Make a further database on a server; return its address."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{url.rpartition('/')[0]}/{name}"


def empty_database(url: str) -> None:
    """Have an empty database in place of another one, whoever is in it."""
    server, _, name = url.rpartition("/")
    engine = create_engine(f"{server}/template1", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    engine.dispose()
