"""The daily run: one row a session, from the trigger's time, whatever happens around it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from quant_platform_kit.domain.errors import Conflict, StoreError
from trading_playbook.attempts import Ending
from trading_playbook.dp20.outcome import Note
from trading_playbook.journal.csv_form import parse
from trading_playbook.journal.merging import Merged
from trading_playbook.testing.writer_contract import row
from trading_playbook.writers.csv_writer import CSVTradeWriter
from trading_playbook.writers.writer import TradeWriter

from .daily_frame import Site, site_in


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return a site whose journal is empty."""
    return site_in(tmp_path)


def days(site: Site) -> list[str]:
    return [str(row.trade_date) for row in parse(site.journal.read_bytes(), "")]


def test_an_empty_journal_starts_with_the_session_of_the_trigger(site: Site) -> None:
    attempt, result = site.run("2025-09-15T21:00")
    assert (attempt.ending, attempt.rows, attempt.feed, days(site)) == (Ending.WRITTEN, 1, "sip", ["2025-09-15"])
    assert (attempt.session, attempt.usage.calls, attempt.usage.call_seconds) == (date(2025, 9, 15), 1, 0.5)
    assert [made.notes for made in result.rows] == [Note.NO_PULLBACK]
    assert site.attempts() == [attempt]


def test_a_second_run_finds_the_row_before_it_asks_the_source(site: Site) -> None:
    site.run("2025-09-15T21:00")
    before = site.journal.read_bytes()
    attempt, result = site.run("2025-09-15T21:00", now="2025-09-15T22:00")
    assert (attempt.ending, attempt.usage.calls, site.opened) == (Ending.UNCHANGED, 0, 1)
    assert (site.journal.read_bytes(), len(result.rows), len(site.attempts())) == (before, 1, 2)


def test_a_retry_after_midnight_in_utc_means_the_day_before(site: Site) -> None:
    attempt, _ = site.run("2025-09-15T21:00", now="2025-09-16T00:30")
    assert (str(attempt.session), days(site)) == ("2025-09-15", ["2025-09-15"])


@pytest.mark.parametrize(
    ("scheduled", "session"),
    [("2025-10-31T21:00", "2025-10-31"), ("2025-11-03T22:00", "2025-11-03"), ("2025-09-16T03:59", "2025-09-15")],
)
def test_the_session_is_the_date_in_new_york_on_either_side_of_the_clock_change(
    site: Site, scheduled: str, session: str
) -> None:
    attempt, _ = site.run(scheduled)
    assert str(attempt.session) == session


@pytest.mark.parametrize("scheduled", ["2025-11-27T22:00", "2025-11-29T22:00"])
def test_a_day_without_session_is_skipped(site: Site, scheduled: str) -> None:
    attempt, _ = site.run(scheduled)
    assert (attempt.ending, attempt.rows, site.opened, site.journal.exists()) == (Ending.SKIPPED, 0, 0, False)
    assert "is no session of XNYS" in attempt.reason


@pytest.mark.parametrize(
    ("now", "ending"),
    [
        ("2025-09-15T20:15:59", Ending.EARLY),
        ("2025-09-15T20:16:00", Ending.WRITTEN),
        ("2025-11-28T18:15:59", Ending.EARLY),
        ("2025-11-28T18:16:00", Ending.WRITTEN),
    ],
)
def test_nothing_is_asked_before_sixteen_minutes_after_the_close(site: Site, now: str, ending: Ending) -> None:
    attempt, result = site.run(now)
    assert attempt.ending is ending
    assert (site.opened, site.journal.exists()) == ((0, False) if ending is Ending.EARLY else (1, True))
    if ending is Ending.EARLY:
        assert result.retry_at is not None
        assert f"{result.retry_at:%H:%M} UTC" in attempt.reason


@pytest.mark.parametrize(("ends", "is_written"), [(0, False), (375, False), (376, True), (390, True)])
def test_bars_that_are_not_all_there_are_never_written(site: Site, ends: int, is_written: bool) -> None:
    site.source.ends = ends
    attempt, _ = site.run("2025-09-15T21:00")
    assert (attempt.ending is Ending.WRITTEN, site.journal.exists()) == (is_written, is_written)
    if not is_written:
        assert attempt.ending is Ending.ERROR
        assert "are not all there yet; nothing was written" in attempt.reason


@pytest.mark.parametrize(
    ("now", "ending"), [("2025-09-16T13:29:59", Ending.ERROR), ("2025-09-16T13:30", Ending.WRITTEN)]
)
def test_from_the_next_open_on_the_row_is_written_as_it_is(site: Site, now: str, ending: Ending) -> None:
    site.source.ends = 0
    attempt, result = site.run("2025-09-15T21:00", now=now)
    assert attempt.ending is ending
    assert [made.notes for made in result.made] == ([Note.NO_DATA] if ending is Ending.WRITTEN else [])


def test_missed_sessions_are_made_up_for_oldest_first_and_each_is_said(site: Site) -> None:
    site.run("2025-09-15T21:00")
    attempt, result = site.run("2025-09-18T21:00")
    assert (attempt.ending, attempt.rows) == (Ending.WRITTEN, 3)
    assert days(site) == ["2025-09-15", "2025-09-16", "2025-09-17", "2025-09-18"]
    assert result.warnings[:2] == [f"2025-09-{day} was missed and is made up for" for day in (16, 17)]


