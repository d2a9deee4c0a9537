"""What tests share: suites whose assertions say what failed, and venues that are forked."""

import json
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from venue_sandbox.servers.forking import Nursery
from venue_sandbox.servers.launch import Server

pytest.register_assert_rewrite(
    "quant_platform_kit.testing.broker_contract",
    "quant_platform_kit.testing.market_contract",
    "quant_platform_kit.testing.store_contract",
)

ROOT = Path(__file__).resolve().parent
DURATIONS = ROOT / "tests" / "durations.json"
"""Seconds that a test of a file takes in the mean, as `scripts/record_durations.py` has found; others take none."""
TOGETHER = ("release/tests/test_real_packages.py", "tests/services/stores/test_postgresql_store.py")
"""Files whose tests run one after another: they share what is slow to make, or restart a server."""
STAND_INS = (
    "quant_platform_kit.paper.venue",
    "venue_sandbox.cloud.scheduler",
    "venue_sandbox.cloud.secrets",
    "venue_sandbox.cloud.storage",
    "venue_sandbox.servers.fault_proxy",
    "venue_sandbox.venues.longbridge",
    "venue_sandbox.venues.schwab",
    "venue_sandbox.venues.tws",
)
"""What stands in for something that is not ours. Services of ours are started as in production."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first, so that no long one begins when all others have ended."""
    seconds: dict[str, float] = json.loads(DURATIONS.read_text(encoding="utf-8"))
    paths = {item: item.path.relative_to(ROOT).as_posix() for item in items}
    items.sort(key=lambda item: -seconds.get(paths[item], 0.0))
    for item in items:
        if paths[item] in TOGETHER:
            item.add_marker(pytest.mark.xdist_group(paths[item]))


@pytest.fixture(scope="session", autouse=True)
def stand_ins_are_forked() -> Generator[None]:
    """Fork venues and other stand-ins from a process that has loaded them; tests start hundreds of them."""
    if sys.platform != "linux":
        yield
        return
    started_as = Server.spawn
    with Nursery(STAND_INS) as nursery:
        Server.spawn = nursery.spawn
        yield
        Server.spawn = started_as
