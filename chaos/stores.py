"""The store of a campaign: where it is, for as long as the campaign lasts."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

KINDS = ("file", "sqlite", "postgres", "gs")


@contextmanager
def serve(kind: str, folder: Path) -> Generator[tuple[str, str]]:
    """Yield the URLs of the ledger's store and of the report store."""
    if kind == "file":
        yield f"file://{folder}/store", f"file://{folder}/reports"
    elif kind == "sqlite":
        yield f"sqlite:///{folder}/store.db", f"sqlite:///{folder}/reports.db"
