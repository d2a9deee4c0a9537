"""A backup holds every object of store and reports, is refused when damaged, and restores into an empty place only."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from threading import Barrier, Timer
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.store_keys import is_key
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.cli.main import main
from quant_platform_kit.domain.errors import InProgress, QuantError
from quant_platform_kit.paper.broker import read_account
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.observe.readiness import make_sure_it_writes
from quant_platform_kit.services.operate.audit import Operator, audit_entries
from quant_platform_kit.services.operate.backup import Area, backup_lines, check_backup, restore
from quant_platform_kit.services.operate.switches import FlagEntry, halts
from quant_platform_kit.services.record.leases import AccountLease, LeaseTerms
from quant_platform_kit.testing.synthetic import synthetic_prices

from ...cli.test_operating import Tree
from ...command import Answer, Quant, assert_refused

pytestmark = pytest.mark.usefixtures("no_power_cuts")

PROFILE = "dual_momentum"
NEEDED = ("AGG", "BIL", "EFA", "SPY")
MONTH_END, QUIET = date(2022, 4, 29), date(2022, 5, 2)


@pytest.fixture(scope="session")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of invented prices."""
    made = synthetic_prices(NEEDED, load_calendar("XNYS"), date(2021, 1, 4), date(2022, 6, 30))
    rows = zip(made.days.tolist(), made.codes.tolist(), made.columns["close"].tolist(), strict=True)
    lines = [f"{day},{made.symbols[code]},{close},{close}" for day, code, close in rows]
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    path.write_text("\n".join(["date,symbol,close,adj_close", *lines]))
    return path


def trade(prices: Path, book: Path, day: date, *more: object) -> list[str]:
    options = ["run", "--prices", prices, "--profile", PROFILE, "--as-of", day, "--book", book, *more]
    return [str(option) for option in options]


@pytest.fixture
def run(quant: Quant, prices: Path) -> Callable[..., Answer]:
    """Return a function that runs the profile on a book."""
    return lambda book, day, *more: quant(*trade(prices, book, day, *more))


