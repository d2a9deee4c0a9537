"""What tests share: suites whose assertions say what failed, and venues that are forked."""

import json
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from venue_sandbox.servers.forking import Nursery
from venue_sandbox.servers.launch import Server
from xdist.scheduler import LoadScopeScheduling

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first, so that no long one begins when all others have ended."""
    seconds: dict[str, float] = json.loads(DURATIONS.read_text(encoding="utf-8"))
    paths = {item: item.path.relative_to(ROOT).as_posix() for item in items}
    tests = Counter(paths.values())
    ahead = {path: seconds.get(path, 0.0) * (count if path in TOGETHER else 1) for path, count in tests.items()}
    items.sort(key=lambda item: -ahead[paths[item]])


class OneByOne(LoadScopeScheduling):
    """Gives a worker the next test when it is free; all tests of a file in `TOGETHER` go to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in TOGETHER else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneByOne | None:
    """Return how tests are spread with ``--dist loadgroup``, whose marks this version of pytest passes over."""
    return OneByOne(config, log) if config.getvalue("dist") == "loadgroup" else None


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
