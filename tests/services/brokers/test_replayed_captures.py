"""What is in a capture is said to the client library again: the checklist and the reading part of the contract hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from quant_platform_kit.adapters.captures import Capture, read_capture
from quant_platform_kit.cli.captures import asked_again, served
from quant_platform_kit.testing.reading_contract import check_reading

CAPTURES = Path(__file__).parents[2] / "captures"
SERVED = ("ibkr", "longbridge", "schwab")
FOLDERS = [path.parent for path in sorted(CAPTURES.glob("*/*/manifest.json")) if path.parts[-3] in SERVED]


@pytest.fixture(params=[pytest.param(each, id="/".join(each.parts[-2:])) for each in FOLDERS])
def capture(request: pytest.FixtureRequest) -> Capture:
    """Return a capture."""
    return read_capture(request.param)


def test_the_client_library_reads_a_capture_and_the_reading_part_of_the_contract_holds(capture: Capture) -> None:
    with served(capture) as met:
        symbol = asked_again(capture).symbols[0]
        assert met.source is not None
        met.broker.connect()
        assert check_reading(met.broker, lambda: met.broker, met.source.market, met.clock, symbol) == {}
