"""`quant ready`: what blocks an account from live trading, in words, as a document and as a page."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.installed import installed_client
from quant_platform_kit.services.operate.allow_list import set_allowed
from quant_platform_kit.services.operate.assumptions import Mark, Verdict, keep_mark
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.contact.result import Contact, Line, State, keep_contact

from ..command import Quant, assert_refused

NOW = datetime(2023, 12, 1, 20, tzinfo=UTC)
CLIENT = installed_client("ibkr", ("ib_async",))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    monkeypatch.setenv("STORE_URL", (tmp_path / "store").as_uri())
    monkeypatch.setenv("REPORT_STORE_URL", (tmp_path / "reports").as_uri())
    return FileStore(tmp_path / "store")


def prepare(store: FileStore, *, contact: State | None = None, allow: bool = False, refuted: bool = False) -> None:
    assert CLIENT is not None
    if contact is not None:
        lines = (Line("quotes", contact, "as seen"),)
        keep_contact(store, Contact("U1", "ibkr", CLIENT.library, CLIENT.version, NOW, "", lines, 1))
    if allow:
        set_allowed(Operator(store, FrozenClock(NOW), "mira"), "U1", "tried", on=True)
    if refuted:
        keep_mark(store, "U1", Mark("reference-once", Verdict.REFUTED, CLIENT.text, NOW, "two orders"))


@pytest.mark.parametrize(
    ("given", "blocking"),
    [
        ({}, ["contact", "allow-list"]),
        ({"contact": State.BLOCKS, "allow": True}, ["contact"]),
        ({"contact": State.GOOD}, ["allow-list"]),
        ({"contact": State.NOT_TOLD, "allow": True, "refuted": True}, ["refuted"]),
        ({"contact": State.CAUTION, "allow": True}, []),
    ],
)
def test_what_blocks_is_named_and_everything_else_is_listed(
    quant: Quant, place: FileStore, given: dict[str, object], blocking: list[str]
) -> None:
    prepare(place, **given)  # pyright: ignore[reportArgumentType]
    answer = quant("ready", "--platform", "ibkr", "--account", "U1", "--json")
    lines = answer.document["lines"]
    assert [line["subject"] for line in lines if line["state"] == "blocks"] == blocking
    assert (answer.code, answer.document["ready"]) == (1 if blocking else 0, not blocking)
    assert {"order test", "dry runs", "kill drill", "restore drill", "shortfall"} <= {line["subject"] for line in lines}


def test_a_person_lifts_what_blocks_for_the_installed_version(quant: Quant, place: FileStore) -> None:
    prepare(place, allow=True, refuted=True)
    lifted = quant("ready", "--platform", "ibkr", "--account", "U1", "--unready", "--reason", "seen", "--who", "mira")
    assert (lifted.code, lifted.err) == (0, "")
    assert "unready" in quant("audit").out


def test_the_page_has_every_line(quant: Quant, place: FileStore, tmp_path: Path) -> None:
    prepare(place, contact=State.GOOD, allow=True)
    answer = quant("ready", "--platform", "ibkr", "--account", "U1", "--page", tmp_path / "ready.html")
    page = (tmp_path / "ready.html").read_text("utf-8")
    assert answer.code == 0
    for words in ("before live trading with ib-async", "halt drill", "allow-list", "order test"):
        assert words in page


def test_a_comparison_with_a_back_test_is_shown(quant: Quant, place: FileStore, tmp_path: Path) -> None:
    prepare(place, contact=State.GOOD, allow=True)
    asked = ["ready", "--platform", "ibkr", "--account", "U1"]
    assert "no comparison was shown" in quant(*asked, "--json").out
    written = {"account_id": "DU1", "currency": "USD", "start": "2023-01-03", "end": "2023-06-30", "total": "-12.50"}
    file = tmp_path / "shortfall.json"
    file.write_text(json.dumps(written), "utf-8")
    lines = quant(*asked, "--shortfall", file, "--json").document["lines"]
    (line,) = (line for line in lines if line["subject"] == "shortfall")
    assert line["state"] == "good"
    assert line["said"] == "DU1 made -12.50 USD beside its back-test, 2023-01-03 to 2023-06-30"
    file.write_text("[]", "utf-8")
    assert_refused(quant(*asked, "--shortfall", file), "is no comparison with a back-test", code=1)


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["--platform", "ibkr", "--account", "U1", "--shortfall", "/nowhere/at.json"], "cannot be read", 1),
        (["--platform", "ibkx", "--account", "U1"], "'ibkx' is not installed", 1),
        (["--platform", "paper", "--account", "U1"], "paper has no live trading", 1),
        (["--platform", "ibkr"], "--account ID", 2),
        (["--platform", "ibkr", "--account", "U1", "--unready"], "--reason TEXT", 2),
        (["--platform", "ibkr", "--account", "U1", "--reason", "so"], "--unready", 2),
        (["--platform", "ibkr", "--account", "U1", "--page", "/nowhere/at/all.html"], "cannot be written", 1),
    ],
)
def test_bad_input_is_one_line(quant: Quant, place: FileStore, arguments: list[str], words: str, code: int) -> None:
    assert_refused(quant("ready", *arguments), words, code=code)
