"""What is kept of the messages of a Gateway."""

from __future__ import annotations

from typing import Any

import pytest
from ibkr_app.beliefs import TABLES
from ibkr_app.wire import WIRE, Tap
from quant_platform_kit.domain.redacting import redacted
from quant_platform_kit.services.record.seen import Seen

POSITION = "61 3 U5566778 756733 SPY STK - 0 - - ARCA USD SPY SPY 5 101.46"


class Connection:
    """A connection of the library, as far as it is overheard."""

    def __init__(self) -> None:
        self.passed = b""

    def data_received(self, data: bytes) -> None:
        """Take data in."""
        self.passed += data

    def sendMsg(self, msg: bytes) -> None:
        """Send."""
        self.passed += msg


def frame(text: str) -> bytes:
    """Return a message with its length; ``-`` is an empty field."""
    content = "".join(("" if field == "-" else field) + "\0" for field in text.split(" ")).encode()
    return len(content).to_bytes(4, "big") + content


def heard(*received: str, sent: str = "", keeps: bool = True, step: int = 0) -> list[tuple[str, Any]]:
    """Return what is kept of messages, received in pieces of so many bytes."""
    seen, connection = Seen(TABLES, WIRE), Connection()
    seen.keeps = keeps
    Tap(connection, seen)
    data = b"".join(map(frame, ("176 20240610", *received)))
    for start in range(0, len(data), step or len(data)):
        connection.data_received(data[start : start + (step or len(data))])
    if sent:
        connection.sendMsg(b"API\0" + frame("v157..178"))
        connection.sendMsg(frame(sent))
    assert data in connection.passed
    return seen.exchanges[1:]


def given(*messages: str) -> list[Any]:
    """Return what is given away of messages."""
    return [document for _, document in redacted(WIRE, heard(*messages), {"SPY"}, 3)]


def test_messages_are_heard_both_ways_and_in_pieces() -> None:
    assert [subject for subject, _ in heard(POSITION, "62 1", sent="61 1")] == ["gateway 61", "gateway 62", "client 61"]
    assert heard(POSITION, "62 1", step=3) == heard(POSITION, "62 1")
    assert heard(POSITION, keeps=False) == []


def test_account_and_ids_are_invented_quantities_are_scaled_and_prices_are_kept() -> None:
    assert given(POSITION, "15 1 U5566778,U111,") == [
        ["61", "3", "text-1", "1", "SPY", "STK", "", "0", "", "", "ARCA", "USD", "SPY", "SPY", "15", "101.46"],
        ["15", "1", ["text-1", "text-2", ""]],
    ]


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        (
            "73 1 9 U5566778 - TotalCashValue 1000.50 USD",
            ["73", "1", "1", "text-1", "", "TotalCashValue", "3001.50", "USD"],
        ),
        ("73 1 9 U5566778 - AccountOrGroup 5566778 USD", None),
        ("6 2 CashBalance 2 USD U5566778", ["6", "2", "CashBalance", "6", "USD", "text-1"]),
        ("3 77 Submitted 0 5 0 88 0 0 1 - 0", ["3", "1", "Submitted", "0", "15", "0", "2", "3", "0", "1", "", "0"]),
        ("3 77 PARKED 0 5 0 88 0 0 1 - 0", ["3", "1", "PARKED", "0", "15", "0", "2", "3", "0", "1", "", "0"]),
        ("4 2 -1 2104 secret -", ["4", "2", "-1", "2104", "text-1", ""]),
        ("204 1 secret", None),
    ],
)
def test_a_message_is_kept_as_its_table_says(message: str, kept: list[Any] | None) -> None:
    assert given(message) == ([] if kept is None else [kept])
