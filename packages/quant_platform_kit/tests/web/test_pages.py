"""The pages of a service: every field is there, whatever it holds is only text, and the first line says if all is well.

The fields come from a real run on a paper account and from reports changed to every other ending.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain import redaction
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.identity import Mode, RunKey, client_order_id
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.planning import OrderPlan, PlanLine, Residual
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.reconciliation import Discrepancy, Finding
from quant_platform_kit.domain.runs import (
    Attempt,
    InputSummary,
    OrderOutcome,
    Outcome,
    Reasoning,
    RunClaim,
    RunReport,
)
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Action, BoundStrategy
from quant_platform_kit.paper.broker import PaperBroker, open_account
from quant_platform_kit.paper.platform import description
from quant_platform_kit.runtime.service import Service, Stores
from quant_platform_kit.runtime.settings import ServiceSettings
from quant_platform_kit.services.observe.notifying import Delivery
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.advice import what_to_do
from quant_platform_kit.services.run.request import RunPorts, RunRequest, RunTerms
from quant_platform_kit.services.run.run_cycle import run_cycle
from quant_platform_kit.web.pages import headlines, render, texts
from quant_platform_kit.web.reading import OpenRunSummary, RunSummary

D = Decimal
MINUS, NONE = "\N{MINUS SIGN}", "\N{EN DASH}"
THU, FRI = date(2023, 11, 30), date(2023, 12, 1)
AT = datetime(2023, 12, 1, 20, 45, 2, tzinfo=UTC)
KEY = RunKey("PAPER-7F3C21D0", FRI, "2023-12-01T20:45:00Z", Mode.PAPER)
TOLD = Delivery(AT + timedelta(seconds=9))

# --- what is shown --------------------------------------------------------------------------------


def planned(side: Side, symbol: str, quantity: int) -> Order:
    """Return a planned order."""
    return Order(client_order_id(KEY, symbol, side.value, 0), symbol, side, D(quantity))


def order(side: Side, symbol: str, quantity: int, price: str, paid: str | None, **changes: Any) -> OrderOutcome:
    """Return an order of ``quantity``, filled at ``paid`` if that is given."""
    filled = D(quantity) if paid else D(0)
    slip = None if paid is None else filled * (D(paid) - D(price)) * (1 if side is Side.BUY else -1)
    made = OrderOutcome(
        client_order_id=client_order_id(KEY, symbol, side.value, 0),
        symbol=symbol,
        side=side,
        quantity=D(quantity),
        state=OrderState.FILLED if paid else OrderState.CANCELLED,
        filled=filled,
        average_price=D(paid) if paid else None,
        commission=filled * D(paid or 0) / 10_000,
        decision_price=D(price),
        slippage=slip,
        sent_at=AT + timedelta(seconds=4),
        ended_at=AT + timedelta(seconds=4, milliseconds=730),
    )
    return replace(made, **changes)


ORDERS = (
    order(Side.SELL, "TLT", 212, "91.37", "91.3517"),
    order(Side.BUY, "GLD", 74, "192.115", "192.1534"),
    order(Side.BUY, "SPY", 131, "456.4", "456.377"),
)
LINES = (
    PlanLine("BIL", D(0), D(0), None, None, D(0), Residual.NONE),
    PlanLine("GLD", D(3), D("77.412973841"), D("192.115"), planned(Side.BUY, "GLD", 74), D("79.33"), Residual.LOTS),
    PlanLine("SPY", D(0), D("133.812004"), D("456.4"), planned(Side.BUY, "SPY", 131), D("1283.44"), Residual.CASH),
    PlanLine("TLT", D(212), D(0), D("91.37"), planned(Side.SELL, "TLT", 212), D(0), Residual.NONE),
)
REASONING = Reasoning(
    InputSummary("9f2c" * 16, THU, 273, 4, ("BIL",), 4, AT + timedelta(seconds=1)),
    {"2023-11-29": "71aa" * 16, "2023-11-30": "b04d" * 16},
    {"returns": {"SPY": 0.0834712345, "GLD": -0.0124}, "close_to_mean": None, "risk_on": True},
)
COMPLETED = RunReport(
    run_id=KEY.run_id,
    key=KEY,
    profile="global_etf_rotation",
    display_name="Global ETF rotation",
    input_mode="direct",
    outcome=Outcome.COMPLETED,
    reasons=("SPY and GLD lead over 12 months",),
    as_of=THU,
    action=Action.REBALANCE,
    decision_digest="b04d" * 16,
    plan=OrderPlan(LINES),
    base=D("75210.55"),
    orders=ORDERS,
    account=AccountState(
        KEY.account_id, {"USD": D("412.07"), "EUR": D(-15)}, {"SPY": D(131), "GLD": D(77)}, D("800.5")
    ),
    finished_at=AT + timedelta(seconds=7, milliseconds=300),
    executes=THU,
    bought_by={"SPY": "global_etf_rotation", "GLD": "dual_momentum"},
    service="paper-etf-rotation",
    started_at=AT,
    planned_at=AT + timedelta(seconds=3),
    reasoning=REASONING,
)
UNDECIDED = replace(
    COMPLETED,
    action=None,
    decision_digest=None,
    plan=None,
    base=None,
    orders=(),
    executes=None,
    planned_at=None,
    reasoning=None,
)


def advised(report: RunReport) -> RunReport:
    """Return a report with what is to do about it."""
    return replace(report, todo=what_to_do(report))


def in_mode(report: RunReport, mode: Mode) -> RunReport:
    """Return a report of another mode."""
    key = replace(report.key, mode=mode)
    return replace(report, key=key, run_id=key.run_id)


SENT = "order sent at 20:45:06 UTC, not known to the broker, and may not be sent again"
LOST = replace(ORDERS[2], state=OrderState.UNKNOWN, filled=D(0), average_price=None, slippage=None, commission=D(0),
               text=SENT, ended_at=AT + timedelta(seconds=64))  # fmt: skip
PART = replace(ORDERS[2], state=OrderState.CANCELLED, filled=D(40), slippage=D("-0.92"), commission=D("1.83"),
               text="cancelled after 120 s", ended_at=AT + timedelta(seconds=131))  # fmt: skip
REPORTS = {
    "completed": COMPLETED,
    "no-action": replace(COMPLETED, outcome=Outcome.NO_ACTION, action=Action.HOLD, plan=None, orders=(),
                         reasons=("no month end",), executes=None, planned_at=None),
    "skipped": replace(UNDECIDED, outcome=Outcome.SKIPPED,
                       reasons=("2023-12-25 is not a session of XNYS; the next is 2023-12-26",)),
    "incomplete": replace(COMPLETED, outcome=Outcome.INCOMPLETE, orders=(*ORDERS[:2], PART),
                          reasons=(*COMPLETED.reasons, "BUY SPY: 40 of 131 filled, CANCELLED cancelled after 120 s")),
    "unknown": advised(replace(COMPLETED, outcome=Outcome.BLOCKED, orders=(*ORDERS[:2], LOST),
                               reasons=(*COMPLETED.reasons, f"BUY SPY: 0 of 131 filled, UNKNOWN {SENT}"))),
    "blocked": advised(replace(UNDECIDED, outcome=Outcome.BLOCKED, account=None,
                               reasons=("halted by ana, 2023-12-01 14:02:11 UTC: broker reports problems",))),
    "failed": advised(replace(UNDECIDED, outcome=Outcome.FAILED,
                              reasons=("the trigger was due at 2023-12-01 20:45 UTC, more than 0:30:00 ago",))),
    "dry-run": in_mode(replace(COMPLETED, orders=(), planned_at=None,
                               reasons=(*COMPLETED.reasons, "mode dry_run: nothing was sent")), Mode.DRY_RUN),
    "live": in_mode(replace(COMPLETED, executes=date(2023, 11, 29)), Mode.LIVE),
    "findings": replace(COMPLETED, findings=(
        Finding(Discrepancy.MANUAL_TRADE, "GLD: the ledger expects 3 units, the broker has 5; cash -384.20 USD"),)),
    "no-total": replace(COMPLETED, findings=(
        Finding(Discrepancy.NO_TOTAL, "the broker does not tell what its positions are worth"),)),
    "odd-price": replace(COMPLETED, findings=(Finding(Discrepancy.ODD_PRICE, "BUY 131 SPY: no price"),)),
    "behind": advised(replace(COMPLETED, behind=(date(2023, 11, 27),))),
}  # fmt: skip
SAID = {
    "completed": ("good", "All is well", "Done: sold 212 TLT, bought 74 GLD, bought 131 SPY."),
    "no-action": ("good", "All is well", "Nothing to trade: the strategy holds."),
    "skipped": ("good", "All is well", "Not due: nothing was decided and nothing was sent."),
    "incomplete": (
        "look",
        "Not finished",
        "Partly done: 2 of 3 orders filled. What is missing stays due: the next run",
    ),
    "unknown": ("act", "Needs you", "Blocked: 1 order was sent, and nobody knows what became of it."),
    "blocked": ("act", "Needs you", "Blocked: nothing was sent."),
    "failed": ("act", "Needs you", "Missed: the run ended before it had a plan. Nothing was sent."),
    "dry-run": ("good", "All is well", "Planned only: 3 orders, none sent."),
    "live": ("good", "All is well", "Done: sold 212 TLT"),
    "findings": ("look", "Worth a look", "The account changed outside the platform."),
    "no-total": ("good", "All is well", "Done: sold 212 TLT"),
    "odd-price": ("look", "Worth a look", "The price of a fill is not known."),
    "behind": ("act", "Needs you", "The account is behind target."),
}
CLAIM = RunClaim(KEY, "global_etf_rotation", "Global ETF rotation", "direct", {}, THU, "paper-etf-rotation", AT)
OPEN = OpenRunSummary(
    KEY.run_id,
    KEY.account_id,
    "paper-etf-rotation-1-140231-7",
    CLAIM,
    (
        Attempt(AT, "paper-etf-rotation-1-140231-6", "no answer from 127.0.0.1:4002 within 20 s"),
        Attempt(AT + timedelta(minutes=1), "paper-etf-rotation-1-140231-7", "the store cannot be reached: 503"),
    ),
)
UNCLAIMED = replace(OPEN, claim=None, attempts=())


def summary(report: RunReport) -> RunSummary:
    """Return a report in one line, as the list has it."""
    return RunSummary(
        report.run_id,
        report.key.account_id,
        report.display_name,
        report.key.mode.value,
        report.key.session,
        report.as_of,
        report.outcome,
        report.reasons,
        len(report.orders),
        report.todo,
    )


class Silent:
    """A notifier that tells nobody."""

    def send(self, notification: object) -> None:
        """Do nothing."""


@pytest.fixture(scope="module")
def service(scripted: Callable[..., BoundStrategy], calendar: ExchangeCalendar) -> Service:
    settings = ServiceSettings(
        strategy_profile="scripted",
        cloud_run_service="paper-etf-rotation",
        store_url="file:///nowhere",  # pyright: ignore[reportArgumentType]
        report_store_url="file:///nowhere",  # pyright: ignore[reportArgumentType]
    )
    return Service(
        settings,
        description(),
        scripted(lambda manifest, ctx: manifest.hold(ctx, "nothing new")),
        lambda: (),
        Stores(settings),
        ExecutionPolicy(),
        RunTerms(),
        calendar,
        Silent(),
    )


class Page(HTMLParser):
    """A page as a reader meets it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.commands: list[str] = []
        self._inside: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._inside.append(tag)
        if tag == "pre":
            self.commands.append("")

    def handle_endtag(self, tag: str) -> None:
        """Every end has its beginning."""
        assert self._inside.pop() == tag, f"</{tag}> ends something else"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag without content."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep text that is seen."""
        if "style" not in self._inside and "title" not in self._inside:
            self.pieces.append(data)
        if "pre" in self._inside:
            self.commands[-1] += data

    @property
    def text(self) -> str:
        """What is read, with single blanks."""
        return " ".join(" ".join(self.pieces).split())

    @property
    def verdict(self) -> str | None:
        """The class of the banner."""
        return next(a["class"] for tag, a in self.tags if tag == "section" and "verdict" in (a.get("class") or ""))

    @property
    def title(self) -> str:
        """The title of the window."""
        found = re.search(r"<title>(.*)</title>", self.html)
        assert found
        return found[1]


