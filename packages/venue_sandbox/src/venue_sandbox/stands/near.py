"""NEAR Intents on this machine: the relay, the chain's node, and what leads an app to them.

It is no `venue_sandbox.stands.stand.Stand`: those are of equity brokers, whose clients are accounts of the kit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from venue_sandbox.servers.launch import Server, Unhealthy
from venue_sandbox.venues.near.tokens import token_of

__all__ = ["ACCOUNT", "MODULE", "TOKEN_A", "TOKEN_B", "NearStand"]

MODULE = "venue_sandbox.venues.near"
ACCOUNT = "dusbx000001.near"
"""The solver's account; accounts of NEAR are written small, and this is the sandbox's prefix."""
TOKEN_A, TOKEN_B = "nep141:a.near", "nep141:b.near"
POLL_SECONDS = 0.02


class NearStand:
    """A venue that runs; leaving its context stops it.

    Parameters
    ----------
    folder
        Where its state is kept over restarts.
    words
        Further words of its command line.
    account
        The solver.
    """

    def __init__(self, folder: Path, words: Sequence[str] = (), account: str = ACCOUNT) -> None:
        self.account = account
        self.words = ("--state", str(folder / "near.jsonl"), *words)
        self.server = Server(MODULE, *self.words)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.server.process.poll() is None:
            self.server.stop()

    @property
    def url(self) -> str:
        """The websocket of solvers."""
        return f"ws://127.0.0.1:{self.server.port}/ws"

    @property
    def rpc_url(self) -> str:
        """The calls of takers."""
        return f"http://127.0.0.1:{self.server.port}/rpc"

    @property
    def near_url(self) -> str:
        """The node of the chain."""
        return f"http://127.0.0.1:{self.server.port}/near"

    @property
    def token(self) -> str:
        """What lets the solver in."""
        return token_of(self.account)

    def restart(self, *words: str) -> None:
        """End the venue as a crash would, and start it again with what it has kept, on the same port."""
        port = self.server.port
        self.server.kill()
        self.server = Server(MODULE, *self.words, "--port", str(port), *words)

    def do(self, operation: str, **fields: Any) -> Any:
        """Do something to the venue; see docs/reference/venue-near.md."""
        return self.server.control("POST", operation, fields)

    def look(self, what: str, account: str = "") -> Any:
        """Return what the venue has received or done, of an account or of all."""
        return self.server.control("GET", f"{what}?account={account}" if account else what)

    def fault(self, kind: str, **fields: Any) -> None:
        """Arm a fault, or carry it out."""
        self.server.fault(kind, **fields)

    def fund(self, public_key: str, balances: Mapping[str, int]) -> None:
        """Register the solver's key, and set its balances."""
        self.do("account", account=self.account, keys=[public_key], balances=dict(balances))

    def drive(self, seconds: float = 60.0, **plan: Any) -> dict[str, Any]:
        """Drive a plan that has an end, and return how it went when its last auction has ended.

        Raises
        ------
        Unhealthy
            It had not ended after so many seconds.
        """
        self.do("drive", **plan)
        return self.driven(seconds)

    def driven(self, seconds: float = 60.0) -> dict[str, Any]:
        """Return how the plan that is driven went, when its last auction has ended."""
        deadline = time.monotonic() + seconds
        while (progress := self.look("drive"))["running"]:
            if time.monotonic() > deadline:
                raise Unhealthy(f"the driver of {MODULE} was still running after {seconds:g} s: {progress}")
            time.sleep(POLL_SECONDS)
        return progress

    def answers(self) -> list[dict[str, Any]]:
        """Return every answer of the solver that reached the venue, in sequence, as often as it came."""
        return self.look("answers", self.account)

    def taken(self) -> dict[str, list[str]]:
        """Return by quote the digests of the answers that were taken: more than one is a double."""
        return {quote: row["taken"] for quote, row in self.look("summary", self.account).items() if row["taken"]}

    def settled(self) -> dict[str, list[str]]:
        """Return by quote the hashes of the answers that were settled: more than one is a double."""
        found: dict[str, list[str]] = {}
        for row in self.look("settled", self.account):
            found.setdefault(row["quote_id"], []).append(row["quote_hash"])
        return found
