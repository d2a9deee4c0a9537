"""The journal in a file: whole or not at all, one writer at a time, refused rather than repaired."""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from quant_platform_kit.adapters.durable_files import locked
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from trading_playbook.dp20.outcome import Note, Outcome
from trading_playbook.journal.csv_form import parse, render
from trading_playbook.journal.merging import Merged, Written
from trading_playbook.journal.record import TradeRecord, record_of
from trading_playbook.writers.csv_writer import CSVTradeWriter
from trading_playbook.writers.writer import TradeWriter

NEW_YORK = ZoneInfo("America/New_York")


def row(day: int, note: Note = Note.NO_PULLBACK) -> TradeRecord:
    return record_of(
        "QQQ", datetime(2025, 3, day, 9, 30, tzinfo=NEW_YORK), Outcome(note, 100.0, 90.0, trend_valid=True)
    )


def written(file: Path, *records: TradeRecord, replace: str | None = None, lock_seconds: float = 10.0) -> Merged:
    writer: TradeWriter = CSVTradeWriter(file, replace, lock_seconds=lock_seconds)
    for record in records:
        writer.write_trade(record)
    return writer.finalize()


def test_nothing_is_there_before_finalize(tmp_path: Path) -> None:
    writer = CSVTradeWriter(tmp_path / "output" / "trades.csv")
    writer.write_trade(row(3))
    assert list(tmp_path.iterdir()) == []
    assert writer.finalize().count(Written.WRITTEN) == 1
    assert (tmp_path / "output" / "trades.csv").read_bytes() == render([row(3)])
    assert writer.finalize().results == []


def test_the_same_rows_again_leave_the_file_untouched(tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    written(file, row(3), row(4))
    before = file.stat()
    assert written(file, row(4), row(3)).count(Written.UNCHANGED) == 2
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_other_rows_are_merged_and_a_conflict_keeps_the_files(tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    written(file, row(3), row(5))
    merged = written(file, row(4), row(5, Note.NO_REVERSAL))
    assert [result.outcome for result in merged.results] == [Written.WRITTEN, Written.CONFLICT]
    assert file.read_bytes() == render([row(3), row(4), row(5)])


def test_a_link_stays_a_link_and_a_journal_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    real, link = tmp_path / "kept" / "real.csv", tmp_path / "trades.csv"
    link.symlink_to(real)
    written(link, row(3))
    real.chmod(0o640)
    written(link, row(4))
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert len(parse(real.read_bytes(), "real")) == 2


def test_a_replacement_is_recorded_with_its_reason(tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    written(file, row(3), row(4))
    written(file, row(3, Note.NO_REVERSAL), row(4), replace="a late bar")
    assert parse(file.read_bytes(), "") == [row(3, Note.NO_REVERSAL), row(4)]
    (line,) = (tmp_path / "trades.csv.replaced.jsonl").read_text().splitlines()
    document = json.loads(line)
    assert document["reason"] == "a late bar"
    assert (document["old"]["notes"], document["new"]["notes"]) == ("no_pullback", "no_reversal")


@pytest.mark.parametrize("data", [b"", render([row(3)])[:-1], render([row(3)]).replace(b"\n", b"\r\n")])
def test_a_damaged_journal_is_refused_and_stays_as_it_is(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "trades.csv"
    file.write_bytes(data)
    with pytest.raises(InvalidInput, match=str(file)):
        written(file, row(4))
    assert file.read_bytes() == data


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f"{tmp_path} is a folder"):
        written(tmp_path, row(3))


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/trades\.csv"):
        written(tmp_path / "file" / "trades.csv", row(3))


def test_no_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "trades.csv"
    written(file, row(3))

    def refused(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(StoreError, match=r"trades\.csv: Permission denied"):
        written(file, row(4))


def test_a_full_disk_leaves_the_journal_and_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "trades.csv"
    written(file, row(3))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        written(file, row(4))
    assert file.read_bytes() == render([row(3)])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "trades.csv"]


def test_a_lock_that_is_held_too_long_is_an_error(tmp_path: Path) -> None:
    with locked(tmp_path, 1.0), pytest.raises(StoreError, match=r"\.lock is held by another process for 0.05 s"):
        written(tmp_path / "trades.csv", row(3), lock_seconds=0.05)
    assert not (tmp_path / "trades.csv").exists()


def test_writers_at_once_lose_no_row(tmp_path: Path) -> None:
    file, days = tmp_path / "trades.csv", range(1, 29)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda day: written(file, row(day), row(3)), days))
    assert parse(file.read_bytes(), "") == [row(day) for day in days]


def test_the_new_file_is_synced_before_it_takes_the_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    file, fsync, replace = tmp_path / "trades.csv", os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        steps.append("folder" if Path(f"/proc/self/fd/{descriptor}").resolve().is_dir() else "file")
        fsync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    written(file, row(3))
    assert steps == ["file", "rename", "folder"]
