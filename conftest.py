"""What tests share: suites whose assertions say what failed, and venues that are forked."""

import sys
from collections.abc import Generator

import pytest
from venue_sandbox.servers.forking import Nursery
from venue_sandbox.servers.launch import Server

pytest.register_assert_rewrite(
    "quant_platform_kit.testing.broker_contract",
    "quant_platform_kit.testing.market_contract",
    "quant_platform_kit.testing.store_contract",
)

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