VOID = frozenset({"meta", "br", "link"})


@pytest.fixture(scope="module")
def show(service: Service) -> Callable[..., Page]:
    """Return a function that renders the page of a report."""

    def page(report: RunReport, told: Delivery | None = TOLD, **changes: Any) -> Page:
        return Page(render("run.html", service=replace(service, **changes), report=report, notice=told))

    return page


@pytest.fixture(scope="module")
def pages(service: Service, show: Callable[..., Page]) -> dict[str, Page]:
    """Every kind of page, by name."""
    runs = [summary(report) for report in REPORTS.values()]
    made = {f"run-{name}": show(report) for name, report in REPORTS.items()}
    for name, values in {"runs": (runs, [OPEN, UNCLAIMED]), "runs-well": (runs[:3], []), "runs-none": ([], [])}.items():
        made[name] = Page(render("runs.html", service=service, runs=values[0], open_runs=values[1]))
    for name, run in {"open": OPEN, "open-unclaimed": UNCLAIMED}.items():
        made[name] = Page(render("open.html", service=service, run=run))
    return made


# --- every page -----------------------------------------------------------------------------------


def test_nothing_is_loaded_from_anywhere_and_nothing_runs(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        tags = {tag for tag, _ in page.tags}
        assert not tags & {"script", "link", "img", "iframe", "object", "form", "base", "video", "audio"}, name
        attributes = {key for _, attrs in page.tags for key in attrs}
        assert not {key for key in attributes if key.startswith("on")} | attributes & {"style", "src", "srcset"}, name
        assert all((attrs.get("href") or "/").startswith("/") for _, attrs in page.tags), name
        assert sum(tag == "style" for tag, _ in page.tags) == 1, name
        assert not re.search(r"https?://|url\(|@import|//[a-z]", page.html), name


def test_every_page_can_be_read_with_any_device(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        tags = [tag for tag, _ in page.tags]
        assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags, name
        assert ("html", {"lang": "en"}) in page.tags
        assert [tags.count(tag) for tag in ("h1", "main", "header", "nav", "footer")] == [1] * 5, name
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids)), name
        assert {attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs} <= set(ids), name
        assert page.title, name


