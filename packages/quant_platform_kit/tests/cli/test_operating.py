"""The operator commands: what they print, their exit codes, and that wrong input is one line and changes nothing.

The account holds SPY; an order for AGG was sent and never answered, on a broker that may not be sent it again.
"""

from __future__ import annotations

import getpass
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from quant_platform_kit.adapters import installed
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.cli import halt as halt_module
from quant_platform_kit.cli import place as place_module
from quant_platform_kit.cli.main import main
from quant_platform_kit.domain.errors import BrokerError, StoreError
from quant_platform_kit.domain.orders import ExecutionReport, Order, Side
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.paper.broker import PaperBroker, read_account
from quant_platform_kit.paper.client import PaperClient, control
from quant_platform_kit.services.operate.audit import Operator, audit_entries
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.switches import halts
from quant_platform_kit.testing.synthetic import synthetic_prices

from ..command import Quant, assert_refused, halves

DAY, NEXT_DAY = date(2022, 5, 3), date(2022, 5, 4)
TRAITS = BrokerTraits(AfterSilence.BLOCK, timedelta(0))

Tree = Callable[[Path], dict[str, bytes | None]]

HALVES = halves(
    """if ctx.as_of.day == 3:
    return self.manifest.rebalance(ctx, {"SPY": 0.5, "AGG": 0.5}, "half [and] half")
return self.manifest.hold(ctx)"""
)


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a price file and a strategy."""
    folder = tmp_path_factory.mktemp("market")
    prices = synthetic_prices(("AGG", "SPY"), load_calendar("XNYS"), date(2022, 4, 1), date(2022, 6, 30))
    closes = prices.columns["close"].tolist()
    rows = zip(prices.days.tolist(), prices.codes.tolist(), closes, strict=True)
    lines = [f"{day},{prices.symbols[code]},{close},{close}" for day, code, close in rows]
    (folder / "prices.csv").write_text("\n".join(["date,symbol,close,adj_close", *lines]))
    (folder / "halves.py").write_text(HALVES)
    return folder


def trade(market: Path, book: Path, day: date, *more: object) -> list[object]:
    named = ["--prices", market / "prices.csv", "--strategy", f"{market}/halves.py:Halves"]
    return ["run", *named, "--as-of", day, "--book", book, *more]


def losing(symbol: str, error: BaseException) -> Callable[..., ExecutionReport]:
    """Return a submit that loses the orders of a symbol."""
    submit = PaperBroker.submit

    def lose(self: PaperBroker, order: Order) -> ExecutionReport:
        if order.symbol == symbol:
            raise error
        return submit(self, order)

    return lose


@pytest.fixture(scope="session")
def blocked(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an account with an UNKNOWN order for AGG."""
    folder = tmp_path_factory.mktemp("blocked") / "book"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PaperBroker, "traits", TRAITS)
        patch.setattr(PaperBroker, "submit", losing("AGG", BrokerError("no answer")))
        patch.setattr(sys, "argv", ["quant", *map(str, trade(market, folder, DAY, "--cash", 10_000))])
        with pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 1
    return folder


@pytest.fixture
def book(blocked: Path, tmp_path: Path) -> Path:
    """Return a copy of that account."""
    shutil.copytree(blocked, tmp_path / "book")
    return tmp_path / "book"


@pytest.fixture
def account(book: Path) -> str:
    return read_account(book).book.account_id


@pytest.fixture
def lost(quant: Quant, book: Path) -> dict[str, Any]:
    """Return the UNKNOWN order, as the status has it."""
    (order,) = quant("status", "--book", book, "--json").document["accounts"][0]["uncertain"]
    return order


def store_of(book: Path) -> FileStore:
    return FileStore(book / "store")


# --- naming the place -----------------------------------------------------------------------------

COMMANDS = {
    "status": ["status"],
    "resolve": ["resolve", "RUN", "ORDER", "--as", "not-sent", "--evidence", "seen"],
    "rerun": ["rerun", "RUN", "--reason", "doubt"],
    "halt": ["halt", "--reason", "storm"],
    "resume": ["resume", "--reason", "calm"],
    "cancel": ["cancel", "ORDER", "--reason", "large"],
    "audit": ["audit"],
    "export": ["ledger", "export", "--out", "backup.jsonl.gz"],
}


