"""A Gateway that says again what one said: recorded messages, found by the request that they answered."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from venue_sandbox.servers.launch import Server
from venue_sandbox.venues.tws.codec import GREETING, LENGTH, frame

__all__ = ["Heard", "gateway"]

WORD = re.compile(r"[A-Z]{1,5}")
NO_ANSWER = 200, "the capture has no such answer"


@dataclass(frozen=True, slots=True)
class Heard:
    """A message: whether the Gateway said it, and its fields."""

    by_gateway: bool
    fields: Sequence[str]

    @property
    def kind(self) -> int:
        """Which message it is, -1 for one that does not say so."""
        return int(self.fields[0]) if self.fields and self.fields[0].isdigit() else -1


@dataclass(frozen=True, slots=True)
class Question:
    """A kind of request: where its number is, which messages answer it, and after which no more come."""

    number: int | None
    answers: frozenset[int]
    last: int | None = None


QUESTIONS: Mapping[int, Question] = {
    71: Question(None, frozenset({9, 15})),
    49: Question(None, frozenset({49}), 49),
    61: Question(None, frozenset({61, 62}), 62),
    5: Question(None, frozenset({3, 5, 53}), 53),
    16: Question(None, frozenset({3, 5, 53}), 53),
    99: Question(None, frozenset({101, 102}), 102),
    6: Question(None, frozenset({6, 54}), 54),
    76: Question(2, frozenset({73, 74}), 74),
    7: Question(2, frozenset({11, 55, 59})),
    9: Question(2, frozenset({4, 10, 52}), 52),
    20: Question(1, frozenset({4, 17}), 17),
    1: Question(2, frozenset({1, 2, 4, 45, 46, 57, 58, 81})),
}
NUMBERED = {**dict.fromkeys((1, 2, 4, 45, 46, 52, 55, 57, 58, 73, 74), 2), **dict.fromkeys((10, 11, 17, 81), 1)}
"""Where an answer has the number of its request."""


@contextmanager
def gateway(hello: Sequence[str], heard: Sequence[Heard]) -> Generator[int]:
    """Serve recorded messages on a port of 127.0.0.1, which is yielded."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        Server.opened.add(port)
        threading.Thread(target=_accept, args=(listener, hello, heard), daemon=True).start()
        try:
            yield port
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, hello: Sequence[str], heard: Sequence[Heard]) -> None:
    with suppress(OSError):
        while True:
            client = listener.accept()[0]
            threading.Thread(target=_serve, args=(client, hello, heard), daemon=True).start()


def _serve(client: socket.socket, hello: Sequence[str], heard: Sequence[Heard]) -> None:
    with suppress(OSError), client, client.makefile("rb") as told:
        told.read(len(GREETING))
        _message(told)
        client.sendall(frame(hello))
        while (message := _message(told)) is not None:
            for fields in answers(heard, Heard(by_gateway=False, fields=message.decode().split("\0")[:-1])):
                client.sendall(frame(fields))


def _message(told: IO[bytes]) -> bytes | None:
    length = told.read(LENGTH.size)
    return told.read(LENGTH.unpack(length)[0]) if len(length) == LENGTH.size else None


def answers(heard: Sequence[Heard], asked: Heard) -> Iterator[Sequence[str]]:
    """Yield what was answered when last the same was asked, with the number of this request."""
    question = QUESTIONS.get(asked.kind)
    if question is None:
        return
    place = question.number
    same = [at for at, each in enumerate(heard) if not each.by_gateway and _is_same(each, asked, place)]
    if not same:
        if place is not None:
            yield ["4", "2", asked.fields[place], *map(str, NO_ANSWER), ""]
        return
    best = max(same, key=lambda at: (_alike(heard[at], asked), at))
    number = None if place is None else heard[best].fields[place]
    for each in heard[best + 1 :]:
        if not each.by_gateway and place is None and each.kind == asked.kind:
            return
        if not each.by_gateway or each.kind not in question.answers:
            continue
        at = NUMBERED.get(each.kind)
        if place is None or at is None:
            yield each.fields
        elif each.fields[at : at + 1] == [number]:
            yield [*each.fields[:at], asked.fields[place], *each.fields[at + 1 :]]
        else:
            continue
        if each.kind == question.last:
            return


def _is_same(told: Heard, asked: Heard, place: int | None) -> bool:
    """Whether two requests ask the same thing of the same instrument."""
    return told.kind == asked.kind and _words(told, place) == _words(asked, place)


def _words(message: Heard, place: int | None) -> list[str]:
    """Return the symbols of an instrument in a request about one: they begin two fields behind its number."""
    behind = () if place is None else message.fields[place + 2 : place + 3]
    return [word for word in behind if WORD.fullmatch(word)]


def _alike(told: Heard, asked: Heard) -> int:
    return sum(one == other for one, other in zip(told.fields, asked.fields, strict=False))
