"""Every folder of captures is read as when it was made: it is a test without a line of code."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.captures import Manifest, lines_of, read_capture, write_capture
from quant_platform_kit.cli import captures
from quant_platform_kit.cli.captures import offer, record, replayed
from quant_platform_kit.cli.main import app
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.services.record.seen import Seen
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from chaos.made_documents import reading_of

CAPTURES = Path(__file__).parent / "captures"
FOLDERS = sorted(path.parent for path in CAPTURES.glob("*/*/manifest.json"))
SCHWAB = CAPTURES / "schwab" / "at-the-venue"


@pytest.mark.parametrize("folder", [pytest.param(each, id="/".join(each.parts[-2:])) for each in FOLDERS])
def test_a_capture_is_read_as_it_was_when_it_was_made(folder: Path) -> None:
    capture = read_capture(folder)
    assert capture.manifest.platform == folder.parent.name
    found = replayed(capture)
    assert (list(found.unreadable), found.strangers) == ([], [])
    assert found.texts == capture.manifest.differences
    assert lines_of(capture) == {path.name: path.read_text() for path in folder.iterdir()}


def test_there_is_a_capture_of_every_broker() -> None:
    assert {folder.parent.name for folder in FOLDERS} >= {"ibkr", "longbridge", "paper", "schwab"}


def test_captures_name_no_account() -> None:
    for folder in FOLDERS:
        assert not re.search("DUSBX|@|https?:", "".join(path.read_text() for path in folder.iterdir()))


# --- the command, of documents alone: what a stand serves is tested with the brokers ---------------


@pytest.fixture
def no_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no stand that serves captures."""
    monkeypatch.setattr(captures, "STANDS", "quant.no_replays")


def quant(*words: str) -> Any:
    """Run `quant` in this process."""
    return CliRunner().invoke(app, words)


def changed(folder: Path, old: str, new: str) -> Path:
    """Return a copy of the capture of Schwab with a change in its documents."""
    write_capture(folder, read_capture(SCHWAB))
    path = folder / "documents.jsonl"
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))
    return folder


@pytest.mark.usefixtures("no_stand")
def test_a_capture_is_replayed_on_the_command_line() -> None:
    shown, told = quant("contact", "replay", str(SCHWAB)), quant("contact", "replay", str(SCHWAB), "--json")
    assert (shown.exit_code, told.exit_code) == (0, 0)
    assert "schwab-py" in shown.output
    answer = json.loads(told.stdout)
    assert (answer["new"], answer["gone"], answer["unreadable"]) == ([], [], [])
    assert answer["documents"]["order"] > 1
    assert answer["checklist"] is None
    assert "has no stand that serves captures" in answer["documents_alone"]
    assert answer["documents_alone"] in " ".join(shown.output.split())


@pytest.mark.usefixtures("no_stand")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"status": "FILLED"', '"status": "PARKED"', "status of order is 'PARKED', which is not known"),
        ('"cashBalance"', '"cashBalances"', "cashBalances of account is new"),
        ('"subject": "quote"', '"subject": "rumour"', "rumour"),
    ],
)
def test_a_capture_that_is_not_as_it_was_made_is_exit_1(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = quant("contact", "replay", str(changed(tmp_path / "capture", old, new)))
    assert found.exit_code == 1
    assert said in found.output


@pytest.mark.parametrize("name", ["nowhere", "empty", "no-manifest", "no-json", "other-platform"])
def test_a_folder_that_is_no_capture_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    if name != "nowhere":
        folder.mkdir()
    if name in ("no-json", "other-platform"):
        manifest = (SCHWAB / "manifest.json").read_text()
        (folder / "manifest.json").write_text(manifest.replace("schwab", "tarot") if "other" in name else manifest)
        (folder / "documents.jsonl").write_text("{\n" if name == "no-json" else "")
    elif name == "no-manifest":
        (folder / "manifest.json").write_text("[]")
    with pytest.raises(InvalidInput, match=r"\S") as error:
        replayed(read_capture(folder))
    assert "\n" not in str(error.value)


def test_nothing_is_written_before_it_was_shown_and_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, capture = tmp_path / "capture", read_capture(SCHWAB)
    monkeypatch.setattr("typer.confirm", lambda _: False)
    assert not offer(folder, capture, yes=False)
    assert not folder.exists()
    assert '"subject": "account"' in capsys.readouterr().out
    assert offer(folder, capture, yes=True)
    assert lines_of(read_capture(folder)) == lines_of(capture)
    with pytest.raises(InvalidInput, match="not empty"):
        offer(folder, capture, yes=True)


def test_what_a_session_was_told_is_recorded_with_what_was_other_than_believed(tmp_path: Path) -> None:
    seen = Seen(reading_of("schwab").TABLES)
    seen.keeps = True
    quote = {"realtime": True, "quote": {"lastPrice": 9.5, "secret": "kim"}}
    seen.take("quote", quote)
    about = Manifest("schwab", "schwab-py", "1.5.1", date(2024, 6, 10), scale=3)
    assert record(tmp_path / "capture", about, seen, {"SPY"}, yes=True)
    capture = read_capture(tmp_path / "capture")
    (kept,) = capture.documents
    assert kept == ("quote", {"realtime": True, "quote": {"lastPrice": Decimal("9.5"), "field-1": "text-1"}})
    assert capture.manifest.scale == 3
    assert "quote.field-1 of quote is new, and is not read" in capture.manifest.differences


@pytest.mark.parametrize("broker", [folder.parent.name for folder in FOLDERS])
def test_a_document_of_another_make_is_named_and_breaks_nothing(broker: str) -> None:
    capture = read_capture(CAPTURES / broker / "at-the-venue")
    subjects = {subject for subject, _ in capture.documents} & {"account", "position", "order"}
    assert subjects
    for subject in subjects:
        for told in (None, 7, "<html>maintenance</html>", [], {}):
            found = replayed(replace(capture, documents=[(subject, told)]))
            assert found.texts or found.unreadable, (subject, told)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe{}", "no text in UTF-8"),
        (b'{"subject": ["order"], "document": {}}', "line 1: not a document with its subject"),
        (b'{"subject": "order", "document": ' + b"[" * 20_000, "line 1: not a document with its subject"),
        (b'{"subject": "order"', "line 1: not a document with its subject"),
    ],
)
def test_a_file_that_is_damaged_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    folder = changed(tmp_path / "capture", "WORKING", "WORKING")
    (folder / "documents.jsonl").write_bytes(content)
    with pytest.raises(InvalidInput, match=said) as error:
        read_capture(folder)
    assert "\n" not in str(error.value)
