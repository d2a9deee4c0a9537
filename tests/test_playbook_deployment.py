"""How the playbook is run each day: crontabs, units and alerts, read as the machines read them."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from google.cloud import monitoring_v3
from google.protobuf.json_format import ParseError

CHECKOUT = Path(__file__).resolve().parents[1]
MACHINE = CHECKOUT / "deploy" / "playbook" / "machine"
SYSTEMD = CHECKOUT / "infra" / "systemd"


def crontab(name: str) -> tuple[dict[str, str], list[str], str]:
    """Return the settings of a crontab, and the time and the command of its only line."""
    lines = [line for line in (MACHINE / name).read_text().splitlines() if line and not line.startswith("#")]
    *settings, line = lines
    *fields, words = line.split(maxsplit=5)
    return dict(setting.split("=", 1) for setting in settings), fields, words


def test_cronie_runs_at_five_in_new_york() -> None:
    settings, fields, words = crontab("cronie.cron")
    assert (settings["CRON_TZ"], " ".join(fields)) == ("America/New_York", "0 17 * * 1-5")
    assert words.endswith("/python -m alpaca_app.playbook --today >> logs/backtest.log 2>&1")


def test_without_a_time_zone_each_hour_of_each_day_is_asked_and_the_command_waits_for_five() -> None:
    settings, fields, words = crontab("hourly.cron")
    assert ("CRON_TZ" in settings, fields) == (False, ["0", "*", "*", "*", "*"])
    assert words.endswith(" --today --not-before 17:00 >> logs/backtest.log 2>&1")


@pytest.mark.parametrize("name", ["cronie.cron", "hourly.cron"])
def test_the_shell_runs_a_line_with_the_settings_of_its_file(name: str, tmp_path: Path) -> None:
    settings, _, words = crontab(name)
    assert "%" not in words, "cron takes it for a new line"
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho "$ALPACA_API_KEY $*"\n')
    program.chmod(0o755)
    (tmp_path / "logs").mkdir()
    (tmp_path / "playbook.env").write_text("ALPACA_API_KEY='a key&'\n")
    moved = words.replace("/srv/playbook", str(tmp_path)).replace("/opt/playbook/bin", str(tmp_path))
    subprocess.run([settings["SHELL"], "-c", moved], check=True, timeout=30)
    assert (tmp_path / "logs" / "backtest.log").read_text().startswith("a key& -m alpaca_app.playbook --today")


def unit(name: str) -> configparser.ConfigParser:
    read = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    read.optionxform = str  # type: ignore[method-assign,assignment]
    read.read_string((SYSTEMD / name).read_text())
    return read


def test_the_timer_is_new_yorks_and_starts_the_service() -> None:
    timer, service = unit("trading-playbook.timer"), unit("trading-playbook.service")
    assert timer["Timer"]["OnCalendar"] == "Mon..Fri 17:00:00 America/New_York"
    assert (timer["Timer"]["Persistent"], timer["Install"]["WantedBy"]) == ("true", "timers.target")
    assert service["Service"]["ExecStart"].endswith("/python -m alpaca_app.playbook --today")
    assert (service["Service"]["Type"], service["Service"]["Restart"]) == ("oneshot", "on-failure")


def analyzed(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TZ": "UTC"}
    command = ["systemd-analyze", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_finds_the_instants_of_both_times_of_the_year(tmp_path: Path) -> None:
    when = unit("trading-playbook.timer")["Timer"]["OnCalendar"]
    told = analyzed("calendar", "--base-time=2025-10-30 22:00:00 UTC", "--iterations=3", when).stdout
    assert [day for day in ("2025-10-31 21:00", "2025-11-03 22:00", "2025-11-04 22:00") if day not in told] == []
    (tmp_path / "python").symlink_to("/bin/true")
    units = [tmp_path / f"trading-playbook.{kind}" for kind in ("service", "timer")]
    for path in units:
        path.write_text((SYSTEMD / path.name).read_text().replace("/opt/playbook/bin", str(tmp_path)))
    checked = analyzed("verify", "--man=no", *map(str, units))
    assert [line for line in checked.stderr.splitlines() if "trading-playbook" in line] == []


def test_who_watches_the_playbook_is_read_by_googles_own_messages() -> None:
    """The files of policies and metrics have no field that Monitoring does not know."""
    for path in sorted((CHECKOUT / "deploy").glob("*/policies/*.json")):
        policy = monitoring_v3.AlertPolicy.from_json(path.read_text(), ignore_unknown_fields=False)
        assert policy.display_name == path.stem
        assert policy.conditions[0].condition_matched_log.filter
        # A policy that looks at lines of a log has a limit of how often it tells, or Monitoring refuses it.
        assert policy.alert_strategy.notification_rate_limit.period.total_seconds() >= 300
    with pytest.raises(ParseError, match="displayname"):
        monitoring_v3.AlertPolicy.from_json('{"displayname": "x"}', ignore_unknown_fields=False)
