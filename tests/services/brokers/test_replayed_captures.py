"""What is in a capture is said to the client library again: the checklist and the reading part of the contract hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.captures import Capture, Manifest, read_capture, write_capture
from quant_platform_kit.cli.captures import asked_again, looked_at, served
from quant_platform_kit.cli.main import app
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.services.operate.contact.reading import read
from quant_platform_kit.services.operate.contact.result import State
from quant_platform_kit.testing.reading_contract import check_reading
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from chaos.recorded_documents import folder_of, recorded_documents

CAPTURES = Path(__file__).parents[2] / "captures"
SERVED = ("ibkr", "longbridge", "schwab")
FOLDERS = [path.parent for path in sorted(CAPTURES.glob("*/*/manifest.json")) if path.parts[-3] in SERVED]


@pytest.fixture(params=[pytest.param(each, id="/".join(each.parts[-2:])) for each in FOLDERS])
def capture(request: pytest.FixtureRequest) -> Capture:
    """Return a capture."""
    return read_capture(request.param)


def test_the_library_reads_a_capture_the_checklist_is_made_and_the_reading_contract_holds(capture: Capture) -> None:
    asked = asked_again(capture)
    with served(capture) as met:
        reading = read(met, asked, met.clock.now())
        assert met.source is not None
        found = check_reading(met.broker, lambda: met.broker, met.source.market, met.clock, asked.symbols[0])
    assert (reading.failed, found) == ({}, {})
    assert reading.told.account is not None
    assert sorted(reading.told.quotes or ()) == [*asked.symbols]
    assert reading.documents is not None
    assert {each.text for each in reading.documents.differences} <= {*capture.manifest.differences}


def first(broker: str) -> Capture:
    """Return the capture of a broker that was made at our venue."""
    return read_capture(CAPTURES / broker / "at-the-venue")


def lines(capture: Capture) -> Mapping[str, State]:
    """Return the states of the checklist of a capture."""
    return {line.subject: line.state for line in looked_at(capture).lines}


def test_what_is_changed_in_the_wire_is_in_the_checklist(tmp_path: Path) -> None:
    capture = first("schwab")

    def changed(subject: str, exchange: Any) -> Any:
        if subject != "GET /trader/v1/accounts/{}":
            return exchange
        account = exchange["body"]["securitiesAccount"]
        return {**exchange, "body": {"securitiesAccount": {**account, "isClosingOnlyRestricted": True, "type": "NEW"}}}

    told = [(subject, changed(subject, exchange)) for subject, exchange in capture.exchanges]
    other = replace(capture, exchanges=told)
    before, after = lines(capture), lines(other)
    assert {name: state for name, state in after.items() if before.get(name) is not state} == {
        "account type": State.NOT_TOLD,
        "permissions": State.BLOCKS,
        "documents": State.BLOCKS,
    }
    write_capture(tmp_path / "other", other)
    assert CliRunner().invoke(app, ["contact", "replay", str(tmp_path / "other")]).exit_code == 1


@pytest.mark.parametrize(
    ("broker", "exchanges"),
    [
        ("schwab", []),
        ("schwab", [("GET /trader/v1/accounts/accountNumbers", {"body": "<html>maintenance</html>"})]),
        ("schwab", [("GET /trader/v1/accounts/accountNumbers", None)]),
        ("ibkr", [("gateway hello", ["176", ""])]),
        ("ibkr", [("gateway 15", 7)]),
    ],
)
def test_a_capture_that_cannot_be_served_says_so(broker: str, exchanges: Any) -> None:
    with pytest.raises(InvalidInput, match=r"only its documents can be read|cannot be served|accounts") as error:
        looked_at(replace(first(broker), exchanges=exchanges))
    assert "\n" not in str(error.value)


def test_what_a_capture_lacks_is_a_line_and_the_rest_is_read() -> None:
    capture = first("schwab")
    told = [(subject, each) for subject, each in capture.exchanges if "quotes" not in subject]
    found = lines(replace(capture, exchanges=told))
    assert (found["quotes"], found["cash"]) == (State.BLOCKS, State.GOOD)


def written(document: Any) -> Any:
    """Return a document as it is in a capture."""
    return json.loads(json.dumps(document, default=str), parse_float=Decimal)


@pytest.mark.skipif(folder_of() is None, reason="the reference data is not here: set TEST_DATA_DIR")
@pytest.mark.parametrize("broker", SERVED)
def test_a_capture_of_recorded_documents_alone_does_not_break_its_stand(broker: str) -> None:
    recorded = [(subject, written(document)) for subject, document in recorded_documents()[broker]]
    about = Manifest(broker, {"longbridge": "longport"}.get(broker, "any"), "0", date(2023, 6, 2))
    if broker != "longbridge":
        with pytest.raises(InvalidInput, match="only its documents can be read"):
            looked_at(Capture(about, recorded))
        return
    found = lines(Capture(about, recorded))
    assert (found["login"], found["currency"]) == (State.GOOD, State.CAUTION)


def test_the_command_shows_the_checklist() -> None:
    found = CliRunner().invoke(app, ["contact", "replay", str(CAPTURES / "schwab" / "at-the-venue"), "--json"])
    assert found.exit_code == 0
    assert '"subject":"cash"' in found.stdout
