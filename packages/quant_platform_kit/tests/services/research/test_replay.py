"""Past runs decide the same again from their recorded inputs alone; what does not fit is named.

Monday's decision buys AAA and BBB in Tuesday's session; later sessions hold.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.request
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import LongPrices, read_prices
from quant_platform_kit.adapters.strategies import bind, catalog
from quant_platform_kit.cli.compose import PaperRun, run_on_paper
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.research.replay import Finder, Replay, ReplayVerdict, isolated, replay_run

from ...cli.test_operating import HALVES, trade
from ...cli.test_operating import market as prices_and_strategy  # noqa: F401 -- a fixture
from ...command import Quant, assert_refused
from ...lossy_account import CLOSE, MON, THU, TUE, WED, Market, Scripted, Tree, World
from ..record.test_recorded_inputs import CHANGES, Spoil, spoil_object

pytestmark = pytest.mark.usefixtures("no_power_cuts")

DATA_DIR = Path(os.environ.get("TEST_DATA_DIR") or Path(__file__).resolve().parents[6] / "shared" / "data")
FRI = date(2023, 12, 1)

Rule = Callable[[Any, Any], Any]


def buying(first: float) -> Rule:
    """Return a rule that buys a weight of AAA and the rest of BBB on Monday, and holds."""

    def decide(manifest: Any, ctx: Any) -> Any:
        weights = {"AAA": first, "BBB": 1 - first}
        return manifest.rebalance(ctx, weights) if ctx.as_of == MON else manifest.hold(ctx, "-")

    return decide


@pytest.fixture
def world(tmp_path: Path, market: Market, calendar: ExchangeCalendar, scripted: Scripted) -> World:
    return World(tmp_path / "book", market(MON, CLOSE), calendar, scripted(buying(0.6)), lost=())


def finding(strategy: BoundStrategy) -> Finder:
    return lambda profile, config: strategy


def replayed(world: World, report: RunReport | str, strategy: BoundStrategy | None = None) -> Replay:
    """Replay a run, by the strategy that decided unless another is given."""
    run_id = report if isinstance(report, str) else report.run_id
    return replay_run(run_id, world.reports, finding(strategy or world.strategy), world.calendar)


# --- equal or not -----------------------------------------------------------------------------------


def test_a_run_decides_the_same_again(world: World, tree: Tree) -> None:
    report = world.run(TUE)
    before = tree(world.folder)
    found = replayed(world, report)
    assert (found.verdict, found.why, found.profile, found.as_of) == (ReplayVerdict.EQUAL, "", "scripted", MON)
    assert [(d.as_of, d.recorded, d.redecided) for d in found.decisions] == [
        (MON, report.decision_digest, report.decision_digest)
    ]
    assert tree(world.folder) == before


def test_missed_sessions_are_decided_again_too(world: World) -> None:
    world.run(TUE)
    found = replayed(world, world.run(FRI))
    assert found.verdict is ReplayVerdict.EQUAL
    assert [decision.as_of for decision in found.decisions] == [TUE, WED, THU]
    assert len({decision.recorded for decision in found.decisions}) == 3


def test_sessions_looked_back_at_by_a_new_account_are_decided_again_too(world: World) -> None:
    report = world.run(THU, enter_now=True)
    assert report.executes == MON
    found = replayed(world, report)
    assert (found.verdict, len(found.decisions)) == (ReplayVerdict.EQUAL, 70)


def test_a_run_that_was_finished_by_another_worker_decides_the_same(world: World) -> None:
    world.die(Boundary.ORDER_SENT)
    world.clock.sleep(300)
    world.run(WED)
    (first,) = (run_id for run_id in world.reports.ids() if run_id.startswith(str(TUE)))
    assert replayed(world, first).verdict is ReplayVerdict.EQUAL


def test_a_holding_that_could_not_be_valued_is_blocked_again(
    tmp_path: Path, market: Market, calendar: ExchangeCalendar, scripted: Scripted
) -> None:
    table = market(MON, {**CLOSE, "BBB": [50.0, 50.0, float("nan"), 51.5, 53.0]})
    world = World(tmp_path / "book", table, calendar, scripted(buying(0.6)), lost=())
    world.run(TUE)
    report = world.run(WED)
    assert report.outcome is Outcome.BLOCKED
    assert replayed(world, report).verdict is ReplayVerdict.EQUAL


def test_a_rule_that_decides_otherwise_differs_on_the_sessions_it_does(world: World, scripted: Scripted) -> None:
    report = world.run(TUE)
    held = world.run(WED)
    other = scripted(buying(0.5))
    found = replayed(world, report, other)
    assert (found.verdict, found.why) == (ReplayVerdict.DIFFERS, f"decides otherwise on {MON}")
    assert found.decisions[0].recorded != found.decisions[0].redecided
    assert replayed(world, held, other).verdict is ReplayVerdict.EQUAL


def test_the_recorded_configuration_is_what_is_bound(world: World) -> None:
    class Config(BaseModel):
        """How much of AAA."""

        share: float = 0.6

    class Shares:
        """Decides by its configuration."""

        manifest = world.strategy.manifest

        def evaluate(self, ctx: Any, config: Config) -> Any:
            """Buy."""
            return buying(config.share)(self.manifest, ctx)

    Shares.Config = Config  # type: ignore[attr-defined]
    world.strategy = bind(Shares(), {"share": 0.25})  # type: ignore[arg-type]
    report = world.run(TUE)
    asked: list[Mapping[str, object]] = []

    def find(profile: str, config: Mapping[str, object]) -> BoundStrategy:
        asked.append(config)
        return bind(Shares(), config)  # type: ignore[arg-type]

    assert replay_run(report.run_id, world.reports, find, world.calendar).verdict is ReplayVerdict.EQUAL
    assert asked == [{"share": 0.25}]
    now_default = replayed(world, report, bind(Shares()))  # type: ignore[arg-type]
    assert (now_default.verdict, now_default.why) == (
        ReplayVerdict.NOT_REPLAYED,
        "the installed scripted has other settings than the one that decided: share",
    )


# --- what cannot be replayed ------------------------------------------------------------------------


def test_a_strategy_of_another_profile_is_not_asked(world: World, scripted: Scripted) -> None:
    found = replayed(world, world.run(TUE), scripted(buying(0.6), profile="other"))
    assert (found.verdict, found.why) == (
        ReplayVerdict.NOT_REPLAYED,
        "the strategy is of profile other, the run of scripted",
    )


def test_a_strategy_that_needs_more_prices_than_were_recorded_is_not_asked(world: World, scripted: Scripted) -> None:
    found = replayed(world, world.run(TUE), scripted(buying(0.6), watched=("CCC",)))
    assert (found.verdict, found.why) == (
        ReplayVerdict.NOT_REPLAYED,
        "the installed scripted reads prices that were not recorded: CCC",
    )


def test_a_strategy_that_fails_is_named(world: World, scripted: Scripted) -> None:
    found = replayed(world, world.run(TUE), scripted(lambda manifest, ctx: 1 / 0))
    assert found.verdict is ReplayVerdict.NOT_REPLAYED
    assert found.why == f"scripted fails on {MON}: ZeroDivisionError: division by zero"


def test_a_run_that_ended_before_it_decided_has_nothing_to_replay(world: World) -> None:
    skipped = world.run(date(2023, 11, 25))
    set_halt(world.operator, "all", "storm", on=True)
    for report in (skipped, world.run(TUE)):
        found = replayed(world, report)
        assert (found.verdict, found.why) == (ReplayVerdict.NOTHING, "it ended before it decided")


def test_a_probe_has_nothing_to_replay(world: World) -> None:
    report = world.reports.publish(world.run(TUE, mode=Mode.PROBE))
    found = replayed(world, report)
    assert (found.verdict, found.why) == (ReplayVerdict.NOTHING, "its inputs were not recorded")


# --- every change is found --------------------------------------------------------------------------


def object_of(world: World, report: RunReport, which: str) -> str:
    """Return the key of a report, its document or its history."""
    assert report.reasoning is not None
    digest = str(report.reasoning.inputs.digest)
    if which == "report":
        return f"runs/{report.run_id}"
    return f"inputs/{digest if which == 'document' else world.reports.inputs.read(digest)[0].history}"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("which", ["report", "document", "history"])
def test_a_changed_object_is_named(world: World, which: str, change: Spoil) -> None:
    report = world.run(TUE)
    key = object_of(world, report, which)
    spoil_object(world.folder / "reports" / key, change)
    found = replayed(world, report)
    assert (found.verdict, found.decisions) == (ReplayVerdict.DAMAGED, ())
    assert key in found.why


@pytest.mark.parametrize("which", ["report", "document", "history"])
def test_a_missing_object_is_named(world: World, which: str) -> None:
    report = world.run(TUE)
    key = object_of(world, report, which)
    (world.folder / "reports" / key).unlink()
    found = replayed(world, report)
    assert found.verdict is ReplayVerdict.DAMAGED
    assert f"{key} is not in the report store" in found.why


def test_a_report_in_the_place_of_another_is_named(world: World) -> None:
    first, second = world.run(TUE), world.run(WED)
    folder = world.folder / "reports" / "runs"
    shutil.copy(folder / first.run_id, folder / second.run_id)
    found = replayed(world, second)
    assert found.verdict is ReplayVerdict.DAMAGED
    assert f"runs/{second.run_id} holds the report of run {first.run_id}" in found.why


# --- a decision sees its inputs and nothing else ------------------------------------------------------


def ask_the_network() -> None:
    socket.create_connection(("prices.example", 443))


def make_a_socket() -> None:
    socket.socket()


def start_a_program() -> None:
    subprocess.run(["date"], check=True)


def in_a_thread() -> None:
    thread = threading.Thread(target=ask_quietly)
    thread.start()
    thread.join()


def ask_quietly() -> None:
    """Ask the network, and take no answer for an answer."""
    try:
        ask_the_network()
    except OSError:
        pass


ATTEMPTS: dict[str, tuple[Callable[[], object], str]] = {
    "address": (ask_the_network, "use the network (socket.getaddrinfo prices.example)"),
    "socket": (make_a_socket, "use the network (socket.__new__)"),
    "request": (
        lambda: urllib.request.urlopen("https://prices.example/spy?key=secret"),
        "use the network (urllib.Request https://prices.example/spy)",
    ),
    "caught": (ask_quietly, "use the network (socket.getaddrinfo prices.example)"),
    "thread": (in_a_thread, "use the network (socket.getaddrinfo prices.example)"),
    "program": (start_a_program, "start a program (subprocess.Popen date)"),
    "shell": (lambda: os.system("true"), "start a program (os.system"),
    "database": (lambda: sqlite3.connect("prices.db"), "open the database prices.db"),
    "file": (lambda: Path("settings.toml").read_text(), "open the file settings.toml"),
    "descriptor": (lambda: os.open("/etc/hostname", os.O_RDONLY), "open the file /etc/hostname"),
    "writing": (lambda: Path("notes.py").write_text("x"), "open the file notes.py"),
}


@pytest.mark.enable_socket  # it is the replay that denies them here, before they are used
@pytest.mark.parametrize(("attempt", "named"), ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_strategy_that_reaches_for_more_than_its_inputs_is_stopped_and_named(
    world: World, scripted: Scripted, attempt: Callable[[], object], named: str
) -> None:
    report = world.run(TUE)

    def decide(manifest: Any, ctx: Any) -> Any:
        attempt()
        return buying(0.6)(manifest, ctx)

    found = replayed(world, report, scripted(decide))
    assert found.verdict is ReplayVerdict.NOT_REPLAYED
    assert found.why.startswith(f"scripted on {MON} tried to {named}"), found.why
    assert "secret" not in found.why
    assert "\n" not in found.why
    assert not Path("notes.py").exists()


def test_code_time_zones_and_numbers_stay_at_hand(world: World, scripted: Scripted) -> None:
    report = world.run(TUE)

    def decide(manifest: Any, ctx: Any) -> Any:
        sys.modules.pop("colorsys", None)
        import colorsys  # noqa: F401

        zoneinfo.ZoneInfo.no_cache("Asia/Tokyo")
        return buying(0.6)(manifest, ctx)

    assert replayed(world, report, scripted(decide)).verdict is ReplayVerdict.EQUAL


def test_other_threads_work_on_and_everything_is_allowed_again_afterwards(tmp_path: Path) -> None:
    asked, done, read = threading.Event(), threading.Event(), list[str]()
    (tmp_path / "file").write_text("content")

    def other() -> None:
        asked.wait(10)
        read.append((tmp_path / "file").read_text())
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with isolated("nobody"):
        asked.set()
        assert done.wait(10)
    thread.join()
    assert read == ["content"]
    assert (tmp_path / "file").read_text() == "content"


def read_and_give_up(file: Path) -> None:
    with isolated("it"):
        with pytest.raises(PermissionError, match="a replay may not open the file"):
            file.read_text()
        raise InvalidInput("no prices")


def test_what_was_tried_is_told_instead_of_the_error_that_it_led_to(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^it tried to open the file .*: a decision follows from the recorded"):
        read_and_give_up(tmp_path / "file")
    with pytest.raises(InvalidInput, match=r"^no prices$"), isolated("it"):
        raise InvalidInput("no prices")


# --- quant replay -----------------------------------------------------------------------------------

DAYS = [date(2022, 5, 2), date(2022, 5, 3), date(2022, 5, 6)]


@pytest.fixture
def folder(prices_and_strategy: Path) -> Path:  # noqa: F811
    """Return a folder with a price file and the strategy of `test_cli_operate`."""
    return prices_and_strategy


@pytest.fixture
def strategy(folder: Path) -> str:
    return f"{folder}/halves.py:Halves"


@pytest.fixture
def book(quant: Quant, folder: Path, tmp_path: Path) -> Path:
    """Return a paper account with three runs: two sessions, then one after two that were missed."""
    for day in DAYS:
        assert quant(*trade(folder, tmp_path / "book", day, "--cash", 10_000)).code == 0
    return tmp_path / "book"


def runs_of(book: Path) -> list[str]:
    return sorted(path.name for path in (book / "reports" / "runs").iterdir())


def test_all_runs_of_a_book_are_listed_and_counted(quant: Quant, book: Path, strategy: str, tree: Tree) -> None:
    before = tree(book)
    answer = quant("replay", "--all", "--book", book, "--strategy", strategy)
    assert (answer.code, answer.err) == (0, "")
    for run_id, day, decisions in zip(runs_of(book), DAYS, (1, 1, 3), strict=True):
        (row,) = (line for line in answer.out.splitlines() if run_id in line)
        assert [cell.strip() for cell in row.strip("│").split("│")] == [
            run_id,
            "halves",
            str(day),
            str(decisions),
            "equal",
        ]
    assert "decided again by quant-platform-kit " in answer.out
    assert answer.out.endswith("\n3 of 3 replayed runs decide the same\n")
    assert tree(book) == before


def test_of_one_run_both_digests_are_printed(quant: Quant, book: Path, strategy: str) -> None:
    run = runs_of(book)[1]
    answer = quant("replay", run, "--reports", (book / "reports").as_uri(), "--strategy", strategy)
    assert answer.code == 0
    content = json.loads((book / "reports" / "runs" / run).read_bytes().partition(b"\n")[2])
    digest = content["report"]["decision_digest"]
    assert f"2022-05-03  recorded    {digest}\n" in answer.out
    assert f"            re-decided  {digest}\n" in answer.out
    assert answer.out.endswith("1 of 1 replayed runs decide the same\n")


def test_json_is_one_document(quant: Quant, book: Path, strategy: str) -> None:
    document = quant("replay", "--all", "--book", book, "--strategy", strategy, "--json").document
    assert (document["equal"], document["replayed"]) == (3, 3)
    last = document["runs"][-1]
    assert (last["verdict"], last["why"], last["as_of"]) == ("equal", "", "2022-05-06")
    assert [decision["as_of"] for decision in last["decisions"]] == ["2022-05-04", "2022-05-05", "2022-05-06"]
    assert all(decision["recorded"] == decision["redecided"] for decision in last["decisions"])
    assert {"Python", "numpy", "quant-platform-kit", "strategy"} <= set(document["versions"])


def test_a_damaged_run_is_named_and_the_others_are_replayed(quant: Quant, book: Path, strategy: str) -> None:
    runs = runs_of(book)
    spoil_object(book / "reports" / "runs" / runs[0], CHANGES["middle byte"])
    answer = quant("replay", "--all", "--book", book, "--strategy", strategy)
    assert answer.code == 1
    told = f"{runs[0]} damaged: runs/{runs[0]} was changed after it was written; restore it from a backup"
    assert f"  {told}\n" in answer.out
    assert answer.err == f"quant: {told}\n"
    assert answer.out.endswith("2 of 3 replayed runs decide the same\n")
    again = quant("replay", *runs, "--book", book, "--strategy", strategy)
    assert (again.code, again.out) == (1, answer.out)


def test_another_rule_differs_and_exits_with_one(quant: Quant, book: Path, tmp_path: Path) -> None:
    (tmp_path / "thirds.py").write_text(HALVES.replace('{"SPY": 0.5, "AGG": 0.5}', '{"SPY": 0.3, "AGG": 0.6}'))
    answer = quant("replay", "--all", "--book", book, "--strategy", f"{tmp_path}/thirds.py:Halves")
    assert answer.code == 1
    assert answer.err == f"quant: {runs_of(book)[1]} differs: decides otherwise on 2022-05-03\n"
    assert answer.out.endswith("2 of 3 replayed runs decide the same\n")


def test_a_profile_that_is_not_installed_asks_for_its_file(quant: Quant, book: Path, tmp_path: Path) -> None:
    answer = quant("replay", runs_of(book)[0], "--book", book)
    assert answer.code == 1
    assert "profile halves is not installed; add --strategy FILE.py:CLASS" in answer.err
    (tmp_path / "other.py").write_text(HALVES.replace('"halves"', '"other"'))
    answer = quant("replay", "--all", "--book", book, "--strategy", f"{tmp_path}/other.py:Halves")
    assert answer.code == 1
    assert f"profile halves is not installed; {tmp_path}/other.py:Halves is of profile other, and 2 more" in answer.err


@pytest.mark.enable_socket
def test_a_strategy_that_opens_a_socket_is_one_line(quant: Quant, book: Path, tmp_path: Path) -> None:
    asking = HALVES.replace(
        "        if ctx", '        __import__("socket").create_connection(("prices.example", 443))\n        if ctx', 1
    )
    (tmp_path / "asking.py").write_text(asking)
    answer = quant("replay", runs_of(book)[0], "--book", book, "--strategy", f"{tmp_path}/asking.py:Halves")
    assert answer.code == 1
    assert answer.err.endswith(
        "halves on 2022-05-02 tried to use the network (socket.getaddrinfo prices.example): "
        "a decision follows from the recorded inputs alone\n"
    )
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name the runs, or give --all"),
        (["RUN", "--all"], "name the runs, or give --all"),
        (["--all"], "give either --book FOLDER or --reports URL"),
        (["--all", "--book", "BOOK", "--reports", "file:///x"], "give either --book FOLDER or --reports URL"),
    ],
)
def test_runs_or_a_place_that_are_not_named_are_wrong_usage(
    quant: Quant, book: Path, arguments: list[str], words: str
) -> None:
    named = [{"BOOK": str(book)}.get(part, part) for part in arguments]
    where = [] if "--book" in named or named == ["--all"] else ["--book", str(book)]
    assert_refused(quant("replay", *named, *where), words, code=2)


def test_a_place_without_a_report_is_refused(quant: Quant, tmp_path: Path) -> None:
    assert_refused(quant("replay", "--all", "--reports", (tmp_path / "nowhere").as_uri()), "there is no run report")
    assert_refused(quant("replay", "--all", "--book", tmp_path / "nowhere"), "No such file")
    assert not (tmp_path / "nowhere").exists()


# --- the catalog on real prices ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_prices() -> LongPrices:
    """Return the real ETF prices, or skip: they are not part of the repository."""
    file = DATA_DIR / "etf_daily.parquet"
    if not file.is_file():
        pytest.skip(f"real prices are not here: {file} does not exist; set TEST_DATA_DIR to the folder that holds it")
    return read_prices(file, ["close", "adj_close"])


@pytest.mark.parametrize("profile", sorted(name for name, one in catalog().items() if one.manifest.features is None))
def test_runs_of_the_catalog_on_real_prices_decide_the_same_again(
    quant: Quant, real_prices: LongPrices, tmp_path: Path, profile: str
) -> None:
    days = load_calendar("XNYS").between(date(2019, 11, 26), date(2020, 4, 30))
    strategy, book = bind(catalog()[profile]), tmp_path / "book"
    policy = ExecutionPolicy(strategy.manifest.target_mode)
    for number, day in enumerate((days[0], days[3], days[24], days[80])):
        run = PaperRun(strategy, real_prices, "adj_close", day, book, Decimal(100_000), policy)
        assert run_on_paper(replace(run, enter_now=number == 0)).outcome.good
    document = quant("replay", "--all", "--book", book, "--json").document
    assert (document["equal"], document["replayed"]) == (4, 4)
    decided = [len(one["decisions"]) for one in document["runs"]]
    assert decided == [70, 3, 21, 46]
