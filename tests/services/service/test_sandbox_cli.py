"""`quant sandbox` with a running venue."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from quant_platform_kit.adapters.price_sources import price_source
from quant_platform_kit.domain.errors import InvalidInput, Refused
from typer.testing import CliRunner
from venue_sandbox.cli.main import app
from venue_sandbox.servers.launch import Server

Run = Callable[..., str]
QUANT = str(Path(sys.executable).with_name("quant"))


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


REFUSED = {
    "up tws": (2, "the following arguments are required: --folder, --account"),
    "up schwab --folder x --account DUSBX1=1 --bogus": (2, "unrecognized arguments: --bogus"),
    "up longbridge --folder x --account nobody": (2, "argument --account"),
    "up tws --folder x --account DUSBX1=1 --prices absent.csv": (1, "absent.csv"),
    "up paper --cash -3": (2, "'-3' is not more than 0; write it as 100000"),
    "up paper --profile nobody": (1, "profile 'nobody' is not known"),
    "up paper --profile russell_1000_multi_factor_defensive": (1, "decides on feature snapshots"),
    "up paper --prices absent.csv": (1, "absent.csv"),
    "up paper --prices spy.csv": (1, "spy.csv has no prices of AGG, BIL, EFA; dual_momentum needs them"),
    "up paper --from 2030-01-02": (1, "has prices until 2023-12-29"),
    "up paper --strategy absent.py:Mine": (1, "absent.py is not a Python file that can be read"),
    "up paper --folder spy.csv": (1, "--folder spy.csv: File exists; choose a folder that can be written"),
    "rehearse paper": (1, "platform 'paper' cannot be rehearsed; choose one of alpaca, ibkr, longbridge, schwab"),
    "rehearse ibkr --strategy my.py:Mine": (1, "a broker's service runs what is installed and enabled"),
    "restart": (1, "no sandbox runs in sandbox-output; start one with quant sandbox up paper"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_bad_input_is_one_line_and_leaves_nothing(words: str, tmp_path: Path) -> None:
    (tmp_path / "spy.csv").write_text("date,symbol,close,adj_close\n2023-12-29,SPY,1,1\n")
    done = subprocess.run([QUANT, "sandbox", *words.split()], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    code, said = REFUSED[words]
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), done
    assert done.stderr.startswith("quant: ")
    assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["spy.csv"]


def test_notify_urls_are_checked_before_anything_is_written(tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "NOTIFY_URLS": "canary"}
    done = subprocess.run(
        [QUANT, "sandbox", "up", "paper"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "NOTIFY_URLS: number 1 is no Apprise URL" in done.stderr
    assert "canary" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def _line(up: subprocess.Popen[str], begins: str) -> str:
    """Read what a sandbox says up to a line that begins so."""
    assert up.stdout is not None
    return next(line for line in iter(up.stdout.readline, "") if line.startswith(begins))


def test_a_sandbox_says_that_its_service_died_restarts_it_and_has_its_folder_alone(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Told) as told:
        threading.Thread(target=told.serve_forever, daemon=True).start()
        env = {"PATH": "/usr/bin:/bin", "NOTIFY_URLS": f"json://127.0.0.1:{told.server_address[1]}/"}
        command = [QUANT, "sandbox", "up", "paper", "--folder", "mine"]
        with subprocess.Popen(
            command,
            cwd=tmp_path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_hears_interrupts,
        ) as up:
            try:
                by_hand = _line(up, "trigger it: ").removeprefix("trigger it: ").strip()
                _line(up, "Ctrl-C")
                second = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
                in_use = (
                    f"quant: --folder mine is in use by the sandbox of process {up.pid}: stop it, or choose another\n"
                )
                assert (second.returncode, second.stderr) == (1, in_use)
                os.kill(_service_of(up.pid), signal.SIGKILL)
                died = _line(up, "quant: the service ended with status -9, see mine/service.log; start it again with")
                restart = died.rpartition("with quant ")[2].split()
                subprocess.run([QUANT, *restart], cwd=tmp_path, check=True, timeout=120, capture_output=True)
                assert "/runs" in _line(up, "the service has started again")
                triggered = subprocess.run(["bash", "-c", by_hand], capture_output=True, text=True, timeout=120)
                assert '"outcome":"no_action"' in triggered.stdout
                up.send_signal(signal.SIGINT)
                assert up.wait(30) == 0
            finally:
                up.kill()
        told.shutdown()
    assert _Told.bodies


class _Told(BaseHTTPRequestHandler):
    """Who is told of runs."""

    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


def _service_of(sandbox: int) -> int:
    """Return the process of the service that a sandbox has started."""
    children = Path(f"/proc/{sandbox}/task/{sandbox}/children").read_text().split()
    return next(int(child) for child in children if b"paper_app" in Path(f"/proc/{child}/cmdline").read_bytes())


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
    with pytest.raises(Refused, match=r"ended with status 1 before it listened: .*exchange\.jsonl"):
        CliRunner().invoke(app, words, catch_exceptions=False)