def test_where_no_place_is_named_it_is_that_of_the_environment(
    quant: Quant, book: Path, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that an address with a password is a word of no process."""
    store, reports = (f"{book.as_uri()}/{name}" for name in ("store", "reports"))
    named = quant("status", "--store", store, "--reports", reports, "--account", account, "--json")
    monkeypatch.setenv("STORE_URL", store)
    monkeypatch.setenv("REPORT_STORE_URL", reports)
    assert quant("status", "--account", account, "--json") == named
    monkeypatch.setenv("STORE_URL", "file:///nowhere")
    assert quant("audit", "--store", store, "--json").code == 0, "an address that is given counts alone"
    assert quant("audit", "--book", book, "--json").code == 0, "and so does a book"
    assert_refused(quant("status", "--store", store), "the run reports are needed", code=2)


def test_a_store_that_holds_nothing_is_halted_only_where_that_is_said_to_be_right(quant: Quant, tmp_path: Path) -> None:
    new = ("--store", (tmp_path / "new").as_uri(), "--reason", "before its first run")
    assert_refused(quant("halt", "all", *new), "the store has no account; check its address")
    assert not (tmp_path / "new").exists()
    assert quant("halt", "all", "--empty", *new, "--json").document["changed"] is True
    assert quant("resume", "all", *new, "--json").document["still_halted"] == []


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(
    ("place", "words"),
    [
        ([], "give either --book FOLDER, or --store URL"),
        (["--book", "BOOK", "--store", "URL"], "give either --book FOLDER, or --store URL"),
        (["--book", "BOOK", "--account", "X"], "leave out --reports and --account"),
        (["--book", "BOOK", "--reports", "URL"], "leave out --reports and --account"),
        (["--store", "URL", "--account", "a/b"], "an account id is made of letters, digits and ._-"),
    ],
)
def test_a_place_that_is_not_named_as_it_should_be_is_wrong_usage(
    quant: Quant, book: Path, tree: Tree, command: list[str], place: list[str], words: str
) -> None:
    named = [{"BOOK": str(book), "URL": f"{book.as_uri()}/store"}.get(part, part) for part in place]
    before = tree(book)
    assert_refused(quant(*command, *named), words, code=2)
    assert tree(book) == before
    assert tree(Path.cwd()) == {}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_place_that_is_not_there_is_refused_and_not_made(
    quant: Quant, tmp_path: Path, tree: Tree, command: list[str]
) -> None:
    nowhere = tmp_path / "nowhere"
    assert_refused(quant(*command, "--book", nowhere), str(nowhere), "No such file")
    for url in (nowhere.as_uri(), f"sqlite:///{nowhere}"):
        place = ["--store", url, "--reports", url]
        if command[0] in ("resolve", "rerun", "cancel"):
            place += ["--account", "X"]
        assert quant(*command, *place).code == 1
    assert_refused(quant(*command, "--store", "ftp://x", "--reports", "ftp://x"), "no store has a URL")
    assert not nowhere.exists()
    assert tree(Path.cwd()) == {}


def test_an_account_that_is_not_in_the_store_is_refused_with_those_that_are(
    quant: Quant, book: Path, account: str, tree: Tree
) -> None:
    place = ["--store", (book / "store").as_uri(), "--reports", (book / "reports").as_uri()]
    words = f"account PAPER-TYPO is not in the store; it has {account}"
    before = tree(book)
    for name in ("status", "resolve", "rerun", "cancel"):
        assert_refused(quant(*COMMANDS[name], *place, "--account", "PAPER-TYPO"), words)
    for name in ("halt", "resume"):
        assert_refused(quant(name, "account", "PAPER-TYPO", "--reason", "storm", *place), words)
    assert tree(book) == before


@pytest.mark.parametrize("scope", [["all"], ["account", "PAPER-1"], ["service", "svc"]])
def test_a_halt_needs_nothing_else_of_the_store(quant: Quant, book: Path, scope: list[str]) -> None:
    for folder in ("owners", "accounts"):
        shutil.rmtree(book / "store" / folder, ignore_errors=True)
    (book / "store" / "allowed").mkdir(exist_ok=True)
    (book / "store" / "allowed" / "left").write_bytes(b"{}")
    place = ["--store", (book / "store").as_uri()]
    answer = quant("halt", *scope, "--reason", "storm", *place)
    assert (answer.code, "is gone; the switch is set all the same" in answer.err) == (0, True)
    assert "halted by" in answer.out
    assert quant("resume", *scope, "--reason", "over", *place).code == 0


def test_a_halt_is_set_where_what_is_in_flight_cannot_be_read(quant: Quant, book: Path, account: str) -> None:
    (book / "store" / "accounts" / account / "lease").write_bytes(b"{")
    answer = quant("halt", "--reason", "storm", "--book", str(book))
    assert (answer.code, "what is in flight cannot be read" in answer.err) == (0, True)


@pytest.mark.parametrize("command", ["resolve", "rerun", "cancel"])
def test_a_command_for_one_account_needs_it_named(quant: Quant, book: Path, command: str) -> None:
    place = ["--store", (book / "store").as_uri(), "--reports", (book / "reports").as_uri()]
    assert_refused(quant(*COMMANDS[command], *place), "name the account: add --account ID", code=2)


@pytest.mark.parametrize("command", ["status", "export"])
def test_what_reads_reports_needs_their_address(quant: Quant, book: Path, command: str) -> None:
    answer = quant(*COMMANDS[command], "--store", (book / "store").as_uri())
    assert_refused(answer, "the run reports are needed: add --reports URL", code=2)


@pytest.mark.parametrize(
    "command",
    [
        ["resolve", "RUN", "ORDER", "--as", "not-sent", "--evidence", " "],
        ["rerun", "RUN", "--reason", ""],
        ["halt", "--reason", "\n"],
        ["halt", "--reason", "storm", "--who", " "],
        ["resume", "--reason", ""],
        ["cancel", "ORDER", "--reason", ""],
    ],
)
def test_a_change_without_a_reason_is_wrong_usage(quant: Quant, book: Path, tree: Tree, command: list[str]) -> None:
    before = tree(book)
    assert_refused(quant(*command, "--book", book), "it is empty; say in a few words", code=2)
    without = [part for part in command if part not in ("--evidence", "--reason", "--who", command[-1])]
    assert quant(*without, "--book", book).code == 2
    assert tree(book) == before


@pytest.mark.parametrize("error", [KeyError("uid not found: 5"), OSError("No username set in the environment")])
def test_an_operator_without_a_login_name_says_who_it_is(
    quant: Quant, book: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    before = tree(book)
    assert_refused(quant("halt", "--reason", "storm", "--book", book), "add --who NAME", code=2)
    assert tree(book) == before
    assert quant("halt", "--reason", "storm", "--book", book, "--who", "mira").code == 0
    assert audit_entries(store_of(book))[0].who == "mira"


def test_a_damaged_object_of_the_store_is_one_line(
    quant: Quant, book: Path, account: str, lost: dict[str, Any]
) -> None:
    lease = book / "store" / "accounts" / account / "lease"
    lease.write_bytes(lease.read_bytes()[:-20])
    for name in ("status", "export"):
        assert_refused(quant(*COMMANDS[name], "--book", book), "is damaged", "restore it from a backup")


def test_a_password_in_an_address_is_neither_printed_nor_recorded(
    quant: Quant, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_module, "open_store", lambda url, **_: FileStore(book / url.rpartition("/")[2]))
    place = [f"--{name}={'postgresql+psycopg://me:secret@host'}/{name}" for name in ("store", "reports")]
    shown = quant("status", *place)
    assert "postgresql+psycopg://me:***@host/store" in shown.out
    halted = quant("halt", "--reason", "storm", *place)
    assert halted.code == 0
    for text in (shown.out, shown.err, halted.out, str(audit_entries(store_of(book)))):
        assert "secret" not in text


# --- status ---------------------------------------------------------------------------------------


def test_a_status_names_what_needs_an_operator_and_exits_with_one(
    quant: Quant, book: Path, account: str, tree: Tree, lost: dict[str, Any]
) -> None:
    before = tree(book)
    answer = quant("status", "--book", book)
    assert answer.code == 1
    assert answer.err == (
        f"quant: {account} UNKNOWN orders: {lost['client_order_id']}; settle them with `quant resolve`\n"
    )
    for words in (f"Account {account}", "mode paper, halves by cli", "half [and] half", "decides next", "SPY"):
        assert words in answer.out
    document = quant("status", "--book", book, "--json").document
    assert not document["well"]
    (status,) = document["accounts"]
    assert (status["account_id"], status["mode"], status["due"]) == (account, "paper", str(DAY))
    assert status["resolve"][0] in answer.out
    assert tree(book) == before


def test_the_line_that_a_status_prints_settles_the_order(quant: Quant, book: Path) -> None:
    (line,) = quant("status", "--book", book, "--json").document["accounts"][0]["resolve"]
    words = shlex.split(line.replace("filled|not-sent|cancelled", "not-sent").replace("TEXT", "'order book of May 4'"))
    assert quant(*words[1:]).code == 0
    answer = quant("status", "--book", book, "--json")
    assert (answer.code, answer.err, answer.document["well"]) == (0, "", True)


def test_the_line_for_a_store_names_the_account(quant: Quant, book: Path, account: str) -> None:
    place = ["--store", (book / "store").as_uri(), "--reports", (book / "reports").as_uri()]
    (line,) = quant("status", *place, "--json").document["accounts"][0]["resolve"]
    assert line.endswith(f" --account {account}")
    words = shlex.split(line.replace("filled|not-sent|cancelled", "cancelled").replace("TEXT", "seen"))
    assert quant(*words[1:]).code == 0


def test_a_status_without_an_account_shows_every_account_of_the_store(
    quant: Quant, book: Path, market: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    assert quant(*trade(market, other, DAY, "--cash", 5_000)).code == 0
    for name in ("store", "reports"):
        shutil.copytree(other / name, book / name, dirs_exist_ok=True)
    place = ["--store", (book / "store").as_uri(), "--reports", (book / "reports").as_uri()]
    found = quant("status", *place, "--json").document["accounts"]
    ids = [read_account(folder).book.account_id for folder in (book, other)]
    assert [status["account_id"] for status in found] == sorted(ids)
    answer = quant("status", *place)
    assert all(f"Account {one}" in answer.out for one in ids)


def test_an_account_that_has_never_run_has_a_status(quant: Quant, book: Path) -> None:
    shutil.rmtree(book / "store")
    answer = quant("status", "--book", book)
    assert (answer.code, answer.err) == (0, "")
    assert "no run yet" in answer.out
    assert "nothing needs you" in answer.out


# --- resolve, rerun -------------------------------------------------------------------------------


def settle(book: Path, lost: dict[str, Any], *how: object) -> list[object]:
    return ["resolve", lost["run_id"], lost["client_order_id"], *how, "--evidence", "seen", "--book", book]


def test_settling_an_order_says_what_became_of_it_and_of_its_decision(
    quant: Quant, book: Path, lost: dict[str, Any], market: Path
) -> None:
    answer = quant(*settle(book, lost, "--as", "filled", "--price", "101.5", "--who", "mira"))
    assert (answer.code, answer.err) == (0, "")
    assert f"BUY {lost['quantity']} AGG) is now FILLED" in answer.out
    assert "filled at 101.5" in answer.out
    assert f"the REBALANCE of {DAY} is executed: it is never planned again" in answer.out
    (entry,) = audit_entries(store_of(book))
    assert (entry.who, entry.command, entry.why) == ("mira", "resolve", "seen")
    ran = quant(*trade(market, book, NEXT_DAY, "--json")).document
    assert (ran["outcome"], ran["orders"]) == ("no_action", [])


def test_an_order_settled_as_not_sent_is_bought_by_the_next_run(
    quant: Quant, book: Path, lost: dict[str, Any], market: Path
) -> None:
    blocked = quant(*trade(market, book, NEXT_DAY))
    assert blocked.code == 1
    assert "has UNKNOWN orders" in blocked.err
    done = quant(*settle(book, lost, "--as", "not-sent"), "--json").document
    assert (done["order"]["state"], done["executed"], done["unknown_left"]) == ("CANCELLED", False, [])
    again = quant("rerun", done["run_id"], "--reason", "settled", "--book", book, "--json").document
    assert (again["slot"], again["opened"]) == ("cli+1", True)
    ran = quant(*trade(market, book, date(2022, 5, 5), "--json")).document
    assert (ran["outcome"], ran["executes"]) == ("completed", str(DAY))
    assert [order["symbol"] for order in ran["orders"]][-1] == "AGG"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (["--as", "filled"], "--as filled needs --price"),
        (["--as", "not-sent", "--price", "5"], "--as not-sent has no --quantity and no --price"),
        (["--as", "cancelled", "--quantity", "5"], "--as cancelled has no --quantity and no --price"),
        (["--as", "lost"], "'lost' is not one of 'filled', 'not-sent', 'cancelled'"),
        (["--as", "filled", "--price", "much"], "'much' is not a number"),
        (["--as", "filled", "--price", "NaN"], "'NaN' is not a number"),
        ([], "--as"),
    ],
)
def test_a_settlement_that_is_not_said_as_it_should_be_is_wrong_usage(
    quant: Quant, book: Path, lost: dict[str, Any], tree: Tree, how: list[str], words: str
) -> None:
    before = tree(book)
    assert_refused(quant(*settle(book, lost, *how)), words, code=2)
    assert tree(book) == before


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (["--as", "filled", "--price", "-5"], "--price is -5; it is a positive number"),
        (["--as", "filled", "--price", "5", "--quantity", "0"], "--quantity is 0; it is a positive number"),
        (["--as", "filled", "--price", "5", "--quantity", "1e6"], "--quantity is 1E+6; order"),
    ],
)
def test_a_settlement_that_cannot_be_is_refused(
    quant: Quant, book: Path, lost: dict[str, Any], tree: Tree, how: list[str], words: str
) -> None:
    before = tree(book)
    assert_refused(quant(*settle(book, lost, *how)), words)
    assert tree(book) == before


def test_only_an_unknown_order_of_a_known_run_is_settled(
    quant: Quant, book: Path, lost: dict[str, Any], tree: Tree
) -> None:
    before = tree(book)
    how = ["--as", "cancelled", "--evidence", "seen", "--book", book]
    assert_refused(quant("resolve", "2022-05-04.never", "q1", *how), "run 2022-05-04.never", "has no recorded orders")
    assert_refused(quant("resolve", "../../x", "q1", *how), "store key")
    words = f"has no order q1; UNKNOWN there: {lost['client_order_id']}"
    assert_refused(quant("resolve", lost["run_id"], "q1", *how), words)
    assert tree(book) == before
    assert quant(*settle(book, lost, "--as", "cancelled")).code == 0
    before = tree(book)
    assert_refused(quant(*settle(book, lost, "--as", "cancelled")), "is CANCELLED, not UNKNOWN")
    assert tree(book) == before


def test_a_rerun_is_opened_once_and_refused_while_an_order_is_unknown(
    quant: Quant, book: Path, lost: dict[str, Any], tree: Tree
) -> None:
    again = ["rerun", lost["run_id"], "--reason", "in doubt", "--book", book]
    before = tree(book)
    assert_refused(quant(*again), f"run {lost['run_id']} has UNKNOWN orders: settle them with `quant resolve` first")
    assert_refused(quant("rerun", "2022-05-04.never", *again[2:]), "has no run 2022-05-04.never")
    assert tree(book) == before
    quant(*settle(book, lost, "--as", "not-sent"))
    opened = quant(*again)
    assert (opened.code, opened.err) == (0, "")
    assert "slot cli+1 opened: ask for session 2022-05-04 with it" in opened.out
    before = tree(book)
    second = quant(*again)
    assert second.code == 0
    assert "is not used yet" in second.out
    assert tree(book) == before


# --- halt, resume ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [[], ["all"], ["account"], ["account", "ID"], ["service", "cli"]])
def test_a_halt_stops_runs_until_it_is_lifted(
    quant: Quant, market: Path, tmp_path: Path, tree: Tree, scope: list[str]
) -> None:
    book = tmp_path / "fresh"
    assert quant(*trade(market, book, date(2022, 5, 2), "--cash", 10_000)).code == 0
    account = read_account(book).book.account_id
    named = [account if part == "ID" else part for part in scope]
    flag = f"account-{account}" if "account" in scope else "service-cli" if "service" in scope else "all"
    place = ["--book", book, "--who", "mira"]
    answer = quant("halt", *named, "--reason", "the [/red] storm", *place)
    assert (answer.code, answer.err) == (0, "")
    assert re.fullmatch(rf"{flag} halted by mira, \d{{4}}-.* UTC: the \[/red\] storm\n", answer.out)
    before = tree(book)
    second = quant("halt", *named, "--reason", "hail", *place)
    assert second.code == 0
    assert f"{flag} was halted already by mira" in second.out
    assert "the [/red] storm" in second.out
    assert tree(book) == before
    blocked = quant(*trade(market, book, DAY))
    assert blocked.code == 1
    assert f"halted: {flag}" in blocked.err
    status = quant("status", "--book", book, "--json").document["accounts"][0]
    assert [(halt["scope"], halt["who"], halt["why"]) for halt in status["halts"]] == [
        (flag, "mira", "the [/red] storm")
    ]
    lifted = quant("resume", *named, "--reason", "calm", *place, "--json").document
    assert (lifted["scope"], lifted["changed"], lifted["still_halted"]) == (flag, True, [])
    before = tree(book)
    assert f"{flag} was not halted" in quant("resume", *named, "--reason", "calm", *place).out
    assert tree(book) == before
    assert quant(*trade(market, book, NEXT_DAY, "--json")).document["executes"] == str(DAY)


def test_lifting_one_halt_names_those_that_stay(quant: Quant, book: Path, account: str) -> None:
    for scope in ("all", "account"):
        quant("halt", scope, "--reason", "storm", "--book", book)
    answer = quant("resume", "all", "--reason", "calm", "--book", book)
    assert f"still halted: account-{account}" in answer.out
    assert halts(store_of(book)).on() == {f"account-{account}"}


@pytest.mark.parametrize("command", ["halt", "resume"])
@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (["everything"], "'everything' is not one of 'all', 'service', 'account'"),
        (["all", "PAPER-X"], "'all' means every account; for one, write: account PAPER-X"),
        (["service"], "name one, with letters, digits and ._-"),
        (["service", "a/b"], "service 'a/b': name one"),
        (["service", "a b"], "service 'a b': name one"),
    ],
)
def test_a_scope_that_is_not_named_as_it_should_be_is_wrong_usage(
    quant: Quant, book: Path, tree: Tree, command: str, scope: list[str], words: str
) -> None:
    before = tree(book)
    assert_refused(quant(command, *scope, "--reason", "storm", "--book", book), words, code=2)
    assert tree(book) == before


@pytest.mark.parametrize("scope", [["all"], ["account"], ["service", "cli"], ["service", "release-cli"]])
def test_what_a_release_holds_is_lifted_by_no_resume(
    quant: Quant, market: Path, book: Path, account: str, scope: list[str]
) -> None:
    store = store_of(book)
    set_halt(Operator(store, SystemClock(), "mira"), "release-cli", "release a4-0007", on=True)
    halted = quant("halt", *scope, "--reason", "storm", "--book", book)
    assert "  also held by a release: release-cli; `release open` lifts it\n" in halted.out
    quant("resume", *scope, "--reason", "calm", "--book", book)
    assert halts(store).on() == {"release-cli"}
    held = quant("resume", "--reason", "calm", "--book", book)
    assert "  still held by a release: release-cli; `release open` lifts it\n" in held.out
    blocked = quant(*trade(market, book, NEXT_DAY))
    assert (blocked.code, "held by a release: release-cli" in blocked.err) == (1, True)
    shown = quant("status", "--book", book)
    assert re.search(r"halted +release-cli by mira since .* UTC: release a4-0007\n", shown.out)


def test_no_name_of_an_account_reaches_the_switch_of_another_scope(quant: Quant, book: Path, tree: Tree) -> None:
    """Not even where the store does not tell its accounts any more, so that no name can be looked up."""
    for command in ("halt", "resume"):
        answer = quant(command, "account", "release-cli", "--reason", "storm", "--book", book)
        assert (answer.code, "account release-cli is not in the store" in answer.err) == (1, True)
    for owner in (book / "store" / "owners").iterdir():
        owner.unlink()
    place = ["--reason", "storm", "--store", (book / "store").as_uri()]
    before = tree(book)
    for command in ("halt", "resume"):
        answer = quant(command, "account", "A/release-cli", *place)
        assert (answer.code, "the scope of a halt is 'account-A/release-cli'" in answer.err) == (1, True)
    assert tree(book) == before


def test_an_account_option_does_not_halt_or_resume_everything(
    quant: Quant, book: Path, account: str, tree: Tree
) -> None:
    before = tree(book)
    place = ["--store", (book / "store").as_uri(), "--account", account]
    for command in ("halt", "resume"):
        answer = quant(command, "--reason", "storm", *place)
        assert_refused(answer, f"'all' means every account; for one, write: account {account}", code=2)
    assert tree(book) == before
    assert quant("halt", "account", "--reason", "storm", *place).code == 0
    assert halts(store_of(book)).on() == {f"account-{account}"}


def test_a_new_store_is_halted_and_one_that_is_not_stays_as_it_is(quant: Quant, tmp_path: Path, tree: Tree) -> None:
    place = ["--store", (tmp_path / "empty").as_uri(), "--who", "mira"]
    assert_refused(quant("halt", "--reason", "storm", *place), "the store has no account; check its address")
    halted = quant("halt", "all", "--if-new", "--reason", "nobody looked at it", *place)
    assert (halted.code, halted.err) == (0, "")
    assert re.fullmatch(r"all halted by mira, .* UTC: nobody looked at it\n", halted.out)
    before = tree(tmp_path / "empty")
    again = ["halt", "all", "--if-new", "--reason", "nobody looked at it", *place]
    assert quant(*again).out == "the store is not new and was left as it is: all is halted\n"
    assert tree(tmp_path / "empty") == before
    quant("resume", "all", "--reason", "looked at", *place)
    told = quant(*again, "--json").document
    assert (told["scope"], told["changed"], told["halted"]) == ("all", False, False)


@pytest.mark.parametrize("more", [["account", "X"], ["service", "cli"], ["all", "--cancel-open"], ["all", "--wait"]])
def test_only_all_of_a_new_store_is_halted(quant: Quant, tmp_path: Path, more: list[str]) -> None:
    place = ["--store", (tmp_path / "empty").as_uri()]
    assert_refused(quant("halt", *more, "--if-new", "--reason", "x", *place), "--if-new halts all of a store", code=2)


def test_a_service_that_never_ran_is_halted_with_a_remark(quant: Quant, book: Path) -> None:
    answer = quant("halt", "service", "clii", "--reason", "storm", "--book", book)
    assert (answer.code, answer.err) == (
        0,
        "quant: note: no account was run by service clii last; those that were: cli\n",
    )
    assert halts(store_of(book)).on() == {"service-clii"}


def test_a_halt_prints_the_order_that_was_sent_and_not_answered_yet(
    quant: Quant, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = tmp_path / "fresh"
    with monkeypatch.context() as patch:
        patch.setattr(PaperBroker, "submit", losing("SPY", KeyboardInterrupt()))
        assert quant(*trade(market, book, DAY, "--cash", 10_000)).code != 0
    answer = quant("halt", "--reason", "storm", "--book", book)
    assert answer.code == 0
    assert re.search(r"in flight: order q[a-z2-7]{26} \(BUY \d+ SPY\) of run 2022-05-04\.cli\.paper\.", answer.out)
    (flight,) = quant("halt", "--reason", "storm", "--book", book, "--json").document["in_flight"]
    assert (flight["order"]["symbol"], flight["order"]["state"], flight["service"]) == ("SPY", "SENT", "cli")


# --- reaching a broker ----------------------------------------------------------------------------


@pytest.fixture
def venue(socket_enabled: None, book: Path, account: str, monkeypatch: pytest.MonkeyPatch) -> Generator[int]:
    """Return the port of a paper venue where the account has two working orders; nothing else may be reached."""
    command = [sys.executable, "-m", "quant_platform_kit.paper.venue", "--folder", str(book.parent / "venue")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        assert address == ("127.0.0.1", port), f"connection to {address}, which was not opened for this run"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    control(port, op="fund", account=account, cash="10000")
    control(port, op="prices", prices={"SPY": "100", "AGG": "50"})
    control(port, op="fault", account=account, faults=["unfilled", "unfilled"])
    client = PaperClient(port, account, BrokerTraits(timeout=timedelta(seconds=5)))
    client.connect()
    for number in (1, 2):
        client.submit(Order(f"qwork{number}", "SPY", Side.BUY, Decimal(number)))
    client.close()
    yield port
    process.terminate()
    process.communicate(timeout=10)


def working(port: int, account: str) -> dict[str, str]:
    orders = control(port, op="dump", account=account)["orders"]
    return {order["order"]["client_order_id"]: order["state"] for order in orders}


def test_a_halt_cancels_the_working_orders_of_the_account(quant: Quant, book: Path, account: str, venue: int) -> None:
    answer = quant("halt", "account", "--reason", "storm", "--cancel-open", "--paper-port", venue, "--book", book)
    assert (answer.code, answer.err) == (0, "")
    assert "order qwork1 (BUY 1 SPY) is CANCELLED, 0 of 1 filled" in answer.out
    assert working(venue, account) == {"qwork1": "CANCELLED", "qwork2": "CANCELLED"}
    again = quant("halt", "--reason", "storm", "--cancel-open", "--paper-port", venue, "--book", book, "--json")
    assert (again.document["cancelled"], again.document["failed"]) == ({account: []}, [])
    assert halts(store_of(book)).on() == {f"account-{account}", "all"}


def test_one_working_order_is_cancelled(quant: Quant, book: Path, account: str, venue: int, tree: Tree) -> None:
    place = ["--reason", "too large", "--paper-port", venue, "--book", book]
    before = tree(book / "store" / "accounts")
    answer = quant("cancel", "qwork2", *place)
    assert (answer.code, answer.out) == (0, "  order qwork2 (BUY 2 SPY) is CANCELLED, 0 of 2 filled\n")
    assert working(venue, account) == {"qwork1": "ACKNOWLEDGED", "qwork2": "CANCELLED"}
    assert [(e.command, e.arguments["order"]) for e in audit_entries(store_of(book))] == [("cancel", "qwork2")]
    assert_refused(quant("cancel", "qwork2", *place), "order qwork2 is CANCELLED: there is nothing to cancel")
    assert_refused(quant("cancel", "qwork9", *place), "order qwork9 is not known to the broker")
    assert len(audit_entries(store_of(book))) == 1
    assert tree(book / "store" / "accounts") == before


def test_without_a_broker_the_halt_is_set_and_the_command_says_that_cancelling_needs_one(
    quant: Quant, book: Path
) -> None:
    answer = quant("halt", "--reason", "storm", "--cancel-open", "--book", book)
    assert answer.code == 1
    assert answer.err == (
        "quant: the halt is set, but open orders were not cancelled: cancelling needs the broker; "
        "add --platform NAME, with the settings of its service in the environment, or cancel at the broker\n"
    )
    assert halts(store_of(book)).on() == {"all"}


def test_a_broker_that_does_not_answer_leaves_the_halt_set(
    quant: Quant, book: Path, account: str, socket_enabled: None
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        answer = quant("halt", "--reason", "storm", "--cancel-open", "--paper-port", port, "--book", book, "--json")
        assert answer.code == 1
        assert f"{account}: the paper venue does not answer" in answer.err
        assert answer.document["changed"]
        assert halts(store_of(book)).on() == {"all"}
        assert_refused(
            quant("cancel", "qwork1", "--reason", "large", "--paper-port", port, "--book", book),
            "the paper venue does not answer",
        )


class Line:
    """A paper client under the name of a service's account, which notes when it is closed."""

    def __init__(self, port: int, account: str) -> None:
        self.broker = PaperClient(port, account, BrokerTraits(timeout=timedelta(seconds=5)))
        self.closed = False

    def close(self) -> None:
        """Close it."""
        self.broker.close()
        self.closed = True


@pytest.fixture
def line(venue: int, account: str, monkeypatch: pytest.MonkeyPatch) -> Line:
    """Install a platform ``acme`` whose service reaches that venue."""
    made = Line(venue, account)
    service = SimpleNamespace(accounts=lambda: (made,))
    entries = [SimpleNamespace(name="acme", load=lambda: lambda: service)]
    monkeypatch.setattr(installed, "entry_points", lambda group: entries if group == "quant.services" else [])
    return made


def test_a_broker_is_reached_as_the_service_of_its_platform_does(
    quant: Quant, book: Path, account: str, venue: int, line: Line
) -> None:
    asked = ["--reason", "storm", "--platform", "acme", "--book", book]
    assert quant("cancel", "qwork2", *asked).code == 0
    assert (working(venue, account), line.closed) == ({"qwork1": "ACKNOWLEDGED", "qwork2": "CANCELLED"}, True)
    assert quant("halt", "account", "--cancel-open", *asked).code == 0
    assert working(venue, account)["qwork1"] == "CANCELLED"


def test_an_account_that_the_service_does_not_serve_is_refused_and_the_line_closed(
    quant: Quant, book: Path, account: str, venue: int, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(line.broker), "account_id", "ACME-9")
    answer = quant("cancel", "qwork2", "--reason", "storm", "--platform", "acme", "--book", book)
    assert_refused(answer, f"account {account} is not served", "acme serves ACME-9")
    assert (set(working(venue, account).values()), line.closed) == ({"ACKNOWLEDGED"}, True)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--platform", "acmee"], 1, "platform 'acmee' has no service; installed: acme"),
        (["--platform", "acme", "--paper-port", "4711"], 2, "give either --platform NAME or --paper-port PORT"),
    ],
)
def test_a_way_to_the_broker_that_makes_no_sense_is_one_line(
    quant: Quant, book: Path, line: Line, options: list[str], code: int, message: str
) -> None:
    assert_refused(quant("cancel", "qwork2", "--reason", "storm", *options, "--book", book), message, code=code)


