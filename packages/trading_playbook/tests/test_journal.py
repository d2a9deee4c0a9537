"""The journal: one exact text, a strict reader, and rows merged by their key."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from quant_platform_kit.domain.errors import InvalidInput
from trading_playbook.dp20.outcome import Note, Outcome, Trade
from trading_playbook.journal.cells import cells_of, differences
from trading_playbook.journal.csv_form import parse, render
from trading_playbook.journal.merging import Written, merge
from trading_playbook.journal.record import TradeRecord, record_of

NEW_YORK = ZoneInfo("America/New_York")
HEADER = (
    b"trade_date,trend_valid,reversal_time,confirmation_time,entered,entry_price,atr_at_entry,stop_price,"
    b"eod_exit_price,r_multiple,notes,strategy,symbol,session_open,sma200,pullback_time,entry_time,exit_time\n"
)


def row(day: int = 3, symbol: str = "QQQ", price: float = 100.0) -> TradeRecord:
    trade = Trade(38, price, 1 / 3, price - 0.4, 385, price + 1.0)
    outcome = Outcome(Note.EOD, 99.0, 90.0, trend_valid=True, pullback=30, reversal=34, confirmation=36, trade=trade)
    return record_of(symbol, datetime(2025, 3, day, 9, 30, tzinfo=NEW_YORK), outcome)


ROWS = [row(3), row(4), record_of("QQQ", datetime(2025, 3, 5, 9, 30, tzinfo=NEW_YORK), Outcome(Note.NO_DATA))]
TEXT = render(ROWS)


def test_a_row_is_written_in_one_form() -> None:
    lines = TEXT.decode().splitlines()
    assert f"{lines[0]}\n".encode() == HEADER
    assert lines[1] == (
        "2025-03-03,true,10:04,10:06,true,100.000000,0.333333,99.600000,101.000000,2.500000,eod,dp20,QQQ,99.000000,"
        "90.000000,10:00,10:08,15:55"
    )
    assert lines[3] == "2025-03-05,,,,false,,,,,,no_data,dp20,QQQ,,,,,"


def test_what_was_written_is_read_as_it_was() -> None:
    assert parse(TEXT, "here") == ROWS
    assert parse(HEADER, "here") == []


def test_the_dev_journal_is_read_and_written_byte_for_byte(dev_journal: bytes) -> None:
    assert render(parse(dev_journal, "the dev journal")) == dev_journal


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(TEXT.replace(b"notes,", b"note,", 1), "another header", id="another header"),
        pytest.param(TEXT[:-4], "is cut", id="a cut last line"),
        pytest.param(TEXT[:-20] + b"\n", "line 4 has 11 cells", id="a cut last line that ends"),
        pytest.param(TEXT.replace(b"\n", b"\r\n"), "CR LF", id="CRLF"),
        pytest.param(b"\xef\xbb\xbf" + TEXT, "byte order mark", id="BOM"),
        pytest.param(b"", "is empty", id="nothing"),
        pytest.param(b"\xff" + TEXT, "not UTF-8", id="not UTF-8"),
        pytest.param(TEXT + TEXT.splitlines(keepends=True)[1], "line 5 has dp20 QQQ 2025-03-03, as line 2", id="twice"),
        pytest.param(HEADER + b"".join(TEXT.splitlines(keepends=True)[:0:-1]), "comes first", id="out of order"),
        pytest.param(TEXT.replace(b"100.000000", b"100.0", 1), "column entry_price", id="five decimals less"),
        pytest.param(TEXT.replace(b"100.000000", b"nan", 1), "column entry_price", id="NaN"),
        pytest.param(TEXT.replace(b"true", b"True", 1), "column trend_valid", id="another truth"),
        pytest.param(TEXT.replace(b"10:04", b"10:4", 1), "column reversal_time", id="another time"),
        pytest.param(TEXT.replace(b"2025-03-03", b"20250303", 1), "column trade_date", id="another date"),
        pytest.param(TEXT.replace(b",eod,", b",end,", 1), "column notes", id="another note"),
        pytest.param(TEXT.replace(b",eod,", b",,", 1), "column notes", id="no note"),
        pytest.param(TEXT.replace(b",QQQ,", b',"QQQ",', 1), "column symbol", id="quotes"),
        pytest.param(TEXT + b"\n", "line 5 has 1 cells", id="an empty line"),
    ],
)
def test_other_bytes_than_a_journals_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        parse(data, "trades.csv")
    assert str(refused.value).startswith("trades.csv")
    assert "nothing was written" in str(refused.value)


@pytest.mark.parametrize("byte", [b"", b"0", b"9", b"-", b",", b"\n", b" ", b"E", b":"])
def test_a_journal_that_is_read_is_written_byte_for_byte_whatever_one_byte_becomes(byte: bytes) -> None:
    taken = 0
    for place in range(len(TEXT)):
        data = TEXT[:place] + byte + TEXT[place + 1 :]
        try:
            rows = parse(data, "here")
        except InvalidInput:
            continue
        assert render(rows) == data
        taken += 1
    assert taken < len(TEXT) / 2


def test_a_new_row_is_written_in_its_place() -> None:
    merged = merge([row(3), row(5)], [row(4), row(4, "AAA")])
    assert [(record.trade_date.day, record.symbol) for record in merged.rows] == [
        (3, "QQQ"),
        (4, "AAA"),
        (4, "QQQ"),
        (5, "QQQ"),
    ]
    assert (merged.count(Written.WRITTEN), merged.is_changed) == (2, True)


def test_an_equal_row_is_left_alone() -> None:
    almost = replace(row(3), entry_price=100.0000001)
    merged = merge([row(3)], [almost])
    assert (merged.rows, merged.count(Written.UNCHANGED), merged.is_changed) == ([row(3)], 1, False)


def test_a_row_that_differs_is_a_conflict_and_the_journal_keeps_its_own() -> None:
    merged = merge([row(3)], [row(3, price=101.0), row(4)])
    assert merged.rows == [row(3), row(4)]
    assert [result.outcome for result in merged.results] == [Written.CONFLICT, Written.WRITTEN]
    assert merged.results[0].differs["entry_price"] == ("100.000000", "101.000000")


def test_a_reason_replaces_a_row_that_differs() -> None:
    merged = merge([row(3)], [row(3, price=101.0)], replace=True)
    assert (merged.rows, merged.results[0].kept) == ([row(3, price=101.0)], row(3))
    assert merged.results[0].outcome is Written.REPLACED


def test_the_same_row_twice_at_once_is_written_once() -> None:
    assert [result.outcome for result in merge([], [row(3), row(3)]).results] == [Written.WRITTEN, Written.UNCHANGED]


def test_differences_are_told_by_column() -> None:
    assert differences(row(3), row(3)) == {}
    assert set(differences(row(3), row(4))) == {"trade_date"}
    assert len(cells_of(row(3))) == 18


def test_the_clock_times_are_those_of_the_exchange() -> None:
    opens = datetime(2025, 3, 3, 9, 30, tzinfo=NEW_YORK)
    assert (
        record_of("QQQ", opens, Outcome(Note.NO_REVERSAL, pullback=59)).pullback_time
        == (opens + timedelta(minutes=59)).time()
    )
