"""`quant sandbox` with a running venue."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from quant_platform_kit.domain.errors import InvalidInput, Refused
from typer.testing import CliRunner
from venue_sandbox.cli.main import app
from venue_sandbox.launch import Server

Run = Callable[..., str]


@pytest.fixture
def run() -> Run:
    def invoke(*words: str) -> str:
        return CliRunner().invoke(app, words, catch_exceptions=False).output

    return invoke


@pytest.fixture
def folder(gateway: Callable[..., Server], tmp_path: Path) -> str:
    gateway("--symbols", "SPY,TLT")
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


def test_up_hands_its_options_to_the_venue(run: Run) -> None:
    assert "usage: quant sandbox up tws" in run("up", "tws", "--help")
    assert "the following arguments are required: --folder" in run("up", "tws")