def test_a_cancel_needs_a_broker(quant: Quant, book: Path, tree: Tree) -> None:
    before = tree(book)
    assert_refused(quant("cancel", "qwork1", "--reason", "large", "--book", book), "cancelling needs the broker")
    answer = quant("cancel", "qwork1", "--reason", "large", "--book", book, "--paper-port", "70000")
    assert_refused(answer, "--paper-port", "65535", code=2)
    assert tree(book) == before


# --- audit ----------------------------------------------------------------------------------------


def test_the_audit_lists_who_did_what_and_why(quant: Quant, book: Path, account: str, lost: dict[str, Any]) -> None:
    nothing = quant("audit", "--book", book)
    assert (nothing.code, nothing.err) == (0, "")
    quant("halt", "account", "--reason", "a [bold] storm", "--book", book, "--who", "mira")
    quant(*settle(book, lost, "--as", "not-sent", "--who", "otto"))
    answer = quant("audit", "--book", book)
    assert (answer.code, answer.err) == (0, "")
    for words in ("mira", "otto", "a [bold] storm", f"scope=account-{account}"):
        assert words in answer.out
    entries = quant("audit", "--book", book, "--json").document
    assert [(entry["who"], entry["command"]) for entry in entries] == [("mira", "halt"), ("otto", "resolve")]
    assert quant("audit", "--since", entries[0]["at"][:10], "--book", book, "--json").document == entries
    assert quant("audit", "--since", "2100-01-01", "--book", book, "--json").document == []
    assert_refused(quant("audit", "--since", "tomorrow", "--book", book), "'tomorrow' is not a date", code=2)


