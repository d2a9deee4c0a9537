"""Alerts on synthetic histories: at a bound nobody is told, beside it everybody is, and once an episode."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import NotifyError
from quant_platform_kit.ports.notifier import Notification
from quant_platform_kit.services.observe.notifying import Notices
from trading_playbook.attempts import Attempt, AttemptLog, Ending
from trading_playbook.journal.record import TradeRecord
from trading_playbook.observe.alerting import live_policies, log_metrics, policies, prometheus_rules
from trading_playbook.observe.bounds import BOUNDS, exceeded
from trading_playbook.observe.exposition import exposition, metric_of, write_metrics
from trading_playbook.observe.readings import error_rate, read_readings, sessions_without_entry
from trading_playbook.observe.watching import check, findings
from trading_playbook.sources.usage import Usage
from trading_playbook.testing.readings import LAST, SHOWN, readings
from trading_playbook.testing.writer_contract import row, traded

from .daily_frame import CALENDAR, at

CHECKOUT = Path(__file__).resolve().parents[3]


class Mailbox:
    """Keeps what is told; it may refuse."""

    def __init__(self) -> None:
        self.told: list[Notification] = []
        self.refuses = False

    def send(self, notification: Notification) -> None:
        if self.refuses:
            raise NotifyError("nobody took it")
        self.told.append(notification)


def attempt(ending: Ending, session: date = LAST, seconds: float = 1.0, minute: int = 0) -> Attempt:
    started = at(f"{session}T21:00") + timedelta(minutes=minute)
    return Attempt("QQQ", session, started, ending, seconds, Usage(2, 0.5, 3, 1))


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.name)
def test_a_figure_at_its_bound_does_not_alert_and_the_next_one_does(bound: object) -> None:
    name, figure = bound.name, bound.figure  # type: ignore[attr-defined]
    for value, expected in zip(SHOWN[name], (0, 1), strict=True):
        found = list(exceeded(readings(**{figure: value})))
        assert len(found) == expected
    assert list(exceeded(readings(**{figure: 0 if name == "idle" else None}))) == []


@pytest.mark.parametrize(
    ("errors", "others", "alerts"), [(1, 19, 0), (5, 95, 0), (1, 18, 1), (6, 94, 1), (0, 5, 0), (1, 0, 1)]
)
def test_the_error_rate_counts_what_wrote_conflicted_or_failed(errors: int, others: int, alerts: int) -> None:
    kinds = [Ending.ERROR] * errors + [Ending.WRITTEN, Ending.CONFLICT] * others
    attempts = [attempt(kind) for kind in kinds[: errors + others]]
    attempts += [attempt(kind) for kind in (Ending.EARLY, Ending.SKIPPED, Ending.UNCHANGED) for _ in range(50)]
    rate = error_rate(attempts)
    assert rate == errors / (errors + others)
    assert len(list(exceeded(readings(error_rate=rate)))) == alerts


def test_attempts_older_than_thirty_calendar_days_are_not_counted(tmp_path: Path) -> None:
    log = AttemptLog(FileStore(tmp_path), "QQQ")
    for session, ending in ((LAST - timedelta(30), Ending.ERROR), (LAST - timedelta(29), Ending.WRITTEN)):
        log.record(attempt(ending, session))
    assert read_readings(log, [], LAST, CALENDAR).error_rate == 0.0
    assert read_readings(log, [], LAST - timedelta(1), CALENDAR).error_rate == 0.5


UNKNOWN: dict[str, object] = {"figures": None, "sessions_without_entry": None}
IDLE = [row(day) for day in (4, 5, 6, 7, 10)]


@pytest.mark.parametrize(
    ("rows", "session", "idle"),
    [
        ([traded(3), *IDLE[:4]], 7, 4),
        ([traded(3), *IDLE], 10, 5),
        ([traded(3)], 10, 5),
        ([traded(3)], 3, 0),
        (IDLE[:4], 7, 4),
        (IDLE, 10, 5),
        ([], 10, 0),
    ],
)
def test_idle_sessions_are_those_without_entry_or_without_row(rows: list[TradeRecord], session: int, idle: int) -> None:
    assert sessions_without_entry(rows, date(2025, 3, session), CALENDAR, None) == idle


def test_a_journal_that_never_gets_a_row_is_idle_from_the_first_attempt_on() -> None:
    assert sessions_without_entry([], date(2025, 3, 10), CALENDAR, date(2025, 3, 4)) == 5


def test_the_last_attempt_that_looked_at_a_journal_is_the_one_that_is_measured(tmp_path: Path) -> None:
    log = AttemptLog(FileStore(tmp_path), "QQQ")
    log.record(attempt(Ending.WRITTEN, seconds=601.0))
    log.record(attempt(Ending.SKIPPED, seconds=0.0, minute=5))
    found = read_readings(log, [traded(4)], LAST, CALENDAR)
    assert (found.run_seconds, found.api_seconds, found.api_calls, found.cache_hit_rate) == (601.0, 0.25, 2, 0.75)


def test_each_episode_is_told_once_and_a_new_one_again(tmp_path: Path) -> None:
    mailbox, store = Mailbox(), FileStore(tmp_path)
    notices = Notices(store, mailbox)
    for value in (600.0, 601.0, 700.0, 601.0, 600.0, 599.0, 601.0, 602.0):
        check(readings(run_seconds=value), store, notices)
    assert [each.key for each in mailbox.told] == ["playbook/QQQ/slow-1", "playbook/QQQ/slow-2"]
    assert "601 s, at most 600 s" in mailbox.told[0].body


def test_an_episode_of_the_journal_goes_on_while_that_is_not_known(tmp_path: Path) -> None:
    mailbox, store = Mailbox(), FileStore(tmp_path)
    for figures in ({"sessions_without_entry": 5}, UNKNOWN, {"sessions_without_entry": 6}, UNKNOWN | {"error_rate": 1}):
        check(readings(**figures), store, Notices(store, mailbox))
    assert [each.key for each in mailbox.told] == ["playbook/QQQ/idle-1", "playbook/QQQ/errors-1"]


def test_a_message_that_nobody_took_is_tried_again_within_its_episode(tmp_path: Path) -> None:
    mailbox, store = Mailbox(), FileStore(tmp_path)
    mailbox.refuses = True
    (delivery,) = check(readings(error_rate=0.06), store, Notices(store, mailbox))
    assert delivery.error == "nobody took it"
    mailbox.refuses = False
    check(readings(error_rate=0.06), store, Notices(store, mailbox))
    assert len(mailbox.told) == 1


def test_findings_say_figure_and_bound() -> None:
    (text,) = findings(readings(error_rate=0.051))
    assert text.endswith("attempts of the last 30 days failed, see the reasons in the log: 5.10%, at most 5.00%")


def test_metrics_leave_out_what_nothing_is_known_of(tmp_path: Path) -> None:
    text = exposition(readings(error_rate=None))
    assert "playbook_error_rate" not in text
    assert "playbook_win_rate" not in text
    assert 'playbook_run_seconds{strategy="dp20",symbol="QQQ"} 1.0\n' in text
    assert "nan" not in text.lower()
    write_metrics(tmp_path / "text" / "playbook.prom", readings())
    assert (tmp_path / "text" / "playbook.prom").read_text().endswith("\n")
    assert [path.name for path in (tmp_path / "text").iterdir()] == ["playbook.prom"]


def test_what_is_deployed_is_made_from_the_bounds() -> None:
    folder = CHECKOUT / "deploy" / "playbook"
    assert (folder / "alerts.yml").read_text() == prometheus_rules()
    for name, documents in (("log-metrics", log_metrics()), ("policies", [*policies(), *live_policies()])):
        found = [json.loads(path.read_text()) for path in sorted((folder / name).iterdir())]
        assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, documents))


def test_rules_and_policies_compare_with_the_bounds_themselves() -> None:
    (group,) = yaml.safe_load(prometheus_rules())["groups"]
    for bound, rule, policy in zip(BOUNDS, group["rules"], policies(), strict=True):
        metric, _, most = rule["expr"].partition(" > ")
        assert (metric, float(most)) == (metric_of(bound.figure), bound.most)
        (condition,) = policy["conditions"]
        assert condition["conditionMatchedLog"]["filter"].endswith(f"jsonPayload.{bound.figure}>{bound.most:g}")
