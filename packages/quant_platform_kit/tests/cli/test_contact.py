"""Bad input to `quant contact`: one line each, nothing written, and what it shows otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.report.contact_page import write_contact
from quant_platform_kit.services.operate.contact.result import Contact, Line, State
from quant_platform_kit.services.record.leases import Lease, LeaseTerms, lease_key

from ..command import assert_refused, call

ENVIRONMENT = {
    "STRATEGY_PROFILE": "dual_momentum",
    "CLOUD_RUN_SERVICE": "paper-service",
    "PAPER_ACCOUNT": "A1",
    "PAPER_VENUE_PORT": "9",
    "PAPER_PRICES": "prices.csv",
}
LOOK = "contact --platform paper"


def lease(folder: Path) -> None:
    """Leave a lease that cannot be read."""
    path = folder / "store" / "accounts" / "A1"
    path.mkdir(parents=True)
    (path / "lease").write_text("{}")


BAD: dict[str, tuple[str, Mapping[str, str | None], int, tuple[str, ...]]] = {
    # command line, settings, exit code, what is named and what to do
    "no platform": ("contact", {}, 2, ("--platform",)),
    "a platform that is not there": ("contact --platform acme", {}, 1, ("'acme'", "installed: ")),
    "a record as JSON": (f"{LOOK} --record new --json", {}, 2, ("--record", "--json")),
    "a scale of nothing": (f"{LOOK} --record new --scale 0", {}, 2, ("--scale",)),
    "a look ahead without a schedule": (f"{LOOK} --brief", {}, 2, ("--brief", "--schedule CRON")),
    "a schedule without a look ahead": (f"{LOOK} --schedule x", {}, 2, ("--schedule goes with --brief",)),
    "an account without an order test": (f"{LOOK} --account A1", {}, 2, ("--account goes with --order-test",)),
    "a scale without a record": (f"{LOOK} --scale 2", {}, 2, ("--scale goes with --record",)),
    "a look ahead that records": (f"{LOOK} --brief --record new", {}, 2, ("--brief goes without --record",)),
    "an order test that looks ahead": (
        f"{LOOK} --order-test SPY --brief",
        {},
        2,
        ("--order-test goes without --brief",),
    ),
    "an order test that keeps nothing": (f"{LOOK} --order-test SPY --no-store", {}, 2, ("goes without --no-store",)),
    "an order test of no symbol": (f"{LOOK} --order-test ?", {}, 2, ("--order-test", "?")),
    "a word too many": (f"{LOOK} now", {}, 2, ("now",)),
    "an option that is not there": (f"{LOOK} --send", {}, 2, ("--send",)),
    "a page in no folder": (f"{LOOK} --page nowhere/page.html", {}, 2, ("nowhere", "make it first")),
    "a page that is a folder": (f"{LOOK} --page .", {}, 2, ("--page .", "is a folder")),
    "no profile": (LOOK, {"STRATEGY_PROFILE": None}, 1, ("STRATEGY_PROFILE is not set",)),
    "a profile that is not there": (LOOK, {"STRATEGY_PROFILE": "moon"}, 1, ("STRATEGY_PROFILE", "moon")),
    "no account": (LOOK, {"PAPER_ACCOUNT": None}, 1, ("PAPER_ACCOUNT is not set",)),
    "an account that can be none": (LOOK, {"PAPER_ACCOUNT": "a/b"}, 1, ("PAPER_ACCOUNT is 'a/b'",)),
    "a port that is no number": (LOOK, {"PAPER_VENUE_PORT": "many"}, 1, ("PAPER_VENUE_PORT is 'many'",)),
    "a setting that is mistyped": (LOOK, {"PAPER_ACOUNT": "A1"}, 1, ("PAPER_ACOUNT", "PAPER_ACCOUNT?")),
    "a store that is none": (LOOK, {"STORE_URL": "ftp://store"}, 1, ("STORE_URL", "file:///folder")),
    "a price file where none is taken": (LOOK, {"PRICE_HISTORY_PATH": "p.csv"}, 1, ("PRICE_HISTORY_PATH", "paper")),
    "a lease that is too short": (LOOK, {"LEASE_SECONDS": "5"}, 1, ("LEASE_SECONDS is 5",)),
    "a switch that is none": (LOOK, {"LIVE_TRADING": "perhaps"}, 1, ("LIVE_TRADING is 'perhaps'",)),
    "a lease that is damaged": (LOOK, {"DAMAGED": "yes"}, 1, ("accounts/A1/lease is damaged",)),
}


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Callable[..., Any]:
    """Return a function that runs the command with settings changed; None removes one."""
    monkeypatch.chdir(tmp_path)

    def run(words: str, changed: Mapping[str, str | None] | None = None) -> Any:
        stores = {name: (tmp_path / "store").as_uri() for name in ("STORE_URL", "REPORT_STORE_URL")}
        for name, value in {**stores, **ENVIRONMENT, **(changed or {})}.items():
            if name == "DAMAGED":
                lease(tmp_path)
            elif value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return call(monkeypatch, capsys, *words.split())

    return run


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_changes_nothing(name: str, look: Callable[..., Any], tmp_path: Path) -> None:
    words, settings, code, said = BAD[name]
    assert_refused(look(words, settings), *said, code=code)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] in ([], ["lease"])


def test_while_a_run_is_open_nobody_logs_in(look: Callable[..., Any], tmp_path: Path) -> None:
    store, terms = FileStore(tmp_path / "store"), LeaseTerms()
    held = Lease.take(store, lease_key("A1"), "worker", terms, SystemClock(), opening="2023-06-02.cli.paper")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    assert_refused(look(LOOK), "run 2023-06-02.cli.paper is open, held by worker", "when it has ended")
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    assert held.state.open_run


def test_a_venue_that_does_not_answer_is_a_line_that_blocks(look: Callable[..., Any], tmp_path: Path) -> None:
    answer = look(f"{LOOK} --json --no-store")
    (contact,) = answer.document["contacts"]
    assert answer.code == 1
    assert answer.err == "quant: A1 login block\n"
    assert [(line["subject"], line["state"]) for line in contact["lines"]] == [
        ("settings", "good"),
        ("login", "blocks"),
    ]
    assert answer.document["kept"] == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_table_names_line_state_and_what_to_do_and_one_object_is_kept(
    look: Callable[..., Any], tmp_path: Path
) -> None:
    answer = look(f"{LOOK} --page page.html")
    assert answer.code == 1
    assert "nothing was sent" in answer.out
    (key,) = FileStore(tmp_path / "store").keys("contacts/A1/")
    assert key in answer.out
    page = (tmp_path / "page.html").read_text()
    assert "Something blocks: 1 blocks, 1 good." in page
    assert "login" in page


def test_the_page_says_that_nothing_blocks_and_shows_no_markup_of_a_broker(tmp_path: Path) -> None:
    lines = (Line("login", State.GOOD, "logged in as <b>me</b>"), Line("clock", State.NOT_TOLD, "not told"))
    contact = Contact("A1", "paper", "lib", "1", datetime(2023, 6, 2, tzinfo=UTC), "me", lines, 4)
    write_contact(tmp_path / "page.html", [contact.document()])
    page = (tmp_path / "page.html").read_text()
    assert "Nothing blocks: 1 not told, 1 good." in page
    assert "<b>me</b>" not in page
    assert "4 calls" in page
    assert "2023-06-02 00:00 UTC" in page
