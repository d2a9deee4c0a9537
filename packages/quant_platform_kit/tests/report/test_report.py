"""The back-test report: what it says, that it loads nothing, and that it survives odd results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.orders import Fill, Side
from quant_platform_kit.domain.performance import (
    BacktestResult,
    DecisionRecord,
    RiskFree,
    TradedOrder,
    drawdown,
    summarise,
)
from quant_platform_kit.domain.strategy import Action, AllocationIntent, StrategyDecision, TargetMode
from quant_platform_kit.report import figures, formats, scales, thinning
from quant_platform_kit.report.cards import cards, sentence
from quant_platform_kit.report.page import render_report

SETTINGS = {"Start": "2010-01-04", "Fill": "next close", "Config": '{"top": 3}'}
DIGEST = "ab" * 32
SECTIONS = (
    "Equity",
    "Drawdown",
    "Risk and return",
    "Against the benchmark, and exposure",
    "Calendar years",
    "Monthly returns",
    "Rolling figures",
    "Holdings",
    "Trading by calendar year",
    "Worst drawdowns",
    "Last decision",
    "Trades",
    "Settings",
    "Decisions digest",
    "How the figures are defined",
)
HOSTILE = "</script><script>alert(1)</script><img src=x onerror='alert(2)'>\"&"


def weekdays(count: int, start: date = date(2010, 1, 4)) -> tuple[date, ...]:
    days = (start + timedelta(days=i) for i in range(2 * count + 7))
    return tuple(day for day in days if day.weekday() < 5)[:count]


def decided(
    session: date, action: Action = Action.HOLD, intent: AllocationIntent | None = None, *reasons: str
) -> DecisionRecord:
    return DecisionRecord(StrategyDecision("walk", session, action, intent, reasons), DIGEST)


def weights(**targets: str) -> AllocationIntent:
    return AllocationIntent(TargetMode.WEIGHT, {symbol: Decimal(target) for symbol, target in targets.items()})


def bought(as_of: date, session: date, units: str = "10", price: str = "100.05") -> TradedOrder:
    at = datetime(session.year, session.month, session.day, 21, tzinfo=UTC)
    fill = Fill("id", "AAA", Side.BUY, Decimal(units), Decimal(price), Decimal("1.00"), at)
    return TradedOrder(as_of, session, Decimal("100"), fill)


def outcome(
    equity: Sequence[float],
    sessions: Sequence[date] | None = None,
    trades: Sequence[TradedOrder] = (),
    decisions: Sequence[DecisionRecord] = (),
    benchmark: Sequence[float] | None = None,
) -> BacktestResult:
    """Return a result of two symbols, a quarter of the equity in each from the second session on."""
    values = np.array(equity, dtype=np.float64)
    dates = tuple(sessions or weekdays(len(values)))
    holdings = np.outer(values, (0.25, 0.25))
    holdings[0] = 0
    return BacktestResult(
        profile="walk_profile",
        display_name="Random walk",
        sessions=dates,
        equity=values,
        cash=values - holdings.sum(axis=1),
        symbols=("AAA", "BBB"),
        holdings=holdings,
        decisions=tuple(decisions),
        final=decided(dates[-1], Action.REBALANCE, weights(AAA="0.6", BBB="0"), "AAA leads."),
        trades=tuple(trades),
        summary=summarise(dates, values, decisions, trades, DIGEST),
        benchmark_symbol=None if benchmark is None else "BMK",
        benchmark=None if benchmark is None else np.array(benchmark, dtype=np.float64),
    )


def random_walk(count: int = 600, symbols: int = 4, seed: int = 3) -> BacktestResult:
    """Return a busy result: weights drift and turn every 21 sessions, with trades, a benchmark and a blocked day."""
    rng = np.random.default_rng(seed)
    equity = 1e6 * np.exp(np.concatenate(([0.0], rng.normal(0.0003, 0.011, count - 1).cumsum())))
    benchmark = 1e6 * np.exp(np.concatenate(([0.0], rng.normal(0.0003, 0.012, count - 1).cumsum())))
    raw = np.repeat(rng.random((count // 21 + 1, symbols + 1)), 21, axis=0)[:count]
    raw = raw * np.exp(rng.normal(0, 0.01, (count, symbols + 1)).cumsum(axis=0))
    raw[0, :symbols] = 0
    shares = raw / raw.sum(axis=1)[:, None]
    dates = weekdays(count)
    turns = range(21, count, 21)
    trades = [bought(dates[i - 1], dates[i], "1234.5", "100.05") for i in turns]
    records = [decided(day) for day in dates[:-1]]
    records[5] = decided(dates[5], Action.BLOCKED, None, "no bar of BMK")
    plain = outcome(equity.tolist(), dates, trades, records, benchmark.tolist())
    names = tuple(f"S{i:02}" for i in range(symbols))
    return replace(
        plain, symbols=names, holdings=shares[:, :symbols] * equity[:, None], cash=shares[:, symbols] * equity
    )


def rendered(result: BacktestResult, label: str | None = None) -> str:
    return render_report(result, settings=SETTINGS, label=label)


def charts_of(page: str) -> list[ElementTree.Element]:
    """Return the charts, parsed as XML; a chart may hold one nested <svg>."""
    found = re.findall(r'<div class="plot"[^>]*>(<svg class="chart".*?)</div>', page, re.DOTALL)
    return [ElementTree.fromstring(chart) for chart in found]


def typeset(text: str) -> str:
    """Return a number as the page writes it: a true minus and times sign, a narrow space before the percent sign."""
    return text.replace("-", formats.MINUS).replace("*", formats.TIMES).replace(" %", f"{formats.THIN_SPACE}%")


def cells(page: str, caption: str) -> list[list[str]]:
    """Return the body of the table with this caption, as the wide page shows it."""
    table = next(part for part in page.split("<table")[1:] if f">{caption}<" in part).split("</table>")[0]
    body = re.sub(r'<span class="narrow">.*?</span>', "", table.split("<tbody>")[1])
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("<tr>")[1:]]
    return [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in rows]


class Balance(HTMLParser):
    """Reads a page and fails on a tag that is closed out of order or not at all."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag to be closed."""
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Pass over a tag that closes itself."""

    def handle_endtag(self, tag: str) -> None:
        """Hold a closing tag to the last open one."""
        assert self.open.pop() == tag


# --- the page as a whole


def test_the_report_holds_every_section_in_its_order() -> None:
    page = rendered(random_walk())
    headings = re.findall(r"<h[123]>(.*?)</h[123]>", page)
    assert [heading for heading in headings if heading in SECTIONS] == list(SECTIONS)
    assert headings[0] == "Random walk"
    for text in (
        "walk_profile",
        "2010-01-04 to ",
        "600 sessions",
        DIGEST,
        "next close",
        "Past results promise nothing",
    ):
        assert text in page


def test_the_label_is_a_banner_and_without_a_label_there_is_none() -> None:
    label = "Synthetic market: invented prices, for demonstration"
    assert f'<p class="banner" role="note">{label}</p>' in rendered(random_walk(), label)
    assert 'class="banner"' not in rendered(random_walk())


def test_the_page_loads_nothing() -> None:
    page = rendered(random_walk())
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["data:,"]


def test_sixteen_years_of_days_stay_below_a_megabyte() -> None:
    result = random_walk(count=16 * 252, symbols=30)
    page = rendered(result)
    assert len(page.encode()) < 1_000_000
    lines = [line for chart in charts_of(page) for line in chart.iter("polyline")]
    drawn = [len(line.attrib["points"].split()) for line in lines]
    assert len(drawn) == 4 + 5
    assert all(700 < count <= 1502 for count in drawn[:4])
    assert all(300 < count <= 602 for count in drawn[4:])


def test_the_same_result_gives_the_same_page() -> None:
    assert rendered(random_walk()) == rendered(random_walk())


def test_hostile_text_is_shown_and_never_run() -> None:
    result = random_walk()
    dates = result.sessions
    page = render_report(
        replace(
            result,
            profile=HOSTILE,
            display_name=HOSTILE,
            benchmark_symbol=HOSTILE,
            symbols=(HOSTILE, *result.symbols[1:]),
            decisions=(DecisionRecord(result.decisions[0].decision, DIGEST, (HOSTILE,)),),
            final=DecisionRecord(
                decided(dates[-1], Action.REBALANCE, weights(**{HOSTILE: "0.5"}), HOSTILE).decision, HOSTILE, (HOSTILE,)
            ),
        ),
        settings={HOSTILE: HOSTILE},
        label=HOSTILE,
    )
    assert page.count("<script") == 5
    assert page.count("</script>") == 5
    assert "<img" not in page
    assert "alert(1)" in page
    Balance(page)
    for chart in charts_of(page):
        assert chart.find("script") is None


def test_every_chart_is_well_formed_and_says_what_it_shows() -> None:
    page = rendered(random_walk())
    charts = charts_of(page)
    assert len(charts) == page.count('<svg class="chart"') == 9
    for chart in charts:
        named = {child.attrib["id"]: child.text for child in chart if child.tag in ("title", "desc")}
        assert list(named) == chart.attrib["aria-labelledby"].split()
        assert all(named.values())
        assert "nan" not in ElementTree.tostring(chart, encoding="unicode")


def test_every_tag_is_closed_every_id_is_unique_and_every_table_has_a_caption() -> None:
    page = rendered(random_walk(), "label")
    read = Balance(page)
    assert len(read.ids) == len(set(read.ids))
    assert page.count("<table") == page.count("<caption")


def test_the_pointer_reads_the_sessions_and_the_values_of_the_result() -> None:
    result = random_walk(count=30)
    found = re.search(r'id="curve-readings">(.*?)</script>', rendered(result))
    assert found
    read = json.loads(found[1])
    days = np.cumsum(read["gaps"]).tolist()
    assert [date.fromisoformat(read["start"]) + timedelta(days=day) for day in days] == list(result.sessions)
    assert [row["name"] for row in read["rows"]] == ["Random walk", "below its high", "BMK", "below its high"]
    assert read["rows"][0]["values"] == [round(value) for value in result.equity.tolist()]
    assert read["rows"][1]["values"] == pytest.approx(100 * drawdown(result.equity), abs=0.051)


# --- odd results


def flat(count: int) -> BacktestResult:
    return replace(outcome([1e6] * count), holdings=np.zeros((count, 2)), cash=np.full(count, 1e6))


def held_last() -> BacktestResult:
    result = outcome([100, 101])
    return replace(result, final=decided(result.sessions[-1], Action.HOLD))


@pytest.mark.parametrize(
    "make",
    [
        lambda: outcome([1e6, 1.01e6]),
        lambda: outcome([1e6, 0.99e6], benchmark=[1e6, 1e6]),
        lambda: outcome([1e6, 5e6]),
        lambda: flat(2),
        lambda: flat(600),
        held_last,
        lambda: outcome([1.0, 1.1, 0.2, 0.3]),
        lambda: outcome([1e12, 1.1e12, 2e12, 3e12]),
        lambda: replace(outcome([1e6, 1e6, 1e6]), cash=np.array([1e6, -1e5, -1e5])),
        lambda: outcome(np.linspace(1e6, 1.1e6, 15).tolist(), weekdays(15, date(2024, 3, 4))),
        lambda: random_walk(count=20, symbols=1),
        lambda: random_walk(count=60, symbols=40),
        lambda: random_walk(count=30 * 252),
    ],
)
def test_odd_results_make_whole_pages(make: Callable[[], BacktestResult]) -> None:
    page = rendered(make())
    Balance(page)
    for chart in charts_of(page):
        drawn = ElementTree.tostring(chart, encoding="unicode")
        assert not re.search(r"nan|inf[^o]", drawn)
    assert all(f">{heading}</h" in page for heading in SECTIONS)


def test_without_trades_the_page_says_so_and_draws_no_bars() -> None:
    page = rendered(flat(40))
    assert "No trades: there is no turnover and there are no costs." in page
    assert "No trades in this period." in page
    assert "The value never closed below a previous high." in page
    assert 'class="bar"' not in page


def test_a_result_that_cannot_be_drawn_is_refused_with_its_name_session_and_value() -> None:
    result = outcome([100, 101, 102])
    bad = replace(result, benchmark=np.array([100.0, np.nan, 101.0]))
    with pytest.raises(InvalidInput, match=r"benchmark of walk_profile is nan on 2010-01-05; .* above zero"):
        rendered(bad)
    with pytest.raises(InvalidInput, match=r"equity of walk_profile is 0\.0 on 2010-01-06"):
        rendered(replace(result, equity=np.array([100.0, 50.0, 0.0])))
    with pytest.raises(InvalidInput, match="cash of walk_profile has 2 rows; its sessions ask for 3"):
        rendered(replace(result, cash=np.array([100.0, 50.0])))
    with pytest.raises(InvalidInput, match="has 1 sessions; a report needs 2"):
        rendered(replace(result, sessions=result.sessions[:1]))


# --- the words and figures


def test_the_sentence_says_what_became_of_the_money() -> None:
    years = (date(2010, 1, 4), date(2012, 1, 3), date(2014, 1, 6), date(2025, 8, 12))
    result = outcome([1e6, 2e6, 1.304e6, 3_233_200], years)
    expected = "1,000,000 became 3,233,200 in 15.6 years: 7.8 % a year, at worst 34.8 % below a previous high."
    assert sentence(result) == typeset(expected)


@pytest.mark.parametrize(
    ("equity", "said"),
    [
        ((1e6, 1.02e6), "1,000,000 became 1,020,000 in 1 day: +2.0 %, never below a previous high."),
        ((500, 400.5), "500.00 became 400.50 in 1 day: -19.9 %, at worst 19.9 % below a previous high."),
        ((1e6, 999_999, 1e6), "1,000,000 became 1,000,000 in 2 days: 0.0 %, hardly ever below a previous high."),
    ],
)
def test_the_sentence_of_a_short_period_has_no_yearly_rate(equity: tuple[float, ...], said: str) -> None:
    assert sentence(outcome(equity)) == typeset(said)


def test_the_benchmark_stands_beside_the_figures_it_shares() -> None:
    sessions = (date(2020, 1, 2), date(2021, 1, 4), date(2022, 1, 3))
    beside = {card.label: card.note for card in cards(outcome([100, 110, 120], sessions, benchmark=[100, 80, 140]))}
    assert beside["Final multiple"] == typeset("BMK 1.40*")
    assert beside["Growth per year"] == typeset("BMK 18.3 %")
    assert beside["Maximum drawdown"] == typeset("BMK -20.0 %")
    alone = {card.label: card.note for card in cards(outcome([100, 110, 120], sessions))}
    assert not [note for note in alone.values() if "BMK" in note]


def test_the_cards_count_costs_decisions_and_blocked_days() -> None:
    sessions = weekdays(5)
    made = [decided(day) for day in sessions[:-1]]
    made[1] = decided(sessions[1], Action.REBALANCE, weights(AAA="1", BBB="0"))
    shown = {card.label: card for card in cards(outcome([1000] * 5, sessions, [bought(*sessions[1:3])], made))}
    assert shown["Costs"].value == "1.50"
    assert (shown["Rebalances"].value, shown["Rebalances"].note) == ("1", "of 4 decisions")
    assert "Blocked days" not in shown
    made[2] = decided(sessions[2], Action.BLOCKED, None, "no bar")
    made[1] = replace(made[1], blocked=("too little cash",))
    result = outcome([1000] * 5, sessions, (), made)
    assert cards(result)[-1].value == "2"
    assert cells(rendered(result), "Blocked days, the latest first") == [
        ["2010-01-06", "no bar"],
        ["2010-01-05", "too little cash"],
    ]


def test_an_extrapolated_growth_is_called_so_and_a_missing_sharpe_ratio_is_a_dash() -> None:
    shown = {card.label: card.value for card in cards(outcome([100, 105]))}
    assert shown["Growth per year, extrapolated"] == typeset("> 1,000 %")
    assert shown["Sharpe ratio"] == "—"


def test_the_worst_drawdowns_match_a_hand_made_example() -> None:
    sessions = weekdays(12, date(2024, 1, 1))
    #          1   2    3   4   5    8    9   10   11   12   15   16
    equity = [100, 90, 95, 100, 80, 120, 120, 114, 60, 118, 130, 125]
    assert cells(rendered(outcome(equity, sessions)), "Worst drawdowns, the deepest first") == [
        [typeset("-50.0 %"), "2024-01-09", "2024-01-11", "2024-01-15", "6"],
        [typeset("-20.0 %"), "2024-01-04", "2024-01-05", "2024-01-08", "4"],
        [typeset("-10.0 %"), "2024-01-01", "2024-01-02", "2024-01-04", "3"],
        [typeset("-3.8 %"), "2024-01-15", "2024-01-16", "not yet", "1"],
    ]


@given(st.lists(st.floats(1, 1000), min_size=2, max_size=60))
def test_the_deepest_drawdown_is_the_maximum_drawdown_and_five_are_listed_at_most(equity: list[float]) -> None:
    values = np.array(equity)
    falls = figures.worst_falls(weekdays(len(values)), values)
    deepest = falls[0].depth if falls else 0.0
    assert deepest == drawdown(values).min()
    assert len(falls) <= 5
    assert all(fall.peak < fall.trough and (fall.recovery is None or fall.trough < fall.recovery) for fall in falls)


def test_the_heat_map_shows_hand_checked_months_and_years() -> None:
    sessions = (date(2023, 11, 1), date(2023, 11, 30), date(2023, 12, 29), date(2024, 1, 31), date(2024, 2, 29))
    page = rendered(outcome([100, 110, 99, 99, 101.97], sessions))
    assert cells(page, "Monthly returns and the total of each year, in percent") == [
        ["2023", *[""] * 10, "10.0", typeset("-10.0"), typeset("-1.0")],
        ["2024", "0.0", "3.0", *[""] * 10, "3.0"],
    ]
    heat = page.split('<table class="heat">')[1]
    row = heat.split('<th scope="row">2023</th>')[1].split("</tr>")[0]
    assert re.findall(r'<td class="(\w+)"><span class="wide">[^<]', row) == ["up4", "down4", "total"]


def test_turnover_and_costs_are_counted_in_the_year_of_the_fill() -> None:
    sessions = (date(2022, 12, 29), date(2022, 12, 30), date(2023, 1, 3), date(2024, 1, 2))
    trades = [bought(sessions[0], sessions[1]), bought(sessions[1], sessions[2], "20")]
    years = figures.years_of_trading(outcome([1000, 1001, 2001, 1000], sessions, trades))
    assert [(year.year, round(year.turnover, 9), year.costs) for year in years] == [
        (2022, 1.0, 1.5),
        (2023, 1.0, 2.0),
        (2024, 0.0, 0.0),
    ]


def test_holdings_beyond_ten_symbols_share_one_band_and_every_session_sums_to_one() -> None:
    for symbols, names in ((10, 11), (11, 11), (25, 11)):
        bands = figures.holding_bands(random_walk(count=60, symbols=symbols))
        assert len(bands) == names
        assert bands[-1].name == "Cash"
        assert np.sum([band.weights for band in bands], axis=0) == pytest.approx(np.ones(60))
    assert [band.name for band in bands[-2:]] == ["16 others", "Cash"]
    means = [band.weights.mean() for band in bands[:-2]]
    assert means == sorted(means, reverse=True)


def test_a_symbol_never_held_has_no_band() -> None:
    result = outcome([100, 100, 100])
    holdings = result.holdings.copy()
    holdings[:, 1] = 0
    bands = figures.holding_bands(replace(result, holdings=holdings))
    assert [(band.name, band.tone) for band in bands] == [("AAA", "c0"), ("Cash", "cash")]


def test_the_last_decision_shows_its_action_targets_reasons_and_digest() -> None:
    page = rendered(outcome([100, 101]))
    part = page.split("<h2>Last decision</h2>")[1].split("</section>")[0]
    assert "REBALANCE" in part
    assert cells(page, "Targets, the largest first") == [["AAA", typeset("60.0 %"), ""]]
    assert "Target zero: BBB" in part
    assert "<li>AAA leads.</li>" in part
    assert DIGEST in part


def test_the_last_decision_may_hold_be_blocked_or_aim_at_amounts() -> None:
    result = outcome([100_000, 101_000])
    last = result.sessions[-1]
    page = rendered(replace(result, final=decided(last, Action.BLOCKED, None, "no bar of AAA")))
    assert "positions stay as they are" in page
    assert "no bar of AAA" in page
    amounts = AllocationIntent(TargetMode.VALUE, {"AAA": Decimal("50500.00"), "BBB": Decimal("0")}, buy_only=True)
    page = rendered(replace(result, final=decided(last, Action.REBALANCE, amounts)))
    assert cells(page, "Targets, the largest first") == [["AAA", "50,500", ""]]
    assert 'style="width:50.0%"' in page
    assert "buy only" in page
    page = rendered(replace(result, final=decided(last, Action.REBALANCE, weights(AAA="0", BBB="0"))))
    assert "every target is zero" in page


def test_every_trade_is_there_the_latest_first_and_twenty_without_the_script() -> None:
    sessions = weekdays(32)
    trades = [bought(sessions[i], sessions[i + 1], str(1000 + i), "9.5") for i in range(30)]
    page = rendered(outcome([1e6] * 32, sessions, trades))
    rows = cells(page, "Trades, the latest first")
    assert len(rows) == 20
    assert rows[0] == ["2010-02-15", "Buy", "AAA", "1,029", "9.5000", "9,775.50", "93,125.50"]
    assert rows[-1][3] == "1,010"
    assert "30 fills, the latest first" in page
    found = re.search(r'id="trade-rows">(.*?)</script>', page)
    assert found
    paged = json.loads(found[1])
    assert (len(paged["rows"]), paged["size"]) == (30, 20)
    assert paged["rows"][:20] == rows
    assert paged["rows"][-1][0] == sessions[1].isoformat()


# --- the tear sheet


def test_the_tear_sheet_shows_hand_checked_figures_beside_those_of_the_benchmark() -> None:
    sessions = (date(2023, 12, 28), date(2023, 12, 29), date(2024, 1, 2), date(2024, 2, 1))
    page = rendered(outcome([100, 110, 99, 108.9], sessions, benchmark=[100, 105, 99.75, 104.7375]))
    figures_of = {name: values for name, *values in cells(page, "Figures of risk and return")}
    assert figures_of["Sortino ratio"] == ["9.17", "9.17"]
    assert figures_of["Ulcer index"][0] == typeset("5.0 %")
    assert figures_of["Value at risk, 5 % of days"] == [typeset("-8.00 %"), typeset("-4.00 %")]
    assert figures_of["Expected shortfall (CVaR)"] == [typeset("-10.00 %"), typeset("-5.00 %")]
    against = dict(cells(page, "Figures against the benchmark, and of exposure"))
    assert (against["Beta"], against["Correlation"], against["Alpha, a year"]) == ("2.00", "1.00", typeset("0.0 %"))
    assert against["Information ratio"] == "4.58"
    assert against["Invested on average"] == typeset("37.5 %")
    assert against["Sessions invested"] == typeset("75.0 %")
    assert cells(page, "Returns and drawdowns of calendar years") == [
        ["2023", *map(typeset, ("10.0 %", "5.0 %", "+5.0 %", "0.0 %", "0.0 %"))],
        ["2024", *map(typeset, ("-1.0 %", "-0.3 %", "-0.7 %", "-10.0 %", "-5.0 %"))],
    ]
    periods = {name: values for name, *values in cells(page, "Best and worst periods")}
    assert periods["Best month"] == [typeset("10.0 %"), typeset("5.0 %")]
    assert periods["Years won"] == [typeset("50.0 %"), typeset("50.0 %")]


def test_ratios_say_what_they_are_above() -> None:
    result = random_walk()
    free = replace(result, risk_free=RiskFree("BIL", np.full(599, 0.0001)))
    assert "ratios, alpha and beta are of what is above BIL" in rendered(free)
    assert {card.label for card in cards(free)} - {card.label for card in cards(result)} == {"Sharpe ratio above BIL"}
    assert "ratios, alpha and beta are of what is above zero" in rendered(result)


def test_without_a_benchmark_there_is_one_column_and_no_beta() -> None:
    page = rendered(outcome([100 + i % 7 for i in range(200)]))
    assert [len(row) for row in cells(page, "Figures of risk and return")] == [2] * 11
    assert [name for name, _ in cells(page, "Figures against the benchmark, and of exposure")] == [
        "Invested on average",
        "Sessions invested",
    ]
    assert re.findall(r"<h3>(Sharpe ratio|Volatility|Beta)</h3>", page) == ["Sharpe ratio", "Volatility"]


def test_the_distribution_counts_every_day_once() -> None:
    page = rendered(random_walk())
    bars = re.findall(r": (\d+) days from (\S+) to (\S+) %<", page)
    assert sum(int(count) for count, _, _ in bars) == 599
    assert all(after[1] == before[2] for before, after in pairwise(bars))


def test_a_period_below_half_a_year_rolls_over_nothing_and_says_so() -> None:
    assert "shorter than half a year" in rendered(random_walk(count=126))
    assert "shorter than half a year" not in rendered(random_walk(count=127))


# --- numbers, axes and points


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formats.number(-1234.56, 1), typeset("-1,234.6")),
        (formats.number(-0.04, 1), "0.0"),
        (formats.number(0.04, 1, sign=True), "0.0"),
        (formats.number(3.21, 1, sign=True), "+3.2"),
        (formats.money(999.994), "999.99"),
        (formats.money(Decimal("1234567.8")), "1,234,568"),
        (formats.money(0), "0"),
        (formats.quantity(Decimal("1200")), "1,200"),
        (formats.quantity(Decimal("0.500")), "0.5"),
        (formats.multiple(3.2332), typeset("3.23*")),
        (formats.multiple(1234.5), typeset("1,234*")),
        (formats.compact(1_500_000), "1.5M"),
        (formats.compact(500), "500"),
        (formats.duration(1), "1 day"),
        (formats.duration(300), "300 days"),
        (formats.duration(365), "1 year"),
        (formats.duration(5698), "15.6 years"),
    ],
)
def test_numbers_are_written_alike_everywhere(text: str, expected: str) -> None:
    assert text == expected


@given(st.floats(1e-3, 1e12), st.floats(0, 1e6))
def test_a_log_axis_has_round_labels_inside_that_never_touch(low: float, growth: float) -> None:
    scale = scales.log_scale(low, low * (1 + growth))
    ticks = scales.value_ticks(scale)
    places = [scale.at(tick) for tick in ticks]
    assert 2 <= len(ticks) <= 12
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
    assert all(after - before >= 0.069 for before, after in pairwise(places))


@given(st.dates(date(1980, 1, 1), date(2030, 1, 1)), st.integers(1, 15_000))
def test_a_time_axis_has_labels_inside_and_ten_at_most(first: date, days: int) -> None:
    ticks = scales.time_ticks(first, first + timedelta(days=days))
    assert 1 <= len(ticks) <= 10
    assert len([tick for tick in ticks if not tick.minor]) <= 4
    assert all(0 <= tick.place <= 1 for tick in ticks)


@settings(max_examples=30)
@given(st.integers(1, 9000), st.integers(0, 1000))
def test_thinned_points_keep_the_ends_and_the_extremes_of_every_bucket(count: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=count)
    kept = thinning.thin(values)
    assert len(kept) <= 1502
    assert kept[0] == 0
    assert kept[-1] == count - 1
    assert np.all(np.diff(kept) > 0)
    edges = np.linspace(0, count, 701).astype(int)
    for start, stop in pairwise(edges):
        inside = kept[(kept >= start) & (kept < stop)]
        if stop > start:
            assert values[inside].min() == values[start:stop].min()
            assert values[inside].max() == values[start:stop].max()


def test_the_holdings_chart_keeps_both_sides_of_every_turn() -> None:
    weights_ = np.zeros((5000, 2))
    weights_[:2501, 0] = 1
    weights_[2501:, 1] = 1
    kept = thinning.turning_points(weights_)
    assert {0, 2500, 2501, 4999} <= set(kept.tolist())
    assert len(kept) < 1100
