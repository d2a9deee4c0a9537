"""The page about a back-test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from xml.etree import ElementTree

import pytest
from quant_platform_kit.domain.sessions import ExchangeCalendar
from trading_playbook.backtest import Backtest, SessionResult
from trading_playbook.days import trading_day
from trading_playbook.dp20.bars import SessionBars
from trading_playbook.dp20.outcome import Note, Outcome
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.journal.record import record_of
from trading_playbook.page.drawing import trade_chart
from trading_playbook.page.render import render_page

NUMBERS = Dp20Parameters()


def result(calendar: ExchangeCalendar, bars: SessionBars, outcome: Outcome) -> SessionResult:
    day = trading_day(calendar, date(2025, 11, 24))
    return SessionResult(day, bars, outcome, record_of("QQQ", day.opens, outcome))


def test_each_trade_is_drawn_with_mean_window_stop_and_exit(dev: Backtest) -> None:
    page = render_page(dev, "QQQ", NUMBERS)
    for part in ('class="window"', 'class="line peer"', 'class="level stop"', 'class="level entry"'):
        assert page.count(part) == 29
    assert page.count('class="bars ') == 58
    assert page.count(">stop_gap</text>") == 4
    assert "29 trades in 54 sessions: +1.34 R in all, +0.046 R a trade." in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_chart_is_sound_and_says_in_words_what_it_shows(dev: Backtest) -> None:
    session = dev.sessions[0]
    drawn = ElementTree.fromstring(trade_chart(session, session.outcome.trade, NUMBERS))
    assert drawn.findtext("desc") == "Entered at 10:30 at 590.31, stop at 589.99, left at 10:34 at 589.99 (stop)."
    bars = drawn.findall(".//path")
    assert sum(path.attrib["d"].count("Z") for path in bars) == len(range(0, 94, 2))


def test_a_trade_without_an_exit_is_drawn(
    calendar: ExchangeCalendar, market: Callable[..., SessionBars], follow: Callable[..., Outcome]
) -> None:
    bars = market({0: 100.0, 30: 99.0, 34: 101.0}, end=200)
    outcome = follow(bars)
    page = render_page(Backtest([result(calendar, bars, outcome)], ["QQQ <lacks> bars"]), "QQQ", NUMBERS)
    assert outcome.note is Note.INCOMPLETE_SESSION
    assert "the bars end before an exit" in page
    assert "QQQ &lt;lacks&gt; bars" in page
    assert "1 sessions, and no trade was closed." in page


@pytest.mark.parametrize("count", [0, 1])
def test_a_page_without_trades_says_so(
    calendar: ExchangeCalendar, market: Callable[..., SessionBars], count: int
) -> None:
    outcome = Outcome(Note.NO_DATA)
    page = render_page(Backtest([result(calendar, market({0: 100.0}, end=count), outcome)]), "QQQ", NUMBERS)
    assert "Nothing was entered." in page