# --- prices that are doubted ------------------------------------------------------------------------


def split_file(market: Path, folder: Path, first: str, ratio: float) -> Path:
    """Write the market with the prices of SPY before a day as they were before a split."""
    head, *rows = (market / "prices.csv").read_text().splitlines()
    cells = [row.split(",") for row in rows]
    for row in cells:
        if row[1] == "SPY" and row[0] < first:
            row[2:] = [str(float(cell) * ratio) for cell in row[2:]]
    path = folder / "split.csv"
    path.write_text("\n".join([head, *map(",".join, cells)]))
    return path


def test_a_possible_split_blocks_until_it_is_believed(quant: Quant, market: Path, tmp_path: Path) -> None:
    file, book = split_file(market, tmp_path, "2022-05-04", 1.5), tmp_path / "book"
    run = ["run", "--prices", file, "--strategy", f"{market}/halves.py:Halves", "--as-of", "2022-05-03", "--book", book]
    blocked = quant(*run, "--cash", 10_000)
    assert blocked.code == 1
    assert "SPY: possible split: it is quoted at" in blocked.err
    assert "the nearest split is 3:2" in blocked.err
    line = 'quant believe SPY --session 2022-05-04 --reason TEXT --store "$STORE_URL"'
    assert line in blocked.err
    command, _, _ = line.partition(" --reason")
    words = command.split()[1:]
    told = quant(*words, "--reason", "seen elsewhere", "--book", book)
    assert (told.code, told.out) == (0, "prices of SPY in the session 2022-05-04 are believed\n")
    again = quant(*words, "--reason", "seen elsewhere", "--book", book, "--json")
    assert again.document == {"symbol": "SPY", "session": "2022-05-04", "changed": False}
    assert "believe" in quant("audit", "--book", book).out
    assert quant(*run, "--slot", "again").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["SPY", "--session", "2022-05-07"], 1, "2022-05-07 is not a session of XNYS"),
        (["spy", "--session", "2022-05-04"], 2, "'spy' is not a symbol"),
        (["SPY", "--session", "May"], 2, "'May' is not a date"),
    ],
)
def test_what_cannot_be_believed_is_refused(
    quant: Quant, market: Path, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    quant(*trade(market, tmp_path / "book", date(2022, 5, 2), "--cash", 10_000))
    answer = quant("believe", *words, "--reason", "x", "--book", tmp_path / "book")
    assert answer.code == code
    assert said in answer.err


def test_a_run_has_a_limit_of_the_move_by_option_or_environment(
    quant: Quant, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = split_file(market, tmp_path, "2022-05-04", 1.2)
    run = ["run", "--prices", file, "--strategy", f"{market}/halves.py:Halves", "--as-of", "2022-05-03"]
    cash = ["--cash", 10_000]
    assert quant(*run, "--book", tmp_path / "free", *cash).code == 0
    by_option = quant(*run, "--book", tmp_path / "option", *cash, "--max-price-move", "0.1")
    monkeypatch.setenv("MAX_PRICE_MOVE", "0.1")
    by_environment = quant(*run, "--book", tmp_path / "environment", *cash)
    for answer in (by_option, by_environment):
        assert answer.code == 1
        assert "since the decision; the limit is 10.00%" in answer.err
    assert quant(*run, "--book", tmp_path / "none", *cash, "--max-price-move", "0").code == 2


def test_the_check_tells_doubts_and_remarks(quant: Quant, market: Path, tmp_path: Path) -> None:
    answer = quant("prices", "check", split_file(market, tmp_path, "2022-05-04", 4.0), "--json")
    assert answer.code == 0
    series = {row["symbol"]: row for row in answer.document["series"]}
    assert [(d["symbol"], d["day"], d["kind"]) for d in series["SPY"]["doubts"]] == [("SPY", "2022-05-04", "jump")]
    assert series["AGG"]["doubts"] == []
    (remark,) = series["AGG"]["remarks"]
    assert (remark["kind"], remark["symbol"]) == ("no dividends", "AGG")
    assert remark["text"] == "AGG: adj_close equals close throughout: no dividends in it"
    shown = quant("prices", "check", tmp_path / "split.csv").out
    assert "doubt    SPY closes at" in shown
    assert "remark   AGG: adj_close equals close" in shown


def test_the_check_shows_names_as_they_are_written(quant: Quant, tmp_path: Path) -> None:
    path = tmp_path / "[bold].csv"
    path.write_text("date,symbol,close\n2022-05-04,[/nope],10\n2022-05-04,[red]X[/red],10\n")
    shown = quant("prices", "check", path)
    assert shown.code == 0
    assert "[/nope]" in shown.out
    assert "[red]X[/red]" in shown.out


def test_a_back_test_blocks_as_runs_do_unless_it_is_ideal_or_told_to_believe(
    quant: Quant, market: Path, tmp_path: Path
) -> None:
    file = split_file(market, tmp_path, "2022-05-04", 1.5)
    test = ["backtest", "--prices", file, "--strategy", f"{market}/halves.py:Halves", "--fill", "next-close", "--json"]
    span = ["--start", "2022-05-02", "--end", "2022-05-12", "--out"]

    def blocked(*more: str) -> int:
        return quant(*test, *span, tmp_path / f"out{len(more)}", *more).document["blocked_decisions"]

    assert blocked() == 1
    assert blocked("--execution", "ideal") == 0
    assert blocked("--believe", "SPY:2022-05-04", "--execution", "realistic") == 0
    assert quant(*test, *span, tmp_path / "no", "--believe", "SPY").code == 2


# --- a halt that cannot be written ---------------------------------------------------------------------


def test_a_halt_that_is_not_written_says_so_and_what_it_means(
    quant: Quant, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: FileStore, key: str, data: bytes) -> int:
        raise StoreError(f"store object {key}: No space left on device")

    monkeypatch.setattr(FileStore, "create", full)
    answer = quant("halt", "--reason", "storm", "--book", book)
    assert answer.code == 1
    assert "the halt is NOT written: store object audit/" in answer.err
    assert "nothing can be sent either" in answer.err
    assert "add --wait" in answer.err


def test_a_halt_that_waits_is_written_as_soon_as_the_store_takes_it(
    quant: Quant, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries, create = [3], FileStore.create

    def full_at_first(self: FileStore, key: str, data: bytes) -> int:
        tries[0] -= 1
        if tries[0] > 0:
            raise StoreError(f"store object {key}: No space left on device")
        return create(self, key, data)

    monkeypatch.setattr(FileStore, "create", full_at_first)
    monkeypatch.setattr(halt_module, "WAIT_SECONDS", 0.001)
    answer = quant("halt", "--reason", "storm", "--book", book, "--wait")
    assert answer.code == 0
    assert "all halted by" in answer.out
    assert answer.err.count("NOT written") == 1


# --- whether all is there --------------------------------------------------------------------------------


def test_a_ledger_that_is_whole_is_verified(quant: Quant, book: Path) -> None:
    answer = quant("ledger", "verify", "--book", book)
    assert (answer.code, answer.err) == (0, "")
    assert re.match(r"\d+ objects read, 0 damaged; accounts: PAPER-", answer.out)


def test_a_damaged_ledger_is_named_and_the_account_can_begin_anew(quant: Quant, book: Path) -> None:
    account = next((book / "store/accounts").iterdir())
    claim = next(account.glob("runs/*/claim"))
    claim.write_bytes(claim.read_bytes().replace(b"2022", b"2021", 1))
    answer = quant("ledger", "verify", "--book", book)
    assert answer.code == 1
    assert "/claim: object accounts/" in answer.out
    assert "2 damaged" in answer.out
    _, damage = quant("ledger", "verify", "--book", book, "--json").document["damage"]
    assert damage["key"].endswith("/claim")
    again = quant("ledger", "restart", "--book", book, "--reason", "no backup")
    assert again.code == 0
    assert f"account {account.name} is halted" in again.out
    assert f"`quant resume account {account.name} --reason TEXT`" in again.out
    assert "`quant accept RUN --reason TEXT`" in again.out
    assert quant("ledger", "verify", "--book", book).code == 0
    assert_refused(quant("ledger", "restart", "--book", book, "--reason", "x"), "nothing of account", "is damaged")


def test_where_an_account_stands_is_shown_after_its_plan_was_given_up(quant: Quant, book: Path, market: Path) -> None:
    account = next((book / "store/accounts").iterdir())
    for plan in account.glob("runs/*/plan"):
        plan.write_bytes(plan.read_bytes()[:-9])
    assert quant("ledger", "restart", "--book", book, "--reason", "no backup").code == 0
    assert quant("resume", "account", "--reason", "looked", "--book", book).code == 0
    assert quant(*trade(market, book, date(2022, 5, 5))).code == 1
    answer = quant("status", "--book", book)
    assert "is it the right store?" in answer.out
    assert "was changed" not in answer.err


def test_nothing_is_believed_or_called_whole_at_a_mistyped_address(
    quant: Quant, book: Path, tmp_path: Path, tree: Tree
) -> None:
    wrong, before = ["--store", (tmp_path / "wrong").as_uri()], tree(tmp_path)
    assert_refused(quant("believe", "SPY", "--session", DAY, "--reason", "x", *wrong), "has no account")
    assert_refused(quant("ledger", "verify", *wrong, "--reports", (tmp_path / "wrong").as_uri()), "there is nothing in")
    right = ["--store", (book / "store").as_uri(), "--reports", (book / "reports").as_uri()]
    assert_refused(quant("ledger", "verify", *right, "--account", "NOBODY"), "NOBODY is not in the store")
    assert tree(tmp_path) == before
