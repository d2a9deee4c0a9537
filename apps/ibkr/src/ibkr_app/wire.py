"""Messages of the Gateway and to it, as a capture keeps them: their fields, one table for each kind that is kept.

Fields of an answer that nobody reads have to stay readable for the client library: what counts and what says yes or no
is kept, and so are the words of the protocol. A value of the account that nobody reads is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from quant_platform_kit.domain.beliefs import CURRENCIES, TEXT, Field, Kind, Table
from quant_platform_kit.services.record.seen import Seen

from ibkr_app.beliefs import ACCOUNT, ORDER_STATES

__all__ = ["WIRE", "Tap"]

GREETING = b"API\0"
LENGTH = 4
HELLO = "gateway hello"
NOT_SET = ("1.7976931348623157E308", "1.7976931348623157e+308", "2147483647", "9223372036854775807")
WORDS = frozenset(
    (
        *map(str, range(-1, 10)),
        *("0.0", "1.0", "?", "None", "true", "false", *NOT_SET),
        *("STK", "SMART", "NASDAQ", "NYSE", "ARCA", "AMEX", "BATS", "IEX", "ISLAND", "PINK", "CBOE", "NMS", "ETF"),
        *("BUY", "SELL", "BOT", "SLD", "LMT", "MKT", "DAY", "GTC", "IB", "ISIN", "COMMON"),
        *("TRADES", "ADJUSTED_LAST", "MIDPOINT", "1 day"),
        *(CURRENCIES | {"BASE"}),
        *ORDER_STATES,
    )
)
"""What is kept of a field that nobody reads: it is public, and the library has to understand it."""
DEFAULT = Field("[]", TEXT | {Kind.FIXED, Kind.SYMBOL}, known=WORDS)
NUMERAL, IDS = frozenset({Kind.NUMERAL}), frozenset({Kind.NUMERAL, Kind.ID})
PRICES = NUMERAL | {Kind.PER_UNIT}
INSTANTS = frozenset({Kind.INSTANT})
ZONES = frozenset({"US/Eastern", "US/Central", "US/Pacific", "America/New_York", "EST", "UTC", "GMT"})
TAGS = frozenset(each.path.partition(".")[0] for each in ACCOUNT.fields)


def _message(
    subject: str,
    *fields: Field,
    ids: Sequence[int] = (),
    amounts: Sequence[int] = (),
    prices: Sequence[int] = (),
    instants: Sequence[int] = (),
    others: Field = DEFAULT,
) -> Table:
    """Return the table of a message, by the places of its fields."""
    return Table(
        subject,
        (
            *(Field(f"[{place}]", IDS, known=frozenset({"-1"})) for place in ids),
            *(Field(f"[{place}]", NUMERAL, money=True) for place in amounts),
            *(Field(f"[{place}]", PRICES) for place in prices),
            *(Field(f"[{place}]", INSTANTS) for place in instants),
            *fields,
            Field("[0]", PRICES),
            others,
        ),
    )


def _value(subject: str, tag: int, *more: int) -> Table:
    return _message(subject, Field(f"[{tag}]", TEXT | {Kind.FIXED}, known=TAGS), ids=more, amounts=(tag + 1,))


BARS = Field("[]", PRICES | INSTANTS)
STATUS = Field("[2]", known=frozenset(ORDER_STATES))
WIRE = (
    _message(HELLO, instants=(1,)),
    _message("gateway 1", ids=(2,), prices=(3, 4, 5)),
    _message("gateway 2", ids=(2,), prices=(3, 4)),
    _message("gateway 3", STATUS, ids=(1, 6, 7), amounts=(3, 4), prices=(5, 8)),
    _message("gateway 4", ids=(2,), prices=(3,)),
    _message("gateway 5", ids=(1, 2, 25), amounts=(14,), prices=(16, 17)),
    _value("gateway 6", 2),
    _message("gateway 9", ids=(2,)),
    _message(
        "gateway 10",
        Field("[16][]", known=WORDS),
        Field("[25]", TEXT | {Kind.FIXED}, known=ZONES),
        *(Field(f"[{place}]", frozenset({Kind.HOURS})) for place in (26, 27)),
        ids=(1, 12, 18),
        prices=(13, -3, -2, -1),
    ),
    _message("gateway 11", ids=(1, 2, 3, 21), amounts=(19, 24), prices=(20, 25), instants=(15,)),
    _message("gateway 15", Field("[2][]")),
    _message("gateway 17", ids=(1,), others=BARS),
    _message("gateway 45", ids=(2,), prices=(3, 4)),
    _message("gateway 46", ids=(2,), prices=(3, 4)),
    _message("gateway 49", prices=(2,)),
    *(_message(f"gateway {kind}", ids=(2,)) for kind in (52, 55, 57, 58, 74)),
    *(_message(f"gateway {kind}") for kind in (53, 54, 62, 102)),
    _message("gateway 59", amounts=(3,)),
    _message("gateway 61", ids=(3,), amounts=(14,), prices=(15,)),
    _value("gateway 73", 5, 2),
    _message("gateway 81", ids=(1,), prices=(2,)),
    _message("gateway 101", ids=(1, 22), amounts=(13, -14), prices=(15, 16), instants=(-7,)),
    _message("client 1", ids=(2, 3)),
    _message("client 7", ids=(2,)),
    _message("client 9", ids=(2, 3)),
    _message("client 20", Field("[17][]", PRICES | {Kind.FIXED}, known=frozenset("DWMYS")), ids=(1, 2)),
    _message("client 76", ids=(2,)),
    *(_message(f"client {kind}") for kind in (5, 6, 16, 49, 59, 61, 71, 99)),
)
"""What is kept of each kind of message; kinds that are not here are left out."""
LISTS = {"gateway 10": (16, ","), "gateway 15": (2, ","), "client 20": (17, " ")}
"""Fields that are several: the place, and what stands between."""
TOLD = {"gateway 6": 2, "gateway 73": 5}
"""Where a value of the account tells what it is."""


class Tap:
    """Hears what a connection of the library takes in and sends, and changes nothing of it."""

    def __init__(self, connection: Any, seen: Seen) -> None:
        self._seen, self._heard, self._met = seen, b"", False
        receive, send = connection.data_received, connection.sendMsg
        connection.data_received = self._before(self._receive, receive)
        connection.sendMsg = self._before(self._send, send)

    @staticmethod
    def _before(listen: Callable[[bytes], None], act: Callable[[bytes], Any]) -> Callable[[bytes], None]:
        def both(data: bytes) -> None:
            listen(data)
            act(data)

        return both

    def _receive(self, data: bytes) -> None:
        self._heard += data
        messages = list(_whole(self._heard))
        self._heard = self._heard[sum(LENGTH + len(message) for message in messages) :]
        for message in messages:
            self._keep("gateway", _fields(message))

    def _send(self, data: bytes) -> None:
        if not data.startswith(GREETING):
            for message in _whole(data):
                self._keep("client", _fields(message))

    def _keep(self, side: str, fields: list[Any]) -> None:
        subject = f"{side} {fields[0]}" if fields else side
        if side == "gateway" and not self._met:
            subject, self._met = HELLO, True
        if subject in TOLD and TAGS.isdisjoint(fields[TOLD[subject] : TOLD[subject] + 1]):
            return
        place, between = LISTS.get(subject, (len(fields), ""))
        self._seen.overhear(subject, [each.split(between) if at == place else each for at, each in enumerate(fields)])


def _whole(data: bytes) -> Iterator[bytes]:
    """Yield the messages that are there to their end."""
    while len(data) >= LENGTH and len(data) >= (end := LENGTH + int.from_bytes(data[:LENGTH], "big")):
        yield data[LENGTH:end]
        data = data[end:]


def _fields(message: bytes) -> list[Any]:
    return message.decode(errors="backslashreplace").split("\0")[:-1]
