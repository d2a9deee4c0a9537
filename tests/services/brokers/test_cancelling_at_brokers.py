"""`quant halt --cancel-open` and `quant cancel` at every broker, beside a service that died with an order working."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.services.operate.halting import in_flight
from quant_platform_kit.services.record.recorded_run import recorded_run
from quant_platform_kit.testing.synthetic import synthetic_prices
from venue_sandbox.demo.market import due_on, write_prices
from venue_sandbox.demo.tour import report_of
from venue_sandbox.stands.ibkr import IbkrPlatform
from venue_sandbox.stands.longbridge import LongBridgePlatform
from venue_sandbox.stands.platform import ACCOUNT, Platform
from venue_sandbox.stands.schwab import SchwabPlatform

CALENDAR = load_calendar("XNYS")
PROFILE = "dual_momentum"
DUE = due_on(CALENDAR.after(date(2023, 5, 31)))
WAIT_SECONDS = 60


@dataclass(frozen=True)
class Left:
    """A platform whose service was killed while its order worked at the venue."""

    platform: Platform
    order_id: str

    def quant(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a command beside the service, with its settings in the environment."""
        place = ("--store", self.platform.store_url, "--reports", self.platform.report_store_url)
        command = [str(Path(sys.executable).with_name("quant")), *words, *place, "--account", ACCOUNT]
        settings = {**os.environ, **self.platform.environment()}
        return subprocess.run(command, env=settings, capture_output=True, text=True, check=False)

    def at_venue(self) -> list[Mapping[str, Any]]:
        """Return the orders of the venue's own book."""
        return self.platform.venue.control("GET", "book")["orders"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = synthetic_prices({"SPY", "EFA", "AGG", "BIL"}, CALENDAR, date(2021, 6, 1), date(2023, 7, 31))
    return write_prices(made, tmp_path_factory.mktemp("market") / "prices.csv")


@pytest.fixture(params=[IbkrPlatform, SchwabPlatform, LongBridgePlatform], ids=lambda kind: kind.name)
def left(request: pytest.FixtureRequest, file: Path, tmp_path: Path) -> Generator[Left]:
    """Return a platform in that state: the order is acknowledged, nothing of it is filled, nobody waits for it."""
    kind: type[Platform] = request.param
    settings = {"LEASE_SECONDS": "6", f"{kind.name.upper()}_TIMEOUT_SECONDS": "2.5"}
    if kind is SchwabPlatform:
        settings["PRICE_HISTORY_PATH"] = str(file)
    opens: dict[str, Any] = {"opens_at": DUE.isoformat()}
    with kind(tmp_path / "platform", file, PROFILE, settings=settings, **opens) as platform:
        platform.venue.fault("unfilled", operation="submit")
        with ThreadPoolExecutor(1) as pool:
            trigger = pool.submit(platform.fire, DUE)
            order_id = _acknowledged(platform, trigger.done)
            platform.kill_service()
            assert trigger.result().attempts[-1].status is None
        yield Left(platform, order_id)


def _acknowledged(platform: Platform, ended: Callable[[], bool]) -> str:
    """Wait until an order is acknowledged; return its id."""
    store, deadline = FileStore(platform.folder / "store"), time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and not ended():
        flight = in_flight(store, ACCOUNT)
        run = recorded_run(store, ACCOUNT, flight.run_id) if flight else None
        for order_id, record in run.records.items() if run else ():
            if record.state is OrderState.ACKNOWLEDGED:
                return order_id
        time.sleep(0.01)
    pytest.fail("the run ended, or its time, before an order was acknowledged")


def test_a_halt_cancels_what_a_dead_service_left_working(left: Left) -> None:
    asked = ("halt", "account", ACCOUNT, "--reason", "storm", "--cancel-open", "--platform", left.platform.name)
    done = left.quant(*asked, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    (report,) = document["cancelled"][ACCOUNT]
    assert (report["order"]["client_order_id"], report["state"], document["failed"]) == (left.order_id, "CANCELLED", [])
    assert [order["status"] for order in left.at_venue()] == ["cancelled"]

    again = left.quant(*asked)
    assert (again.returncode, again.stderr) == (0, "")
    assert f"account {ACCOUNT} has no working order" in again.stdout

    left.platform.start_service()
    report = report_of(left.platform, left.platform.fire(DUE, retries=5))
    assert [(order.client_order_id, order.state) for order in report.orders] == [(left.order_id, OrderState.CANCELLED)]
    assert len(left.at_venue()) == 1, "nothing is sent while the account is halted"


def test_one_order_is_cancelled_by_its_client_order_id(left: Left) -> None:
    asked = ("--reason", "too large", "--platform", left.platform.name)
    done = left.quant("cancel", left.order_id, *asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"order {left.order_id} " in done.stdout
    assert "is CANCELLED, 0 of " in done.stdout
    assert [order["status"] for order in left.at_venue()] == ["cancelled"]

    again = left.quant("cancel", left.order_id, *asked)
    assert again.returncode == 1
    assert again.stderr == f"quant: order {left.order_id} is CANCELLED: there is nothing to cancel\n"


def test_the_gateway_lets_nobody_in_while_a_run_holds_the_session(file: Path, tmp_path: Path) -> None:
    """Only the client that sent an order may cancel it, so the command logs in under the service's client id."""
    settings = {"LEASE_SECONDS": "6", "IBKR_TIMEOUT_SECONDS": "2.5", "FILL_TIMEOUT_SECONDS": "8"}
    folder = tmp_path / "platform"
    with IbkrPlatform(folder, file, PROFILE, settings=settings, opens_at=DUE.isoformat()) as platform:
        platform.venue.fault("unfilled", operation="submit")
        with ThreadPoolExecutor(1) as pool:
            trigger = pool.submit(platform.fire, DUE)
            left = Left(platform, _acknowledged(platform, trigger.done))
            refused = left.quant("cancel", left.order_id, "--reason", "too large", "--platform", "ibkr")
            report = report_of(platform, trigger.result())
    assert refused.returncode == 1
    assert "client id" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert [order.state for order in report.orders] == [OrderState.CANCELLED], "by the run, when its time was over"
