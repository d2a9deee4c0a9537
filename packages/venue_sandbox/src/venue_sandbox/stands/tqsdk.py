"""China futures on this machine: the DIFF venue, and the environment in which tqsdk finds it.

It is no `venue_sandbox.stands.stand.Stand`: those are of equity brokers, whose clients are accounts of the kit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from venue_sandbox.servers.launch import Server

__all__ = ["ACCOUNT", "BROKER", "MODULE", "PASSWORD", "TqStand", "environment"]

MODULE = "venue_sandbox.venues.tqsdk"
ACCOUNT = "DUSBX000001"
BROKER = "sandbox"
PASSWORD = "sandbox"
NOWHERE = "http://127.0.0.1:9"


def environment(port: int) -> dict[str, str]:
    """Return the variables by which tqsdk finds a venue on a port, and by which it reaches nothing else."""
    return {
        "TQ_AUTH_URL": f"http://127.0.0.1:{port}",
        "TQ_MD_URL": f"ws://127.0.0.1:{port}/md",
        "TQ_TD_URL": f"ws://127.0.0.1:{port}/td",
        "TQ_CHINESE_HOLIDAY_URL": f"http://127.0.0.1:{port}/holiday.json",
        "HTTPS_PROXY": NOWHERE,
        "HTTP_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1,localhost",
    }


class TqStand:
    """A venue that runs; leaving its context stops it.

    Parameters
    ----------
    folder
        Where its state is kept over restarts.
    words
        Further words of its command line.
    """

    def __init__(self, folder: Path, words: Sequence[str] = ()) -> None:
        self.words = ("--state", str(folder / "tqsdk.jsonl"), *words)
        self.server = Server(MODULE, *self.words)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.server.process.poll() is None:
            self.server.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which tqsdk finds it."""
        return environment(self.server.port)

    def restart(self, *words: str) -> None:
        """End the venue as a crash would, and start it again with what it has kept, on the same port."""
        port = self.server.port
        self.server.kill()
        self.server = Server(MODULE, *self.words, "--port", str(port), *words)

    def do(self, operation: str, **fields: Any) -> Any:
        """Do something to the venue; see docs/reference/venue-tqsdk.md."""
        return self.server.control("POST", operation, fields)

    def look(self, what: str, user: str = "") -> Any:
        """Return what the venue has received or done, of a user or of all."""
        return self.server.control("GET", f"{what}?user={user}" if user else what)

    def filled(self, user: str = ACCOUNT) -> dict[str, int]:
        """Return how many lots have traded today, by the id that the client gave."""
        lots: dict[str, int] = {}
        for row in self.look("filled", user):
            lots[row["client_order_id"]] = lots.get(row["client_order_id"], 0) + row["volume"]
        return lots

    def inserts(self, user: str = ACCOUNT) -> list[str]:
        """Return the ids of the inserts that reached the venue, in sequence, as often as they came."""
        return [row["order_id"] for row in self.look("inserts", user)]