def test_tables_have_headers_and_every_cell_names_its_own(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        heads = [attrs for tag, attrs in page.tags if tag == "th"]
        assert all(attrs.get("scope") in ("col", "row") for attrs in heads), name
        assert all(attrs.get("data-label") for tag, attrs in page.tags if tag == "td"), name
        tables = sum(tag == "table" for tag, _ in page.tags)
        assert sum(tag == "caption" for tag, _ in page.tags) == tables, name


def test_long_names_wrap(pages: dict[str, Page]) -> None:
    css = re.search(r"<style>(.*)</style>", pages["runs"].html, re.DOTALL)
    assert css
    assert re.search(r"body \{[^}]*overflow-wrap: anywhere", css[1])
    assert re.search(r"\.command \{[^}]*white-space: pre-wrap; overflow-wrap: anywhere; user-select: all", css[1])
    assert "white-space: nowrap" not in css[1].split("@media (max-width")[1]


@pytest.mark.parametrize("dark", [False, True])
def test_colours_have_contrast(pages: dict[str, Page], dark: bool) -> None:
    blocks = re.findall(r":root \{(.*?)\}", pages["runs"].html, re.DOTALL)
    assert len(blocks) == 2
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[1 if dark else 0]))

    def luminance(colour: str) -> float:
        parts = [int(colours[colour][n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        light, deep = sorted((luminance(one), luminance(other)), reverse=True)
        return (light + 0.05) / (deep + 0.05)

    texts_on = [("ink", "page"), ("soft", "page"), ("link", "page"), ("ink", "raised"), ("page", "ink")]
    texts_on += [(f"{level}-ink", level) for level in ("good", "look", "act", "idle")]
    assert {pair: contrast(*pair) for pair in texts_on if contrast(*pair) < 4.5} == {}
    assert {level for level in ("act", "look", "good", "idle") if contrast(f"{level}-rule", "page") < 3} == set()


# --- one run --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
def test_the_first_line_says_whether_all_is_well(pages: dict[str, Page], name: str) -> None:
    page, (level, title, sentence) = pages[f"run-{name}"], SAID[name]
    assert page.verdict == f"verdict {level}"
    assert page.text.index(title) < page.text.index(sentence) < page.text.index("Decision")
    assert page.title == f"{title}: Global ETF rotation on PAPER-7F3C21D0, 2023-12-01"


@pytest.mark.parametrize(
    ("name", "words"),
    [("completed", "PAPER: no real money"), ("live", "LIVE: real money"), ("dry-run", "DRY RUN: nothing is sent")],
)
def test_the_mode_stands_at_the_top(pages: dict[str, Page], name: str, words: str) -> None:
    top = pages[f"run-{name}"].text.split("Decision")[0]
    assert words in top
    assert "Global ETF rotation account PAPER-7F3C21D0 session 2023-12-01" in top


def test_everything_a_run_knows_is_on_its_page(pages: dict[str, Page]) -> None:
    text = pages["run-completed"].text.replace(MINUS, "-").replace(NONE, "-").replace(" ,", ",")
    said = [
        "REBALANCE as of 2023-11-30",
        "Executes the decision of 2023-11-30",
        "b04db04db04d… " + "b04d" * 16,
        "SPY and GLD lead over 12 months",
        "returns SPY 0.0834712, GLD -0.0124 risk on yes",
        "close to mean not finite",
        "of a base of 75,210.55",
        "GLD 3 77.413 192.115 BUY 74 79.33 quantity step",
        "SPY 0 133.812 456.40 BUY 131 1,283.44 cash and buffer",
        "Neither held nor wanted: BIL.",
        f"SELL TLT {ORDERS[0].client_order_id} filled 212 212 91.3517 91.37 +3.88 +2.0 bp 1.94 0.7 s",
        f"BUY SPY {ORDERS[2].client_order_id} filled 131 131 456.377 456.40 -3.01 -0.5 bp 5.98 0.7 s",
        "Turnover, USD 93,371.30 124.1 % of the base",
        "Slippage, USD +3.71 +0.4 bp",
        "Commission, USD 9.34",
        "The account is what the ledger expects.",
        "Cash, EUR -15.00 Cash, USD 412.07 Buying power 800.50",
        "GLD 77 units bought by dual_momentum",
        "Mode direct Digest 9f2c9f2c9f2c… " + "9f2c" * 16,
        "History until 2023-11-30 Sessions 273 Symbols 4 Missing bars BIL Quotes 4 Taken at 2023-12-01 20:45:03 UTC",
        "Evaluated 2023-11-29 71aa71aa71aa… " + "71aa" * 16,
        f"Run {KEY.run_id} Profile global_etf_rotation Slot 2023-12-01T20:45:00Z",
        "Claimed by service paper-etf-rotation Started 2023-12-01 20:45:02 UTC",
        "Planned 2023-12-01 20:45:05 UTC, after 3.0 s Finished 2023-12-01 20:45:09 UTC, after 7.3 s",
        "Notification sent 2023-12-01 20:45:11 UTC",
    ]
    assert [line for line in said if line not in text] == []
    assert pages["run-completed"].commands == [f'quant replay {KEY.run_id} --reports "$REPORT_STORE_URL"']


def test_what_is_to_do_comes_first_and_can_be_copied(pages: dict[str, Page]) -> None:
    page = pages["run-unknown"]
    assert page.text.index("Needs you") < page.text.index("To do") < page.text.index("Decision")
    assert "BUY 131 SPY : look it up at the broker" in page.text
    assert (
        "Keep one of the words between | , and write where you saw it in place of TEXT ; filled takes --price too"
        in (page.text)
    )
    assert page.commands[0] == REPORTS["unknown"].todo[0]
    assert f"unknown {SENT}" in page.text
    text = pages["run-blocked"].text
    assert text.index("To do halted by ana") < text.index("Decision")
    assert "decide whether to trade it by hand" in pages["run-behind"].text.split("Decision")[0]
    assert "To do" not in pages["run-completed"].text


def test_a_run_that_never_decided_says_so(pages: dict[str, Page]) -> None:
    text = pages["run-skipped"].text
    for line in (
        "Nothing was decided; the session to decide on was 2023-11-30 .",
        "No plan was made.",
        "No orders were sent.",
        "Not checked: the run ended before that.",
        "Digest none were taken",
        "There is nothing to replay",
    ):
        assert line in text
    assert text.index("is not a session of XNYS") < text.index("Decision")
    assert pages["run-skipped"].commands == []
    assert "Account after the run Not read." in pages["run-blocked"].text


def test_a_carried_decision_and_what_happened_outside_are_named(pages: dict[str, Page]) -> None:
    assert "the decision of 2023-11-29 , carried from that session" in pages["run-live"].text.replace("9,", "9 ,")
    assert "manual trade : GLD: the ledger expects 3 units, the broker has 5" in pages["run-findings"].text
    assert "The account is what the ledger expects." not in pages["run-findings"].text
    assert "too old to be executed: 2023-11-27" in pages["run-behind"].text


def test_what_became_of_the_notification(show: Callable[..., Page]) -> None:
    page = show(COMPLETED, Delivery(AT, "the hook answered 500"))
    assert "failed 2023-12-01 20:45:02 UTC: the hook answered 500" in page.text
    assert page.verdict == "verdict look"
    assert "Notification none was tried" in show(COMPLETED, None).text
    alone = show(COMPLETED, None, notifier=None)
    assert "nobody to tell: NOTIFY_URLS is not set" in alone.text
    assert alone.verdict == "verdict good"


def test_a_plan_of_nothing_names_its_symbols(show: Callable[..., Page]) -> None:
    page = show(replace(REPORTS["no-action"], plan=OrderPlan(LINES[:1])))
    assert "Plan Neither held nor wanted: BIL. Orders" in page.text


def test_many_orders_are_counted_and_working_ones_named(show: Callable[..., Page]) -> None:
    many = tuple(replace(ORDERS[n % 3], symbol=f"S{n}") for n in range(6))
    assert "Done: 2 sales and 4 purchases, all filled." in show(replace(COMPLETED, orders=many)).text
    cut = replace(PART, quantity=D(0), filled=D(0), average_price=None, slippage=None)
    assert "cut to nothing" in show(replace(COMPLETED, orders=(ORDERS[0], cut))).text
    working = replace(PART, state=OrderState.PARTIALLY_FILLED)
    page = show(replace(COMPLETED, outcome=Outcome.INCOMPLETE, orders=(working,)))
    assert "0 of 1 order filled. 1 order may still be working at the broker." in page.text


def test_values_are_text_whatever_they_hold(service: Service, show: Callable[..., Page]) -> None:
    evil = '<script>alert("x")</script>&<img src=x onerror=y>'
    report = replace(
        REPORTS["unknown"],
        display_name=evil,
        reasons=(evil,),
        todo=(evil, f"quant {evil}"),
        service=evil,
        findings=(Finding(Discrepancy.SPLIT, evil),),
        orders=tuple(replace(one, symbol=evil, text=evil) for one in ORDERS),
        account=AccountState(evil, {evil: D(1)}, {evil: D(1)}),
        bought_by={evil: evil},
        reasoning=replace(REASONING, digests={evil: evil}, diagnostics={evil: {evil: evil}}),
        key=replace(KEY, account_id=evil, slot=evil),
    )
    open_run = OpenRunSummary(evil, evil, evil, replace(CLAIM, display_name=evil), (Attempt(AT, evil, evil),))
    for html in (
        show(report, Delivery(AT, evil)).html,
        render("runs.html", service=service, runs=[summary(report)], open_runs=[open_run]),
        render("open.html", service=service, run=open_run),
    ):
        page = Page(html)
        assert not {"script", "img"} & {tag for tag, _ in page.tags}
        assert not any("onerror" in attrs for _, attrs in page.tags)
        assert evil in page.text


def test_a_secret_is_removed_before_it_is_escaped_or_cut(
    service: Service, show: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "pass&word<1>'quoted'"
    monkeypatch.setattr(redaction, "_known", [])
    redaction.hide([secret])
    report = replace(COMPLETED, reasons=(f"could not log in with {secret}",))
    assert "could not log in with ***" in show(report).text
    cut = replace(summary(report), reasons=("x" * (texts.BRIEF - 10) + secret,))
    page = render("runs.html", service=service, runs=[cut], open_runs=[])
    assert "pass" not in page
    assert "x***" in page


def test_a_real_run_renders(
    tmp_path: Path,
    market: Callable[..., PriceTable],
    calendar: ExchangeCalendar,
    scripted: Callable[..., BoundStrategy],
    show: Callable[..., Page],
) -> None:
    strategy = scripted(lambda manifest, ctx: manifest.rebalance(ctx, {"AAA": 0.6, "BBB": 0.4}, "six to four"))
    account_id = open_account(tmp_path / "book", D(10_000)).book.account_id
    clock = FrozenClock(datetime(2023, 11, 28, 20, 0, tzinfo=UTC))
    prices = market(date(2023, 11, 27), {"AAA": [100.0, 102.0, 104.0], "BBB": [50.0, 50.0, 51.0]})
    data = FileMarketData(prices, calendar, clock)
    reports = ReportStore(FileStore(tmp_path / "reports"))
    ports = RunPorts(PaperBroker(tmp_path / "book", data, clock), data, FileStore(tmp_path / "store"), reports, clock,
                     calendar)  # fmt: skip
    key = RunKey(account_id, date(2023, 11, 28), "cli", Mode.PAPER)
    page = show(run_cycle(RunRequest(strategy, key), ports, ExecutionPolicy()))
    assert page.verdict == "verdict good"
    assert "Done: bought 58 AAA, bought 80 BBB." in page.text
    assert "The account is what the ledger expects." in page.text
    assert page.commands == [f'quant replay {key.run_id} --reports "$REPORT_STORE_URL"']


# --- many runs, and an open one -------------------------------------------------------------------


def test_the_list_begins_with_what_is_open(pages: dict[str, Page]) -> None:
    page = pages["runs"]
    assert page.text.index("no answer from 127.0.0.1:4002 within 20 s") < page.text.index("Runs that ended")
    assert "Global ETF rotation, account PAPER-7F3C21D0" in page.text
    assert "Not claimed yet, account PAPER-7F3C21D0, held by paper-etf-rotation-1-140231-7" in page.text
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    runs = [f"/runs/{OPEN.run_id}"] * 2 + [f"/runs/{report.run_id}" for report in REPORTS.values()]
    assert links == ["/account", *runs]


def test_the_list_has_a_line_for_each_run(pages: dict[str, Page]) -> None:
    text = pages["runs"].text
    line = "completed Global ETF rotation PAPER-7F3C21D0 paper 3 SPY and GLD lead over 12 months"
    assert f"2023-12-01 20:45:00 UTC {line}" in text
    assert "blocked needs you Global ETF rotation" in text
    assert "20:45:00 UTC completed Global ETF rotation PAPER-7F3C21D0 LIVE 3" in text
    assert pages["runs-none"].verdict == "verdict idle"
    assert "There is no run to show." in pages["runs-none"].text


def runs_of(*found: tuple[str, str, Mode, Outcome]) -> list[RunSummary]:
    return [
        replace(summary(COMPLETED), run_id=run_id, account_id=account, mode=mode.value, outcome=outcome)
        for run_id, account, mode, outcome in found
    ]


@pytest.mark.parametrize(
    ("runs", "level", "words"),
    [
        ([("2", "A", Mode.PAPER, Outcome.NO_ACTION)], "good", "The last run of the account left nothing to do."),
        (
            [("2", "A", Mode.PAPER, Outcome.COMPLETED), ("1", "A", Mode.PAPER, Outcome.FAILED)],
            "good",
            "the account left nothing",
        ),
        (
            [("2", "A", Mode.PAPER, Outcome.COMPLETED), ("1", "B", Mode.LIVE, Outcome.FAILED)],
            "act",
            "did not end well on B.",
        ),
        (
            [("2", "A", Mode.DRY_RUN, Outcome.COMPLETED), ("1", "A", Mode.LIVE, Outcome.BLOCKED)],
            "act",
            "did not end well on A.",
        ),
        ([("2", "A", Mode.PAPER, Outcome.INCOMPLETE)], "look", "left orders unfilled on A."),
        (
            [("2", "A", Mode.PAPER, Outcome.SKIPPED), ("1", "B", Mode.PAPER, Outcome.COMPLETED)],
            "good",
            "each of 2 accounts",
        ),
    ],
)
def test_the_list_is_judged_by_the_last_run_of_each_account(
    service: Service, runs: list[tuple[str, str, Mode, Outcome]], level: str, words: str
) -> None:
    page = Page(render("runs.html", service=service, runs=runs_of(*runs), open_runs=[]))
    assert page.verdict == f"verdict {level}"
    assert words in page.text


def test_an_open_run_makes_the_list_amber(service: Service) -> None:
    runs = runs_of(("1", "A", Mode.PAPER, Outcome.COMPLETED))
    page = Page(render("runs.html", service=service, runs=runs, open_runs=[OPEN]))
    assert page.verdict == "verdict look"
    assert "1 run began and did not end yet." in page.text


def test_an_open_run_says_who_has_it_and_what_happens_next(pages: dict[str, Page]) -> None:
    text = pages["open"].text
    assert pages["open"].verdict == "verdict look"
    for line in (
        "The next trigger goes on with it; nothing is bought or sold twice.",
        "PAPER: no real money Global ETF rotation account PAPER-7F3C21D0 session 2023-12-01",
        "Held by paper-etf-rotation-1-140231-7",
        "Claimed 2023-12-01 20:45:02 UTC by service paper-etf-rotation",
        "Decides as of 2023-11-30",
        "2023-12-01 20:46:02 UTC paper-etf-rotation-1-140231-7 the store cannot be reached: 503",
        "for 30 min; another one closes it as missed",
    ):
        assert line in text
    assert pages["open"].commands[0].startswith('quant status --account "PAPER-7F3C21D0" --store "$STORE_URL"')
    assert "Not yet: it took the account" in pages["open-unclaimed"].text
    assert "No attempt was stopped so far." in pages["open-unclaimed"].text


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (texts.money(D("-1234.5")), f"{MINUS}1,234.50"),
        (texts.money(D("-0.001")), "0.00"),
        (texts.money(None), NONE),
        (texts.price(D("91.3517")), "91.3517"),
        (texts.price(D(100)), "100.00"),
        (texts.price(D("91.35") / 3), "30.45"),
        (texts.units(D("1E+3")), "1,000"),
        (texts.units(D("0.500")), "0.5"),
        (texts.units(D("1.00001"), rounded=True), "1"),
        (texts.units(D("-0.00001"), rounded=True), "0"),
        (texts.bps(D("0.00015")), "+1.5 bp"),
        (texts.share(None), NONE),
        (texts.seconds(0.04), "0.0 s"),
        (texts.seconds(119.9), "119.9 s"),
        (texts.seconds(125.4), "2 min 5 s"),
        (texts.seconds(7260), "2 h 1 min"),
        (texts.seconds(None), NONE),
        (texts.number([1, 2.5, "x"]), "1, 2.5, x"),
        (texts.number({}), "none"),
        (texts.brief("a" * 200, 5), "aaaa…"),
        (texts.short("abc"), "abc"),
        (texts.slot("2023-12-01.2023-12-01T20-45-00Z.paper.k3j5tq2m"), "20:45:00 UTC"),
        (texts.slot("2023-12-01.2023-12-02T00-15-00Z.paper.k3j5tq2m"), "2023-12-02 00:15:00 UTC"),
        (texts.slot("2023-12-01.cli.paper.k3j5tq2m"), "cli"),
    ],
)
def test_how_values_are_written(written: str, expected: str) -> None:
    assert written == expected


def test_every_state_of_an_order_has_a_word() -> None:
    found = {headlines.order_words(replace(ORDERS[0], state=state))[1] for state in OrderState}
    assert len(found) == len(OrderState)