@pytest.fixture(scope="session")
def traded(prices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an account that has traded once."""
    folder = tmp_path_factory.mktemp("traded") / "book"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["quant", *trade(prices, folder, MONTH_END, "--cash", 10_000)])
        with pytest.raises(SystemExit) as stop:
            main()
    assert not stop.value.code
    return folder


@pytest.fixture
def book(traded: Path, tmp_path: Path) -> Path:
    """Return a copy of that account."""
    shutil.copytree(traded, tmp_path / "book")
    return tmp_path / "book"


@pytest.fixture
def backup(quant: Quant, book: Path, tmp_path: Path) -> Path:
    """Return a backup of that account."""
    path = tmp_path / "backup.jsonl.gz"
    assert quant("ledger", "export", "--book", book, "--out", path).code == 0
    return path


@pytest.fixture
def empty(book: Path, tmp_path: Path) -> Path:
    """Return the folder of the same account without what was recorded."""
    folder = tmp_path / "empty"
    folder.mkdir()
    shutil.copy(book / "book.jsonl", folder)
    return folder


def content(store: VersionedStore) -> dict[str, bytes]:
    found = {key: store.get(key) for key in store.keys("")}
    return {key: stored.data for key, stored in found.items() if stored}


# --- out and in again -----------------------------------------------------------------------------


def test_a_backup_restores_every_object_and_halts_the_account_until_it_is_resumed(
    quant: Quant, run: Callable[..., Answer], book: Path, empty: Path, backup: Path
) -> None:
    account = read_account(book).book.account_id
    answer = quant("ledger", "import", backup, "--book", empty, "--who", "mira")
    assert (answer.code, answer.err) == (0, "")
    assert (
        f"account {account} is halted: reconcile it, then `quant resume account {account} --reason TEXT`" in answer.out
    )
    before, after = content(FileStore(book / "store")), content(FileStore(empty / "store"))
    assert before.items() <= after.items()
    added = sorted(after.keys() - before.keys())
    assert [key.rpartition("/")[0] for key in added] == ["audit", "audit", f"halts/account-{account}"]
    assert content(FileStore(book / "reports")) == content(FileStore(empty / "reports"))
    blocked = run(empty, QUIET)
    assert blocked.code == 1
    assert f"halted: account-{account}" in blocked.err
    (halt,) = json.loads(quant("status", "--book", empty, "--json").out)["accounts"][0]["halts"]
    assert halt["who"] == "mira"
    assert halt["why"].startswith("restored from a backup of 20")
    assert halt["why"].endswith(": reconcile first")
    assert quant("resume", "account", "--reason", "reconciled", "--book", empty).code == 0
    assert run(empty, date(2022, 5, 3)).code == 0
    assert [e.command for e in audit_entries(FileStore(empty / "store"))] == ["ledger import", "halt", "resume"]


def test_an_executed_decision_is_not_executed_again_after_a_restore(
    quant: Quant, run: Callable[..., Answer], empty: Path, backup: Path
) -> None:
    quant("ledger", "import", backup, "--book", empty)
    quant("resume", "account", "--reason", "reconciled", "--book", empty)
    journal = (empty / "book.jsonl").read_bytes()
    again = json.loads(run(empty, MONTH_END, "--json").out)
    assert again["outcome"] == "completed"
    assert (empty / "book.jsonl").read_bytes() == journal


def test_a_backup_goes_from_one_kind_of_store_into_another(
    quant: Quant, book: Path, backup: Path, tmp_path: Path
) -> None:
    pytest.importorskip("sqlalchemy")
    place = [f"--store=sqlite:///{tmp_path}/store.db", f"--reports=sqlite:///{tmp_path}/reports.db"]
    done = quant("ledger", "import", backup, *place, "--json")
    assert done.code == 0
    document = json.loads(done.out)
    assert document["objects"]["reports"] == 3
    assert document["accounts"] == [read_account(book).book.account_id]
    stored = content(open_store(f"sqlite:///{tmp_path}/store.db"))
    assert content(FileStore(book / "store")).items() <= stored.items()
    quant("ledger", "export", *place, "--out", "again.jsonl.gz")
    assert json.loads(quant("status", *place, "--json").out)["accounts"][0]["last_run"]["outcome"] == "completed"


def test_a_backup_is_of_everything_byte_by_byte(tmp_path: Path) -> None:
    places = {area: FileStore(tmp_path / area.value) for area in Area}
    objects = {"a/1": b"", "a/2": b"\n\n", "a/3": bytes(range(256)), "a/4": "Grüße \u2028".encode(), "b": b"{}\n7\n"}
    for key, data in objects.items():
        places[Area.STORE].create(key, data)
        places[Area.REPORTS].create(f"r{key}", data)
    lines = list(backup_lines(places))
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    found = check_backup(lines, is_key)
    assert found.objects == {Area.STORE: 5, Area.REPORTS: 5}
    restored = {area: FileStore(tmp_path / "restored" / area.value) for area in Area}
    restore(Operator(restored[Area.STORE], SystemClock(), "mira"), restored, lambda: lines, found)
    assert objects.items() <= content(restored[Area.STORE]).items()
    assert content(restored[Area.REPORTS]) == {f"r{key}": data for key, data in objects.items()}


def test_store_and_reports_at_one_address_restore_to_one_address(quant: Quant, book: Path, tmp_path: Path) -> None:
    shutil.copytree(book / "reports", book / "store", dirs_exist_ok=True)
    one = (book / "store").as_uri()
    assert quant("ledger", "export", "--store", one, "--reports", one, "--out", "one.jsonl.gz").code == 0
    other = (tmp_path / "other").as_uri()
    assert quant("ledger", "import", "one.jsonl.gz", "--store", other, "--reports", other).code == 0
    assert content(FileStore(book / "store")).items() <= content(FileStore(tmp_path / "other")).items()


def test_one_place_for_two_objects_of_a_key_is_refused_and_nothing_is_written(
    quant: Quant, book: Path, tmp_path: Path
) -> None:
    """Halfway through, the second one would meet the first."""
    for area in Area:
        FileStore(book / area.value).create("zz/last", area.value.encode())
    assert quant("ledger", "export", "--book", book, "--out", "two.jsonl.gz").code == 0
    other = (tmp_path / "other").as_uri()
    for reports in (other, f"{other}/"):
        answer = quant("ledger", "import", "two.jsonl.gz", "--store", other, "--reports", reports)
        assert_refused(answer, "store and reports both have an object zz/last: give the reports a place of their own")
        assert content(FileStore(tmp_path / "other")) == {}
    apart = ["--store", f"{other}/store", "--reports", f"{other}/reports"]
    assert quant("ledger", "import", "two.jsonl.gz", *apart).code == 0


def test_an_account_that_was_resumed_before_its_backup_is_halted_after_the_restore(
    quant: Quant, book: Path, empty: Path
) -> None:
    for command in ("halt", "resume"):
        quant(command, "account", "--reason", "storm", "--book", book)
    quant("ledger", "export", "--book", book, "--out", "after.jsonl.gz")
    assert quant("ledger", "import", "after.jsonl.gz", "--book", empty).code == 0
    account = read_account(book).book.account_id
    assert halts(FileStore(empty / "store")).on() == {f"account-{account}"}


@pytest.mark.parametrize("halts_all", [False, True])
def test_every_account_is_halted_before_its_first_object_is_there(
    book: Path, tmp_path: Path, *, halts_all: bool
) -> None:
    places = {Area.STORE: FileStore(book / "store"), Area.REPORTS: FileStore(book / "reports")}
    lines = list(backup_lines(places))
    account = read_account(book).book.account_id

    class Watched(FileStore):
        def create(self, key: str, data: bytes) -> int:
            if not key.startswith(("halts/", "audit/")):
                assert halts(store).on() == {f"account-{account}", *(["all"] if halts_all else [])}
                assert [e.command for e in audit_entries(store)] == ["ledger import", *["halt"] * (1 + halts_all)]
            return super().create(key, data)

    store = Watched(tmp_path / "store")
    restored = {Area.STORE: store, Area.REPORTS: Watched(tmp_path / "reports")}
    operator, found = Operator(store, SystemClock(), "mira"), check_backup(lines, is_key)
    restore(operator, restored, lambda: lines, found, halts_all=halts_all)


def test_a_service_that_waits_for_its_ledger_is_in_nobodys_way(quant: Quant, empty: Path, backup: Path) -> None:
    make_sure_it_writes(FileStore(empty / "store"))
    assert quant("ledger", "import", backup, "--book", empty).code == 0
    again = empty.parent / "again.jsonl.gz"
    assert quant("ledger", "export", "--book", empty, "--out", again).code == 0
    assert b'"key":"ready"' not in gzip.decompress(again.read_bytes())


# --- refused --------------------------------------------------------------------------------------


def test_a_place_that_is_not_empty_is_refused(quant: Quant, book: Path, empty: Path, backup: Path, tree: Tree) -> None:
    before = tree(book)
    assert_refused(quant("ledger", "import", backup, "--book", book), "the store place holds", "use an empty one")
    assert tree(book) == before
    shutil.copytree(book / "reports", empty / "reports")
    before = tree(empty)
    assert_refused(quant("ledger", "import", backup, "--book", empty), "the reports place holds 3 objects")
    assert tree(empty) == before


def test_a_backup_of_another_account_is_refused(
    quant: Quant, run: Callable[..., Answer], backup: Path, tmp_path: Path, tree: Tree
) -> None:
    other = tmp_path / "other"
    run(other, MONTH_END, "--cash", 5_000)
    for name in ("store", "reports"):
        shutil.rmtree(other / name)
    before = tree(other)
    account = read_account(other).book.account_id
    assert_refused(
        quant("ledger", "import", backup, "--book", other), f"{backup} has no account {account}; accounts: PAPER-"
    )
    assert tree(other) == before


Damage = Callable[[list[bytes]], list[bytes]]


def signed(lines: list[bytes]) -> list[bytes]:
    """Give changed lines a last line that fits them."""
    digest = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    return [*lines[:-1], json.dumps({"sha256": digest}).encode() + b"\n"]


def changed(line: bytes, **values: object) -> bytes:
    return json.dumps({**json.loads(line), **values}).encode() + b"\n"


DAMAGES: dict[str, tuple[Damage, str]] = {
    "empty": (lambda lines: [], "line 1: the file ends too early"),
    "no header": (lambda lines: lines[1:], "line 1: format: Field required"),
    "another format": (lambda lines: [changed(lines[0], format="x"), *lines[1:]], "line 1: format: Input should be"),
    "a later version": (lambda lines: [changed(lines[0], version=2), *lines[1:]], "line 1: version: Input should be 1"),
    "cut off": (lambda lines: lines[:-2], "the file ends too early"),
    "no last line": (lambda lines: lines[:-1], "the file ends too early"),
    "more after the end": (lambda lines: [*lines, lines[1]], "there is more after the last line"),
    "half a line": (lambda lines: [*lines[:3], lines[3][:40] + b"\n", *lines[4:]], "line 4: Invalid JSON"),
    "no text": (lambda lines: [*lines[:2], b"\xff\xfe\n", *lines[3:]], "line 3: Invalid JSON"),
    "a line left out": (lambda lines: [*lines[:2], *lines[3:]], "area: Field required"),
    "a line twice": (
        lambda lines: signed([changed(lines[0], objects=len(lines) - 1), *lines[1:3], lines[2], *lines[3:]]),
        "line 4: object accounts/",
    ),
    "lines swapped": (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "the digest of the lines before it"),
    "another text": (lambda lines: [*lines[:2], changed(lines[2], text="{}"), *lines[3:]], "line 3: object accounts/"),
    "another key": (lambda lines: [*lines[:2], changed(lines[2], key="x"), *lines[3:]], "line 3: object x is damaged"),
    "another area": (
        lambda lines: signed([*lines[:2], changed(lines[2], area="reports"), *lines[3:]]),
        "line 3: object accounts/",
    ),
    "an unknown area": (lambda lines: [*lines[:2], changed(lines[2], area="x"), *lines[3:]], "line 3: area: Input"),
    "a field too many": (lambda lines: [*lines[:2], changed(lines[2], x=1), *lines[3:]], "line 3: x: "),
    "not base64": (
        lambda lines: [*lines[:2], changed(lines[2], text=None, base64="a"), *lines[3:]],
        "line 3: object accounts/",
    ),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_backup_is_refused_with_the_line(
    quant: Quant, empty: Path, backup: Path, tree: Tree, damage: Damage, words: str
) -> None:
    lines = gzip.decompress(backup.read_bytes()).splitlines(keepends=True)
    bad = backup.with_name("bad.jsonl.gz")
    bad.write_bytes(gzip.compress(b"".join(damage(lines))))
    before = tree(empty)
    assert_refused(quant("ledger", "import", bad, "--book", empty), f"{bad} is no backup, or damaged: line ", words)
    assert tree(empty) == before


def test_a_key_that_would_leave_the_store_is_refused(quant: Quant, empty: Path, backup: Path, tree: Tree) -> None:
    lines = gzip.decompress(backup.read_bytes()).splitlines(keepends=True)
    digest = hashlib.sha256(b"store\0../../evil\0{}").hexdigest()
    evil = json.dumps({"area": "store", "key": "../../evil", "sha256": digest, "text": "{}"}).encode() + b"\n"
    bad = backup.with_name("bad.jsonl.gz")
    bad.write_bytes(gzip.compress(b"".join(signed([lines[0], evil, *lines[2:]]))))
    before = tree(empty.parent)
    assert_refused(quant("ledger", "import", bad, "--book", empty), "line 2: '../../evil' is no key of a store")
    assert tree(empty.parent) == before


@pytest.mark.parametrize("where", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_file_damaged_in_its_compressed_form_is_refused(
    quant: Quant, empty: Path, backup: Path, tree: Tree, how: str, where: float
) -> None:
    data = bytearray(backup.read_bytes())
    at = int(len(data) * where)
    if how == "cut":
        del data[at:]
    else:
        data[at] ^= 0x55
    bad = backup.with_name("bad.jsonl.gz")
    bad.write_bytes(data)
    before = tree(empty)
    assert_refused(quant("ledger", "import", bad, "--book", empty), f"{bad} is no backup, or damaged: line ")
    assert tree(empty) == before


def test_what_is_no_backup_at_all_is_refused(
    quant: Quant, empty: Path, prices: Path, tmp_path: Path, tree: Tree
) -> None:
    before = tree(empty)
    assert_refused(quant("ledger", "import", prices, "--book", empty), "line 1: Not a gzipped file")
    assert_refused(quant("ledger", "import", tmp_path / "none", "--book", empty), "No such file")
    assert_refused(quant("ledger", "import", tmp_path, "--book", empty), "Is a directory")
    assert tree(empty) == before


def test_an_export_replaces_nothing_and_leaves_nothing_half_done(
    quant: Quant, book: Path, backup: Path, tmp_path: Path, tree: Tree
) -> None:
    before = tree(tmp_path)
    assert_refused(quant("ledger", "export", "--book", book, "--out", backup), f"--out {backup} exists already")
    missing = tmp_path / "none" / "backup.jsonl.gz"
    assert_refused(quant("ledger", "export", "--book", book, "--out", missing), f"--out {missing} cannot be written")
    assert_refused(quant("ledger", "export", "--book", book), "--out", code=2)
    assert tree(tmp_path) == before


def test_a_store_with_nothing_in_it_is_not_exported(quant: Quant, empty: Path, tree: Tree) -> None:
    before = tree(empty)
    assert_refused(quant("ledger", "export", "--book", empty, "--out", "x.jsonl.gz"), "the store holds nothing")
    assert tree(empty) == before
    assert tree(Path.cwd()) == {}


def test_while_a_worker_is_on_an_account_it_is_not_exported(quant: Quant, book: Path) -> None:
    account = read_account(book).book.account_id
    lease = AccountLease.acquire(FileStore(book / "store"), account, "worker 7", LeaseTerms(), SystemClock())
    answer = quant("ledger", "export", "--book", book, "--out", "x.jsonl.gz")
    assert_refused(answer, f"worker 7 works on account {account}; ask again in")
    assert list(Path.cwd().iterdir()) == []
    lease.release()
    assert quant("ledger", "export", "--book", book, "--out", "x.jsonl.gz").code == 0


def test_an_export_waits_for_a_worker_that_is_on_an_account(quant: Quant, book: Path) -> None:
    account = read_account(book).book.account_id
    lease = AccountLease.acquire(FileStore(book / "store"), account, "worker 7", LeaseTerms(), SystemClock())
    gone = Timer(0.3, lease.release)
    gone.start()
    assert quant("ledger", "export", "--book", book, "--out", "x.jsonl.gz", "--wait", "20").code == 0
    gone.join()
    assert [path.name for path in Path.cwd().iterdir()] == ["x.jsonl.gz"]


def test_an_export_that_a_run_overtook_is_thrown_away(book: Path) -> None:
    account = read_account(book).book.account_id
    store = FileStore(book / "store")
    lines = backup_lines({Area.STORE: store, Area.REPORTS: FileStore(book / "reports")})
    next(lines)
    terms = LeaseTerms(timedelta(seconds=60), timedelta(0))
    AccountLease.acquire(store, account, "worker 7", terms, SystemClock()).release()
    with pytest.raises(InProgress, match="a run ended while its account was read"):
        list(lines)


def test_of_two_who_restore_different_backups_at_once_none_mixes_them_unnoticed(tmp_path: Path) -> None:
    backups: list[list[bytes]] = []
    for number in range(2):
        places = {area: FileStore(tmp_path / f"{number}-{area.value}") for area in Area}
        places[Area.STORE].create("accounts/PAPER-1/runs/one/claim", b"%d" % number)
        halts(places[Area.STORE]).set("all", FlagEntry(True, str(number), "", places[Area.STORE].now()))
        backups.append(list(backup_lines(places)))
    start = Barrier(2)
    target = {area: FileStore(tmp_path / "target" / area.value) for area in Area}

    def work(lines: list[bytes]) -> bool:
        start.wait()
        try:
            operator = Operator(target[Area.STORE], SystemClock(), "mira")
            restore(operator, target, lambda: lines, check_backup(lines, is_key))
        except QuantError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(work, backups)) <= 1
    assert content(target[Area.STORE])


def test_the_last_line_is_the_digest_of_all_before_it(backup: Path) -> None:
    lines = gzip.decompress(backup.read_bytes()).splitlines(keepends=True)
    header: dict[str, Any] = json.loads(lines[0])
    assert header.keys() == {"format", "version", "created_at", "objects"}
    assert header["objects"] == len(lines) - 2
    assert json.loads(lines[-1]) == {"sha256": hashlib.sha256(b"".join(lines[:-1])).hexdigest()}
