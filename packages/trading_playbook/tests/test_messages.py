"""What people are told: the summary with its picture, trades, and what happens when nobody can be told."""

from __future__ import annotations

import re
from contextlib import nullcontext
from datetime import date
from pathlib import Path

import pytest
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import NotifyError
from quant_platform_kit.ports.notifier import Notification, Severity
from quant_platform_kit.services.observe.notifying import Notices
from trading_playbook.attempts import Attempt, AttemptLog, Ending
from trading_playbook.daily.service import Playbook, Telling
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.observe.messages import daily_summary, trade_alert
from trading_playbook.observe.picture import drawing, picture
from trading_playbook.observe.readings import read_readings
from trading_playbook.sources.usage import Usage
from trading_playbook.testing.writer_contract import row, traded
from trading_playbook.writers.csv_writer import CSVTradeWriter

from .daily_frame import CALENDAR, QuietSource, Site, at, site_in

ROWS = [row(3), traded(4)]


def summary(tmp_path: Path) -> Notification:
    session = date(2025, 3, 4)
    attempt = Attempt("QQQ", session, at("2025-03-04T22:00"), Ending.WRITTEN, 1.5, Usage(3), 1, "", "sip")
    readings = read_readings(AttemptLog(FileStore(tmp_path), "QQQ"), ROWS, session, CALENDAR)
    return daily_summary(attempt, ROWS, readings, ["a <gap> of 3 minutes"])


def test_the_summary_says_the_session_its_trade_and_the_figures_as_text_and_html(tmp_path: Path) -> None:
    told = summary(tmp_path)
    assert (told.key, told.severity) == ("playbook/QQQ/summary-2025-03-04-written", Severity.INFO)
    assert told.title == "trading playbook, QQQ 2025-03-04: eod"
    for text in ("entry: 10:31 at 101.500000, stop 101.200000", "feed: sip", "a <gap> of 3 minutes"):
        assert text in told.body
    assert "<th align=left>expectancy</th><td>+2.0782 R</td>" in told.html
    assert "a &lt;gap&gt; of 3 minutes" in told.html
    (image,) = told.attachments
    assert (image.name, image.content_type, image.data[:4]) == ("results.png", "image/png", b"\x89PNG")


@pytest.mark.parametrize("part", ["text", "polyline", "path"])
def test_every_part_of_the_picture_shows(part: str) -> None:
    """Text shows only where there is a font, and its absence is not complained of by the library."""
    svg = drawing(ROWS)
    without = re.sub(rf"<{part}[^>]*/>|<{part}.*?</{part}>", "", svg)
    if part == "text" and not any(Path("/usr/share/fonts").rglob("*.ttf")):
        pytest.skip("no font is on this machine: install fonts-dejavu-core")
    assert picture(svg) != picture(without)


def test_a_journal_without_trades_can_be_drawn() -> None:
    assert "no closed trade yet" in drawing([])
    assert picture(drawing([row(3)]))


def test_a_day_whose_journal_is_not_known_is_told_without_its_figures(tmp_path: Path) -> None:
    site, postbox = site_in(tmp_path), Postbox()
    site.journal.write_bytes(b"date,r\n")
    playbook(site, postbox).run(at("2025-09-15T21:00"))
    told = next(each for each in postbox.told if each.key.endswith("summary-2025-09-15-error"))
    assert "errors of 30 days: 100.00%" in told.body
    assert ("expectancy" in told.body, told.attachments) == (False, ())


def test_a_trade_is_told_with_its_prices() -> None:
    told = trade_alert(traded(4))
    assert told.title == "trading playbook, QQQ 2025-03-04: eod, +2.08 R"
    assert "exit: 14:30 at 102.123457" in told.body


class Postbox:
    """Keeps what is told; it may refuse, or break."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.told: list[Notification] = []
        self.fault = fault

    def send(self, notification: Notification) -> None:
        if self.fault:
            raise self.fault
        self.told.append(notification)


def playbook(site: Site, postbox: Postbox) -> Playbook:
    telling = Telling(Notices(site.store, postbox), summary=True, trades=True, live_feed="iex")

    def writers() -> list[CSVTradeWriter]:
        return [CSVTradeWriter(site.journal)]

    made = (site.clock, site.store, writers, lambda: nullcontext(site.source), telling, Dp20Parameters(), "sip")
    return Playbook("QQQ", CALENDAR, *made)


def test_a_day_is_summed_up_once(tmp_path: Path) -> None:
    site, postbox = site_in(tmp_path), Postbox()
    for _ in range(3):
        playbook(site, postbox).run(at("2025-09-15T21:00"))
    (told,) = postbox.told
    assert told.title == "trading playbook, QQQ 2025-09-15: no_pullback"
    assert "history is of feed sip, live bars of iex" in told.body


@pytest.mark.parametrize("fault", [NotifyError("down"), RuntimeError("broken")])
def test_a_channel_that_fails_never_fails_a_run(tmp_path: Path, fault: Exception) -> None:
    site = site_in(tmp_path)
    attempt, _ = playbook(site, Postbox(fault)).run(at("2025-09-15T21:00"))
    assert (attempt.ending, site.journal.exists()) == (Ending.WRITTEN, True)


def test_a_failed_day_is_told_as_a_failure(tmp_path: Path) -> None:
    site, postbox = site_in(tmp_path), Postbox()
    site.source = QuietSource(ends=0)
    playbook(site, postbox).run(at("2025-09-15T21:00"))
    told = {notification.key.rpartition("/")[2]: notification for notification in postbox.told}
    assert told["summary-2025-09-15-error"].severity is Severity.FAILURE
    assert told["errors-1"].severity is Severity.FAILURE
