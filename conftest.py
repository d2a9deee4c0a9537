"""What tests share: suites whose assertions say what failed, their order, and venues that are forked.

Tests of a package run in environments of their own too, without the sandbox and without workers side by side.
"""

import json
import sys
from collections import Counter
from collections.abc import Generator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("snapshot_pipelines"):
    import_module("snapshot_pipelines")  # before pytest takes the folder of its tests for the package of that name

if find_spec("hypothesis"):  # the same examples in every run, however busy the machine is
    examples = import_module("hypothesis").settings
    examples.register_profile("repeatable", deadline=None, derandomize=True, max_examples=200)
    examples.load_profile("repeatable")

pytest.register_assert_rewrite(
    "quant_platform_kit.testing.broker_contract",
    "quant_platform_kit.testing.market_contract",
    "quant_platform_kit.testing.store_contract",
)

ROOT = Path(__file__).resolve().parent
DURATIONS = ROOT / "tests" / "durations.json"
"""Seconds that the tests of a file take together, as `scripts/record_durations.py` has found; others take none."""
TOGETHER = (
    "release/tests/test_real_packages.py",
    "tests/services/events/test_demo.py",
    "tests/services/events/test_rolling_restart.py",
    "tests/services/stores/test_postgresql_store.py",
    "tests/services/tq/test_demo.py",
)
"""Files whose tests run one after another: they share what is slow to make, or restart a server."""
LEFT_OUT = pytest.StashKey[Counter[str]]()
STAND_INS = (
    "quant_platform_kit.paper.venue",
    "venue_sandbox.cloud.run",
    "venue_sandbox.cloud.scheduler",
    "venue_sandbox.cloud.secrets",
    "venue_sandbox.cloud.storage",
    "venue_sandbox.servers.fault_proxy",
    "venue_sandbox.venues.alpaca",
    "venue_sandbox.venues.longbridge",
    "venue_sandbox.venues.near",
    "venue_sandbox.venues.schwab",
    "venue_sandbox.venues.tqsdk",
    "venue_sandbox.venues.tws",
)
"""What stands in for something that is not ours. Services of ours are started as in production."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first, or tests where they run one by one, so that no long one begins last."""
    seconds: dict[str, float] = json.loads(DURATIONS.read_text(encoding="utf-8"))
    paths = {item: file_of(item) for item in items}
    one_by_one = config.getoption("loadgroup", False)
    for path, count in Counter(paths.values()).items():
        if one_by_one and path not in TOGETHER:
            seconds[path] = seconds.get(path, 0.0) / count
    items.sort(key=lambda item: -seconds.get(paths[item], 0.0))


def file_of(item: pytest.Item) -> str:
    """Return the file of a test, as it is written from here."""
    return item.path.relative_to(ROOT).as_posix()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return how tests are spread with ``--dist loadgroup``, whose marks this version of pytest passes over.

    A worker gets the next test when it is free; all tests of a file in `TOGETHER` go to one worker.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class OneByOne(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file in TOGETHER else nodeid

    return OneByOne(config, log)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Take note of the tests that need servers and are left out."""
    for item in items:
        if item.get_closest_marker("services"):
            item.config.stash.setdefault(LEFT_OUT, Counter())[file_of(item)] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that shows results which tests were left out here."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(session.config.stash.get(LEFT_OUT, Counter()))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear from a worker which tests were left out: from each the same."""
    if hasattr(node, "workeroutput"):
        node.config.stash[LEFT_OUT] = Counter(node.workeroutput["left_out"])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say in the last lines which tests need servers and were left out."""
    left_out, reporter = config.stash.get(LEFT_OUT, None), config.pluginmanager.get_plugin("terminalreporter")
    if left_out and reporter is not None and not hasattr(config, "workeroutput"):
        reporter.write_line("tests that need services (make test-services):")
        for path, count in sorted(left_out.items()):
            reporter.write_line(f"{count:7} {path}")


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test hide words of another one's texts."""
    if find_spec("quant_platform_kit"):
        monkeypatch.setattr("quant_platform_kit.domain.redaction._known", [])


@pytest.fixture(scope="session", autouse=True)
def stand_ins_are_forked() -> Generator[None]:
    """Fork venues and other stand-ins from a process that has loaded them; tests start hundreds of them."""
    if sys.platform != "linux" or find_spec("venue_sandbox") is None:
        yield
        return
    from venue_sandbox.servers.forking import Nursery
    from venue_sandbox.servers.launch import Server

    started_as = Server.spawn
    with Nursery(STAND_INS) as nursery:
        Server.spawn = nursery.spawn
        yield
        Server.spawn = started_as
