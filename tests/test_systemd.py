"""The units of one machine: systemd reads them, and each timer starts a service that is there."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from quant_platform_kit.paper.venue import funding

UNITS = Path(__file__).parents[1] / "infra" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
TIMERS = sorted(path.name for path in UNITS.glob("*.timer"))
TIMER = "quant-preflight@.timer"
SAFE = ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "ProtectSystem")


def unit(name: str) -> configparser.ConfigParser:
    read = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    read.optionxform = str  # type: ignore[method-assign,assignment]
    read.read_string((UNITS / name).read_text())
    return read


def test_every_timer_has_its_service_and_says_when() -> None:
    assert len(TIMERS) >= 4
    for name in TIMERS:
        assert name.replace(".timer", ".service") in SERVICES
        assert unit(name)["Timer"]["OnCalendar"], name
        assert unit(name)["Install"]["WantedBy"] == "timers.target"


@pytest.mark.parametrize("name", SERVICES)
def test_services_run_as_a_user_of_their_own_and_see_little(name: str) -> None:
    service = unit(name)["Service"]
    assert service["User"] not in ("", "root")
    assert [option for option in SAFE if service.get(option) not in ("yes", "true", "strict")] == []


@pytest.mark.parametrize("name", SERVICES)
def test_what_runs_for_long_is_started_again_and_what_runs_once_ends(name: str) -> None:
    service = unit(name)["Service"]
    if service.get("Type") == "oneshot":
        assert name.replace(".service", ".timer") in TIMERS
    else:
        assert service["Restart"] == "always"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """Programs are not installed where units are only read: each is another one here."""
    for name in SERVICES:
        text = re.sub(r"(?<=ExecStart=)/opt/\S+", "/bin/true", (UNITS / name).read_text())
        (tmp_path / name.replace("@.", "@paper.")).write_text(text)
    units = sorted(tmp_path.iterdir())
    command = ["systemd-analyze", "verify", "--man=no", *map(str, units)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    names = [path.name for path in units]
    about = [line for line in done.stderr.splitlines() if any(name in line for name in names)]
    assert [line for line in about if "not found" not in line] == []


def test_the_slot_that_the_run_asks_for_is_the_time_of_its_timer() -> None:
    asked = re.search(r'America/New_York\\+" today (\d\d:\d\d)"', unit("quant-run@.service")["Service"]["ExecStart"])
    assert asked, "the run names its slot"
    assert unit("quant-run@.timer")["Timer"]["OnCalendar"] == f"Mon..Fri {asked[1]}:00 America/New_York"


def test_it_is_looked_twelve_hours_and_one_hour_before_the_run() -> None:
    runs = datetime.strptime(unit("quant-run@.timer")["Timer"]["OnCalendar"].split()[1], "%H:%M:%S")  # noqa: DTZ007
    looks = re.findall(r"^OnCalendar=Mon..Fri (\S+) America/New_York$", (UNITS / TIMER).read_text(), re.MULTILINE)
    assert looks == [f"{runs - timedelta(hours=ahead):%H:%M:%S}" for ahead in (12, 1)]
    schedule = f'--schedule "{runs.minute} {runs.hour} * * 1-5"'
    assert schedule in unit(TIMER.replace(".timer", ".service"))["Service"]["ExecStart"]


def test_the_run_asks_with_the_slot_in_utc(tmp_path: Path) -> None:
    """The line is run as systemd would: with %% as %, in a shell, and with another program in curl's place."""
    line = unit("quant-run@.service")["Service"]["ExecStart"].replace("%%", "%").replace('\\\\"', '\\"')
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    curl.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PORT": "8099"}
    words = re.fullmatch(r"/bin/sh -c '(.*)'", line)
    assert words
    told = subprocess.run(["sh", "-c", words[1]], env=environment, capture_output=True, text=True, check=True).stdout
    assert re.search(r"^X-CloudScheduler-ScheduleTime: \d{4}-\d\d-\d\dT(19|20):45:00Z$", told, re.MULTILINE), told
    assert "http://127.0.0.1:8099/run" in told


@pytest.mark.parametrize("text", ["PAPER-1", "=5", "PAPER-1=", "PAPER-1=-1", "PAPER-1=NaN", "PAPER-1=Infinity"])
def test_the_venues_account_has_to_begin_with_something(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is not ID=CASH with more than 0"):
        funding(text)


def test_the_unit_of_the_venue_opens_the_account_of_the_service() -> None:
    assert "--account ${PAPER_ACCOUNT}=${VENUE_CASH}" in unit("quant-venue.service")["Service"]["ExecStart"]
    assert funding("PAPER-1=100000") == ("PAPER-1", Decimal(100_000))
