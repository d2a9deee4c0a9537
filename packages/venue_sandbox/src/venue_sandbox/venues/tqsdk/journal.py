"""What the venue keeps over a restart: a file of lines, each the newest state of one thing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError

from venue_sandbox.venues.tqsdk.book import Book, Funds
from venue_sandbox.venues.tqsdk.orders import Order, Trade
from venue_sandbox.venues.tqsdk.positions import Position
from venue_sandbox.venues.tqsdk.quotes import Quote
from venue_sandbox.venues.tqsdk.trading_time import read_day
from venue_sandbox.venues.tqsdk.venue import Arrival, Gateway, Note, Restore, Venue

__all__ = ["Journal", "JournalError"]

_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "order": TypeAdapter(Order),
    "trade": TypeAdapter(Trade),
    "position": TypeAdapter(Position),
    "funds": TypeAdapter(Funds),
    "quote": TypeAdapter(Quote),
    "arrival": TypeAdapter(Arrival),
}
_GATEWAY = TypeAdapter(Gateway)


class JournalError(ValueError):
    """The file is none of a venue."""


@dataclass(slots=True)
class Journal:
    """Writes what is noted; a process that is killed loses nothing that it has told."""

    venue: Venue
    path: Path
    restore: Restore = "orders"
    _file: IO[bytes] | None = None

    @classmethod
    def open(cls, path: Path, venue: Venue, restore: Restore | None = None) -> Journal:
        """Bring a venue back to what a file says, and write on."""
        journal = cls(venue, path)
        if path.exists():
            journal._read()
        journal._apply(restore or journal.restore)
        journal.restore = "orders"
        journal._rewrite()
        venue.noted = journal.note
        venue.restoring = journal.leave
        return journal

    def note(self, *notes: Note) -> None:
        """Write the state of some things at once, or of everything."""
        if any(kind == "everything" for kind, _, _ in notes):
            self._rewrite()
        else:
            self._write([self._venue_line() if note[0] == "venue" else _line(*note) for note in notes])

    def leave(self, restore: Restore) -> None:
        """Say what the next start brings back."""
        self.restore = restore
        self._write([self._venue_line()])

    def close(self) -> None:
        """Close the file; nothing is written any more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    # --- writing ---------------------------------------------------------------------------------

    def _write(self, lines: list[list[Any]]) -> None:
        """Write lines in one step, of which a kill leaves all or nothing."""
        if self._file is not None:
            self._file.write(_text(lines).encode())

    def _rewrite(self) -> None:
        """Write everything to another file, which takes the place of this one."""
        fresh = self.path.with_name(f"{self.path.name}.new")
        fresh.write_text(_text(self._lines()), encoding="utf-8")
        os.replace(fresh, self.path)
        self.close()
        self._file = self.path.open("ab", buffering=0)

    def _lines(self) -> Iterator[list[Any]]:
        yield self._venue_line()
        for symbol, quote in self.venue.quotes.items():
            yield _line("quote", symbol, quote)
        for user, book in self.venue.books.items():
            yield _line("funds", user, book.funds)
            yield from (_line("position", f"{user}/{it.symbol}", it) for it in book.positions.values())
            yield from (_line("order", f"{user}/{it.number}", it) for it in book.orders.values())
            yield from (_line("trade", f"{user}/{it.id}", it) for it in book.trades.values())
        yield from (_line("arrival", str(it.sequence), it) for it in self.venue.arrivals)

    def _venue_line(self) -> list[Any]:
        venue = self.venue
        return [
            "venue",
            "",
            {
                "trading_day": venue.day.text,
                "ahead": venue.clock.ahead,
                "gateway": _GATEWAY.dump_python(venue.gateway, mode="json"),
                "expired": sorted(venue.expired),
                "restore": self.restore,
            },
        ]

    # --- reading ---------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            whole, _, _ = self.path.read_text(encoding="utf-8").rpartition("\n")
            for text in whole.splitlines():
                kind, key, value = json.loads(text)
                if kind == "venue":
                    self._take_venue(value)
                else:
                    self._take(kind, key, _ADAPTERS[kind].validate_python(value))
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise JournalError(f"{self.path} is no state of this venue: {error}") from None

    def _take_venue(self, value: dict[str, Any]) -> None:
        venue = self.venue
        venue.day.trading_day = read_day(value["trading_day"])
        venue.clock.ahead = value["ahead"]
        venue.gateway = _GATEWAY.validate_python(value["gateway"])
        venue.expired = set(value["expired"])
        self.restore = value["restore"]

    def _take(self, kind: str, key: str, value: Any) -> None:
        venue = self.venue
        user, _, rest = key.partition("/")
        match value:
            case Quote():
                venue.quotes[key] = value
            case Arrival():
                if value.sequence > len(venue.arrivals):
                    venue.arrivals.append(value)
                else:
                    venue.arrivals[value.sequence - 1] = value
            case Funds():
                self._book(user).funds = value
            case Position():
                self._book(user).positions[rest] = value
            case Order():
                self._book(user).orders[value.number] = value
            case Trade():
                self._book(user).trades[value.id] = value
            case _:
                raise JournalError(f"{kind} is not known")

    def _book(self, user: str) -> Book:
        if user not in self.venue.books:
            self.venue.books[user] = Book(user, self.venue.market(), Funds(0.0, 0.0))
        return self.venue.books[user]

    def _apply(self, restore: Restore) -> None:
        """Put in order what was read, and forget what is not to come back."""
        venue = self.venue
        for book in venue.books.values():
            orders = [book.orders[number] for number in sorted(book.orders)]
            book.living = {order.number for order in orders if order.alive}
            book.shown = {order.id: order.number for order in orders}
            book.known = {order.request.id for order in orders if order.id == order.request.id}
            venue.orders = max([venue.orders, *book.orders])
            venue.trades = max([venue.trades, *(trade.sequence for trade in book.trades.values())])
            venue.gateway.references = max(
                [venue.gateway.references, *(it.reference for it in orders if it.session == venue.gateway.session)]
            )
        if restore == "orders":
            return
        venue.gateway.renew(venue.settings.seed)
        for book in venue.books.values():
            if restore == "server-ids":
                book.rename()
            else:
                book.forget()


def _text(lines: Iterable[list[Any]]) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _line(kind: str, key: str, value: Any) -> list[Any]:
    return [kind, key, _ADAPTERS[kind].dump_python(value, mode="json")]
