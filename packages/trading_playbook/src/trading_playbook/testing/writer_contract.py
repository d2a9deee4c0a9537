"""What every writer of a journal owes, whatever it writes to."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from trading_playbook.dp20.outcome import Note, Outcome, Trade
from trading_playbook.journal.csv_form import render
from trading_playbook.journal.merging import Merged, Written
from trading_playbook.journal.record import TradeRecord, record_of
from trading_playbook.writers.writer import TradeWriter

__all__ = ["Journal", "WriterContract", "row", "traded", "written"]

_ZONE = ZoneInfo("America/New_York")


class Journal(Protocol):
    """A journal of a test's own in some back end; it does not exist yet."""

    def open(self, replace: str | None = None) -> TradeWriter:
        """Return a writer of it."""
        ...

    def raw(self) -> object:
        """Return what the back end holds of it, to be compared; not by way of a writer."""
        ...

    def replacements(self) -> Sequence[tuple[str, str, str]]:
        """Return reason, old note and new note of what was replaced, in order."""
        ...


def row(day: int, note: Note = Note.NO_PULLBACK, symbol: str = "QQQ") -> TradeRecord:
    """Return a row of a session of March 2025 without a trade."""
    return record_of(symbol, datetime(2025, 3, day, 9, 30, tzinfo=_ZONE), Outcome(note, 100.0, 90.0, trend_valid=True))


def traded(day: int) -> TradeRecord:
    """Return a row with every cell filled."""
    trade = Trade(61, 101.5, 0.25, 101.2, 300, 102.123457, Note.EOD)
    outcome = Outcome(Note.EOD, 100.0, 90.0, True, 31, 40, 42, trade)
    return record_of("QQQ", datetime(2025, 3, day, 9, 30, tzinfo=_ZONE), outcome)


def written(writer: TradeWriter, *records: TradeRecord) -> Merged:
    """Write rows together."""
    for record in records:
        writer.write_trade(record)
    return writer.finalize()


class WriterContract:
    """Subclass it with a fixture ``journal``; the numbers are those of the rules that it tests."""

    def test_w1_nothing_is_there_before_finalize_and_no_row_is_taken_twice(self, journal: Journal) -> None:
        """W1."""
        before, writer = journal.raw(), journal.open()
        assert writer.read() == []
        writer.write_trade(row(3))
        assert journal.raw() == before
        assert writer.finalize().count(Written.WRITTEN) == 1
        assert writer.finalize().results == []
        assert journal.open().read() == [row(3)]

    def test_w2_every_cell_comes_back_as_it_was(self, journal: Journal) -> None:
        """W2."""
        rows = [row(3), traded(4), row(5, Note.NO_DATA)]
        written(journal.open(), *rows)
        assert journal.open().read() == rows
        assert render(journal.open().read()) == render(rows)

    def test_w3_the_same_rows_again_change_nothing(self, journal: Journal) -> None:
        """W3."""
        written(journal.open(), row(3), traded(4))
        before = journal.raw()
        merged = written(journal.open(), traded(4), row(3))
        assert (merged.count(Written.UNCHANGED), journal.raw()) == (2, before)

    def test_w4_rows_are_merged_by_date_and_symbol(self, journal: Journal) -> None:
        """W4."""
        written(journal.open(), row(5), row(3))
        merged = written(journal.open(), row(4), row(3, symbol="SPY"))
        expected = [row(3), row(3, symbol="SPY"), row(4), row(5)]
        assert (list(merged.rows), journal.open().read()) == (expected, expected)

    def test_w5_a_row_that_differs_is_kept_and_named(self, journal: Journal) -> None:
        """W5."""
        written(journal.open(), row(3))
        before = journal.raw()
        merged = written(journal.open(), row(3, Note.NO_REVERSAL))
        (result,) = merged.results
        assert (result.outcome, result.kept, journal.raw()) == (Written.CONFLICT, row(3), before)
        assert result.differs == {"notes": ("no_pullback", "no_reversal")}
        assert list(merged.rows) == [row(3)]

    def test_w6_a_reason_replaces_and_is_recorded(self, journal: Journal) -> None:
        """W6."""
        written(journal.open(), row(3), row(4))
        merged = written(journal.open("a late bar"), row(3, Note.NO_REVERSAL), row(4), row(5))
        assert [result.outcome for result in merged.results] == [Written.REPLACED, Written.UNCHANGED, Written.WRITTEN]
        assert journal.open().read() == [row(3, Note.NO_REVERSAL), row(4), row(5)]
        assert journal.replacements() == [("a late bar", "no_pullback", "no_reversal")]

    def test_w7_the_place_is_named(self, journal: Journal) -> None:
        """W7."""
        assert "trades" in journal.open().place

    def test_w8_writers_at_once_lose_no_row_and_make_none_twice(self, journal: Journal) -> None:
        """W8."""
        days = range(1, 9)

        def write(day: int) -> Merged:
            return written(journal.open(), row(day), row(20))

        with ThreadPoolExecutor(len(days)) as pool:
            list(pool.map(write, days))
        assert journal.open().read() == [*(row(day) for day in days), row(20)]