@pytest.mark.parametrize(("scheduled", "rows"), [("2025-09-30T21:00", 12), ("2025-10-01T21:00", 1)])
def test_ten_missed_sessions_are_made_up_for_and_eleven_refused(site: Site, scheduled: str, rows: int) -> None:
    site.run("2025-09-15T21:00")
    attempt, _ = site.run(scheduled)
    assert len(days(site)) == rows
    if rows == 1:
        assert attempt.ending is Ending.ERROR
        assert "`quant playbook backtest --symbol QQQ --start 2025-09-16 --end 2025-09-30`" in attempt.reason


def test_a_session_before_the_last_row_fills_its_own_gap_only(site: Site) -> None:
    for scheduled in ("2025-09-15T21:00", "2025-09-18T21:00"):
        site.run(scheduled)
    kept = [line for line in site.journal.read_text().splitlines() if not line.startswith("2025-09-17")]
    site.journal.write_text("\n".join(kept) + "\n")
    attempt, _ = site.run("2025-09-17T21:00", now="2025-09-18T22:00")
    assert (attempt.rows, len(days(site))) == (1, 4)


def test_an_error_of_the_source_is_an_attempt_and_leaves_the_journal(site: Site) -> None:
    site.run("2025-09-15T21:00")
    before = site.journal.read_bytes()
    site.source.fails = StoreError("504 from GET /v2/stocks/bars")
    attempt, _ = site.run("2025-09-16T21:00")
    assert (attempt.ending, attempt.reason, attempt.usage.calls) == (Ending.ERROR, "504 from GET /v2/stocks/bars", 2)
    assert site.journal.read_bytes() == before


def test_journals_that_cannot_be_opened_are_an_attempt(site: Site) -> None:
    def refused() -> list[TradeWriter]:
        raise StoreError("the secret cannot be read")

    site.writers = refused
    attempt, result = site.run("2025-09-15T21:00")
    assert (attempt.ending, attempt.reason, site.opened) == (Ending.ERROR, "the secret cannot be read", 0)
    assert (site.attempts(), result.rows) == ([attempt], None)


def test_a_defect_is_an_attempt_too_and_goes_on_up(site: Site) -> None:
    def broken() -> list[TradeWriter]:
        class Broken(CSVTradeWriter):
            def read(self) -> list[object]:  # type: ignore[override]
                raise ZeroDivisionError

        return [Broken(site.journal)]

    site.writers = broken
    with pytest.raises(ZeroDivisionError):
        site.run("2025-09-15T21:00")
    assert [(each.ending, each.reason) for each in site.attempts()] == [(Ending.ERROR, "a defect: ZeroDivisionError")]


def test_a_row_that_another_run_wrote_meanwhile_and_differs_is_a_conflict(site: Site) -> None:
    class Overtaken(CSVTradeWriter):
        def finalize(self) -> Merged:
            other = CSVTradeWriter(site.journal)
            other.write_trade(row(3, Note.NO_REVERSAL))
            other.finalize()
            return super().finalize()

    site.writers = lambda: [Overtaken(site.journal)]
    attempt, result = site.run("2025-03-03T22:00")
    assert attempt.ending is Ending.CONFLICT
    assert "has another row and keeps it" in attempt.reason
    assert [kept.notes for kept in result.rows] == [Note.NO_REVERSAL]


def test_of_two_journals_each_is_finished_or_fails_on_its_own(site: Site, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.mkdir()
    site.writers = lambda: [CSVTradeWriter(broken), CSVTradeWriter(site.journal)]
    attempt, result = site.run("2025-09-15T21:00")
    assert (attempt.ending, attempt.rows, days(site)) == (Ending.ERROR, 1, ["2025-09-15"])
    assert f"{broken} is a folder" in attempt.reason
    assert result.rows is None  # figures are those of the first journal
    broken.rmdir()
    attempt, result = site.run("2025-09-15T21:00", now="2025-09-15T22:00")
    assert (attempt.ending, broken.read_bytes()) == (Ending.WRITTEN, site.journal.read_bytes())
    assert result.rows == CSVTradeWriter(site.journal).read()


@pytest.mark.parametrize("data", [b"", b"date,r\n", b"\xef\xbb\xbfx\n"])
def test_a_journal_that_is_none_is_refused_before_any_bars_are_asked_for(site: Site, data: bytes) -> None:
    site.journal.write_bytes(data)
    attempt, _ = site.run("2025-09-15T21:00")
    assert (attempt.ending, site.opened, site.journal.read_bytes()) == (Ending.ERROR, 0, data)


def test_an_attempt_is_created_and_never_changed(site: Site) -> None:
    site.run("2025-09-15T21:00")
    (key,) = site.store.keys("playbook/QQQ/attempts/")
    with pytest.raises(Conflict):
        site.store.create(key, b"x")
    assert key.startswith("playbook/QQQ/attempts/2025-09-15/20250915T210000")


def test_an_attempt_that_cannot_be_recorded_fails_the_run_and_the_row_stays(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> int:
        raise StoreError("the store is down")

    monkeypatch.setattr("quant_platform_kit.adapters.file_store.FileStore.create", down)
    with pytest.raises(StoreError, match="the store is down"):
        site.run("2025-09-15T21:00")
    assert days(site) == ["2025-09-15"]


def test_a_date_beyond_the_calendar_is_an_error(site: Site) -> None:
    attempt, _ = site.run("2099-09-15T21:00")
    assert (attempt.ending, "XNYS" in attempt.reason) == (Ending.ERROR, True)
