"""What the venue keeps over a restart: the chain, the journal of answers, and its clock; auctions end with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError

from venue_sandbox.venues.near.arrivals import Arrival
from venue_sandbox.venues.near.relay import Publication, Relay

__all__ = ["Keeping", "KeepingError"]

_ARRIVAL, _PUBLICATION = TypeAdapter(Arrival), TypeAdapter(Publication)


class KeepingError(ValueError):
    """The file is none of a venue."""


@dataclass(slots=True)
class Keeping:
    """A file of lines, each one change; a process that is killed loses nothing that it has told."""

    relay: Relay
    path: Path
    _file: IO[bytes]

    @classmethod
    def open(cls, path: Path, relay: Relay) -> Keeping:
        """Bring a venue back to what a file says, and write on."""
        if path.exists():
            _restore(path, relay)
        keeping = cls(relay, path, path.open("ab", buffering=0))
        relay.contract.noted = keeping.note
        relay.arrivals.noted = lambda arrival: keeping.note("arrival", _ARRIVAL.dump_python(arrival, mode="json"))
        relay.opening = lambda auction: keeping.note("opened", auction.quote_id)
        relay.decided = lambda it: keeping.note("publication", _PUBLICATION.dump_python(it, mode="json"))
        relay.contract.note_all()
        return keeping

    def note(self, kind: str, value: Any) -> None:
        """Write a change, and with it how many auctions there were: ids of quotes are used once."""
        self._file.write(f"{json.dumps([kind, value, self.relay.opened])}\n".encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _restore(path: Path, relay: Relay) -> None:
    try:
        whole, _, rest = path.read_bytes().rpartition(b"\n")
        for line in whole.splitlines():
            kind, value, opened = json.loads(line)
            relay.opened = max(relay.opened, opened)
            _take(relay, kind, value)
        for arrival in relay.arrivals.taken().values():
            relay.remember(arrival)
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise KeepingError(f"{path} is no state of this venue: {error}; move it away") from None
    if rest:
        path.write_bytes(whole + b"\n" if whole else b"")


def _take(relay: Relay, kind: str, value: Any) -> None:
    if kind == "arrival":
        relay.arrivals.put(_ARRIVAL.validate_python(value))
    elif kind == "publication":
        publication = _PUBLICATION.validate_python(value)
        relay.publications[publication.intent_hash] = publication
    elif kind != "opened":
        relay.contract.restore(kind, value)
