"""`quant sandbox` with a running venue."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from quant_platform_kit.adapters.price_sources import price_source
from quant_platform_kit.domain.errors import InvalidInput, Refused
from typer.testing import CliRunner
from venue_sandbox.cli.main import app
from venue_sandbox.servers.launch import Server

Run = Callable[..., str]


@pytest.fixture
def run() -> Run:
    def invoke(*words: str) -> str:
        return CliRunner().invoke(app, words, catch_exceptions=False).output

    return invoke


@pytest.fixture(params=["gateway", "schwab_venue", "longbridge_venue"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the folder of a venue that runs, of each broker in turn."""
    start: Callable[..., Server] = request.getfixturevalue(request.param)
    start("--symbols", "SPY,TLT", "--folder", str(tmp_path / "venue"))
    return str(tmp_path / "venue")


def test_prices_are_shown_and_set(run: Run, folder: str) -> None:
    quotes = json.loads(run("prices", "--folder", folder, "SPY=77.5", "--json"))
    assert quotes["SPY"]["last"] == "77.50"
    assert "77.49" in run("prices", "--folder", folder)


def test_faults_are_armed_and_cleared(run: Run, folder: str) -> None:
    run("fault", "--folder", folder, "position", "account=DUSBX1", "symbol=TLT", "quantity=7")
    assert "TLT" in run("book", "--folder", folder)
    run("fault", "--folder", folder, "reject", "times=null", "reason=closed for lunch")
    run("fault", "--folder", folder, "--clear")
    with pytest.raises(Refused, match="nonsense"):
        run("fault", "--folder", folder, "nonsense")
    assert "is not KEY=VALUE" in run("fault", "--folder", folder, "reject", "times")
    assert "name a kind" in run("fault", "--folder", folder)


def test_the_book_is_shown(run: Run, folder: str) -> None:
    assert "cash USD" in run("book", "--folder", folder)
    assert json.loads(run("book", "--folder", folder, "--json"))["accounts"][0]["id"] == "DUSBX1"


def test_a_venue_that_does_not_run_is_named(run: Run, gateway: Callable[..., Server], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no venue has run"):
        run("book", "--folder", str(tmp_path))
    gateway().stop()
    with pytest.raises(InvalidInput, match="is not running"):
        run("book", "--folder", str(tmp_path / "venue"))


FUNDING = {"tws": "DUSBX1=1000", "schwab": "DUSBX1=1000", "longbridge": "DUSBX1=HKD:7800,USD:1000"}


@pytest.mark.parametrize("name", FUNDING)
def test_up_hands_its_options_to_the_venue(run: Run, name: str) -> None:
    assert f"usage: quant sandbox up {name}" in run("up", name, "--help")
    assert "the following arguments are required: --folder" in run("up", name)


def _hears_interrupts() -> None:
    """Let a process be stopped by Ctrl-C also where whoever runs the tests ignores it, as in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("name", "platform"), [("tws", "ibkr"), ("schwab", "schwab"), ("longbridge", "longbridge")])
def test_up_tells_the_settings_that_lead_the_app_to_the_venue(
    name: str, platform: str, tmp_path: Path, ports: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("sandbox", "up", name, "--folder", str(tmp_path / "venue"), "--account", FUNDING[name])
    command = [str(Path(sys.executable).with_name("quant")), *words, "--clock", "2023-06-02T16:00:00+00:00"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=_hears_interrupts) as up:
        assert up.stdout is not None
        ports.update(json.loads(up.stdout.readline()).values())
        try:
            for line in iter(up.stdout.readline, ""):
                ((_, setting, value),) = [(word, *pair.split("=", 1)) for word, pair in [shlex.split(line)]]
                monkeypatch.setenv(setting, value)
                if setting.endswith("TIMEOUT_SECONDS"):
                    break
            with price_source(platform)() as source:
                bars = source.daily(["SPY"], 1, date(2023, 6, 1))["SPY"]
            up.send_signal(signal.SIGINT)
            assert up.wait(20) == 0
        finally:
            up.kill()
    assert bars[-1].day == date(2023, 6, 1)


def test_up_with_a_folder_of_another_venue_says_why_it_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "venue").mkdir()
    (tmp_path / "venue" / "exchange.jsonl").write_text("no journal\n")
    words = ("up", "schwab", "--folder", str(tmp_path / "venue"), "--account", "DUSBX1=1000")
    with pytest.raises(Refused, match=r"venue_sandbox\.venues\.schwab ended with status 1"):
        CliRunner().invoke(app, words, catch_exceptions=False)
