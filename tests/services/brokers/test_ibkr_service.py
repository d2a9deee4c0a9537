"""The IBKR service from HTTP to the book of a TWS venue: the same decisions as on paper, and one clear line each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.loopback import ask
from venue_sandbox.stands.ibkr import IbkrPlatform
from venue_sandbox.stands.paper import PaperPlatform
from venue_sandbox.stands.platform import Delivered

DATA_DIR = Path(os.environ.get("TEST_DATA_DIR") or Path(__file__).resolve().parents[4] / "shared" / "data")
PRICES = DATA_DIR / "etf_daily.parquet"
real_prices = pytest.mark.skipif(not PRICES.exists(), reason=f"no real prices in {DATA_DIR}")
DUE = datetime(2023, 12, 1, 20, 45, tzinfo=UTC)
Make = Callable[..., IbkrPlatform]

pytestmark = [pytest.mark.skipif(find_spec("ib_async") is None, reason="ib_async is not installed"), real_prices]


def report(delivered: Delivered) -> dict[str, Any]:
    """Return the report that a trigger ended with."""
    last = delivered.attempts[-1]
    assert last.status == 200, last.body
    return json.loads(last.body)["runs"][0]["report"]


def held(venue: Server, account: str) -> dict[str, Decimal]:
    """Return units by symbol in a venue's own book."""
    (one,) = (each for each in venue.control("GET", "book")["accounts"] if each["id"] == account)
    units = {symbol: Decimal(holding["quantity"]) for symbol, holding in one["holdings"].items()}
    return {symbol: quantity for symbol, quantity in units.items() if quantity}


@pytest.mark.parametrize(
    ("profile", "due"),
    [
        ("dual_momentum", DUE),
        ("global_etf_rotation", datetime(2023, 10, 2, 19, 45, tzinfo=UTC)),
        ("tqqq_growth_income", DUE),
    ],
)
def test_the_decision_is_that_of_paper_and_the_book_is_that_of_the_plan(
    profile: str, due: datetime, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        ibkr = stack.enter_context(IbkrPlatform(tmp_path / "ibkr", PRICES, profile))
        paper = stack.enter_context(PaperPlatform(tmp_path / "paper", PRICES, profile))
        there, here = report(ibkr.fire(due)), report(paper.fire(due))
        book = held(ibkr.venue, ibkr.account)
    assert there["outcome"] == here["outcome"] == "completed"
    assert there["decision_digest"] == here["decision_digest"]
    assert there["reasoning"]["digests"] == here["reasoning"]["digests"]
    planned = {line["symbol"]: Decimal(line["order"]["quantity"]) for line in there["plan"]["lines"] if line["order"]}
    assert book == planned
    assert planned


def test_a_retry_gets_the_same_report_and_another_slot_finds_nothing_to_do(tmp_path: Path) -> None:
    with IbkrPlatform(tmp_path, PRICES, "dual_momentum") as ibkr:
        first = report(ibkr.fire(DUE))
        assert report(ibkr.fire(DUE)) == first
        assert report(ibkr.fire(DUE.replace(minute=50)))["outcome"] == "no_action"
        assert len(ibkr.sent()) == 1


def test_a_reconciliation_is_left_where_the_setting_says(tmp_path: Path) -> None:
    place = tmp_path / "books"
    settings = {"IBKR_RECONCILIATION_OUTPUT_PATH": str(place)}
    with IbkrPlatform(tmp_path, PRICES, "dual_momentum", settings=settings) as ibkr:
        told = report(ibkr.fire(DUE))
        report(ibkr.fire(DUE))
    (file,) = place.iterdir()
    assert file.name == f"{told['run_id']}.json"
    written = json.loads(file.read_bytes())
    assert (written["run_id"], written["findings"]) == (told["run_id"], told["findings"])
    assert written["account"] == told["account"]


def test_a_dry_run_is_what_happens_unless_it_is_switched_off(tmp_path: Path) -> None:
    with IbkrPlatform(tmp_path, PRICES, "dual_momentum", settings={"IBKR_DRY_RUN_ONLY": "true"}) as ibkr:
        told = report(ibkr.fire(DUE))
        assert (told["key"]["mode"], told["orders"]) == ("dry_run", [])
        assert told["plan"]["lines"]
        assert ibkr.sent() == []


@pytest.mark.parametrize(
    ("settings", "status", "words"),
    [
        (
            {"ACCOUNT_GROUP": "g", "IB_ACCOUNT_GROUP_CONFIG": '{"g": ["DUSBX999999"]}'},
            422,
            "account DUSBX999999 is not among those of this login, DUSBX000001",
        ),
        ({"IBKR_GATEWAY_PORT": "9"}, 503, "is not available"),
    ],
    ids=["wrong account", "gateway down"],
)
def test_what_cannot_run_says_so_in_one_line_and_sends_nothing(
    tmp_path: Path, settings: Mapping[str, str], status: int, words: str
) -> None:
    with IbkrPlatform(tmp_path, PRICES, "dual_momentum", settings=settings) as ibkr:
        (attempt,) = ibkr.fire(DUE).attempts
        assert attempt.status == status
        assert words in attempt.said
        assert attempt.said.count("\n") == 0
        assert "Traceback" not in (tmp_path / "service.log").read_text()
        assert ibkr.sent() == []


def test_a_client_id_in_use_is_refused_in_one_line(tmp_path: Path, connect: Callable[..., Any]) -> None:
    with IbkrPlatform(tmp_path, PRICES, "dual_momentum") as ibkr:
        other = connect(ibkr.venue, client=17)
        (attempt,) = ibkr.fire(DUE).attempts
        assert attempt.status == 503
        assert "refuses client id 17, which is in use" in attempt.said
        other.disconnect()
        assert report(ibkr.fire(DUE))["outcome"] == "completed"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"STRATEGY_PROFILE": "nobody"}, "'nobody' is not known"),
        ({"IBKR_CLIENTID": "3"}, "IBKR_CLIENTID is not a setting of this service; did you mean IBKR_CLIENT_ID?"),
        ({"IBKR_CLIENT_ID": "0"}, "IBKR_CLIENT_ID is '0'"),
        ({"ACCOUNT_GROUP": "g"}, "IB_ACCOUNT_GROUP_CONFIG is no JSON object"),
    ],
    ids=["profile", "misspelt", "out of bounds", "group"],
)
def test_settings_that_cannot_be_meant_stop_the_start_with_one_line(
    tmp_path: Path, settings: Mapping[str, str], words: str
) -> None:
    environment = {
        "PATH": os.defpath,
        "STRATEGY_PROFILE": "dual_momentum",
        "STORE_URL": tmp_path.as_uri(),
        "REPORT_STORE_URL": tmp_path.as_uri(),
        **settings,
    }
    ended = subprocess.run(
        [sys.executable, "-m", "ibkr_app"], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert words in ended.stderr


def test_the_service_is_ready_without_a_gateway(tmp_path: Path) -> None:
    with IbkrPlatform(tmp_path, PRICES, "dual_momentum", settings={"IBKR_GATEWAY_PORT": "9"}) as ibkr:
        assert ask(ibkr.service.port, "GET", "/ready").good
