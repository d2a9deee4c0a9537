"""What is recorded of a run's inputs comes back as it was, is kept once, and shows every change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.cycle import ExecutionPolicy, Observation
from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.domain.portfolio import AccountState, Quote
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import BoundStrategy, TargetMode
from quant_platform_kit.services.record.recorded_inputs import InputStore

pytestmark = pytest.mark.usefixtures("no_power_cuts")

NAN = float("nan")
MON, WED = date(2023, 11, 27), date(2023, 11, 29)
CLOSE = {"AAA": [100.1, NAN, 104.3], "BBB": [5e-324, 1 / 3, 1.7976931348623157e308]}
AT = datetime(2023, 11, 30, 20, 0, 1, 234567, tzinfo=UTC)
POLICY = ExecutionPolicy(TargetMode.VALUE, currency="USD", allocation_fraction=Decimal("0.95"))
ACCOUNT = AccountState("ACC", {"USD": Decimal("100000.123456789"), "EUR": Decimal(-5)}, {"AAA": Decimal("10.5")})

Spoil = Callable[[bytes], bytes]


@pytest.fixture
def strategy(scripted: Callable[..., BoundStrategy]) -> BoundStrategy:
    return scripted(lambda manifest, ctx: manifest.hold(ctx, "-"))


@pytest.fixture
def seen(market: Callable[..., PriceTable], calendar: ExchangeCalendar) -> Observation:
    """Return an observation with gaps in its prices, numbers that have no short form, and an inherited holding."""
    quotes = {"AAA": Quote("AAA", Decimal("104.123456789"), AT)}
    session, history = calendar.session(WED), PriceHistory(market(MON, CLOSE))
    return Observation(session, history, ACCOUNT, quotes, AT, frozenset({"OLD"}))


@pytest.fixture
def inputs(tmp_path: Path) -> InputStore:
    return InputStore(FileStore(tmp_path))


def objects(folder: Path) -> list[Path]:
    """Return the files of the recorded objects, the document first: it names the history."""
    return sorted((folder / "inputs").iterdir(), key=lambda path: path.stat().st_size)


def assert_same(read: Observation, seen: Observation) -> None:
    """Compare two observations, closes by their bits."""
    assert replace(read, history=seen.history) == seen
    assert read.history.close.tobytes() == seen.history.close.tobytes()
    assert read.history.dates.tolist() == seen.history.dates.tolist()
    assert read.history.symbols == seen.history.symbols


def test_recorded_inputs_come_back_as_they_were(strategy: BoundStrategy, seen: Observation, inputs: InputStore) -> None:
    recorded, read = inputs.read(inputs.record(strategy, seen, POLICY))
    assert_same(read, seen)
    assert np.isnan(read.history.close[1, 0])
    assert (recorded.profile, recorded.config) == ("scripted", {})
    assert recorded.policy == POLICY


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    closes=st.lists(st.floats(min_value=0, exclude_min=True, allow_infinity=False) | st.just(NAN), max_size=20),
    cash=st.decimals(-(10**12), 10**12, places=15),
)
def test_any_prices_and_any_cash_come_back_bit_by_bit(
    strategy: BoundStrategy, seen: Observation, inputs: InputStore, closes: list[float], cash: Decimal
) -> None:
    days = np.datetime64("2023-01-02", "D") + np.arange(len(closes))
    table = PriceTable(days, ("AAA",), {"close": np.array(closes, dtype=np.float64).reshape(-1, 1)})
    account = replace(ACCOUNT, cash_by_currency={"USD": cash})
    seen = replace(seen, history=PriceHistory(table), account=account)
    _, read = inputs.read(inputs.record(strategy, seen, POLICY))
    assert_same(read, seen)


def test_only_the_sessions_that_were_seen_are_recorded(
    strategy: BoundStrategy, seen: Observation, inputs: InputStore
) -> None:
    first = replace(seen, history=seen.history.first(2))
    _, read = inputs.read(inputs.record(strategy, first, POLICY))
    assert_same(read, first)
    assert len(read.history) == 2


def test_equal_inputs_are_kept_once(
    strategy: BoundStrategy, seen: Observation, inputs: InputStore, tmp_path: Path
) -> None:
    digest = inputs.record(strategy, seen, POLICY)
    before = {path.name: path.stat().st_mtime_ns for path in objects(tmp_path)}
    assert inputs.record(strategy, replace(seen, history=seen.history.newest(3)), POLICY) == digest
    assert {path.name: path.stat().st_mtime_ns for path in objects(tmp_path)} == before
    assert len(before) == 2


def test_another_account_shares_the_history(
    strategy: BoundStrategy, seen: Observation, inputs: InputStore, tmp_path: Path
) -> None:
    one = inputs.record(strategy, seen, POLICY)
    other = inputs.record(strategy, replace(seen, account=replace(ACCOUNT, account_id="OTHER")), POLICY)
    assert inputs.read(one)[0].history == inputs.read(other)[0].history
    assert len(objects(tmp_path)) == 3


# --- every change is found ------------------------------------------------------------------------


def flip(position: float) -> Spoil:
    """Return a function that inverts one byte: 0 is the first, 1 the last."""

    def spoil(data: bytes) -> bytes:
        at = round(position * (len(data) - 1))
        return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]

    return spoil


CHANGES: dict[str, Spoil] = {
    "first byte": flip(0),
    "byte at a quarter": flip(0.25),
    "middle byte": flip(0.5),
    "byte at three quarters": flip(0.75),
    "last byte": flip(1),
    "cut by one byte": lambda data: data[:-1],
    "cut in half": lambda data: data[: len(data) // 2],
    "one byte more": lambda data: data + b"\0",
    "emptied": lambda data: b"",
}


def spoil_object(path: Path, spoil: Spoil) -> None:
    """Change what an object of a file store holds; its generation stays."""
    head, _, data = path.read_bytes().partition(b"\n")
    path.write_bytes(head + b"\n" + spoil(data))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("which", ["document", "history"])
def test_a_changed_object_is_named(
    strategy: BoundStrategy, seen: Observation, inputs: InputStore, tmp_path: Path, which: str, change: Spoil
) -> None:
    digest = inputs.record(strategy, seen, POLICY)
    name = digest if which == "document" else inputs.read(digest)[0].history
    spoil_object(tmp_path / "inputs" / name, change)
    with pytest.raises(StoreError, match=f"^inputs/{name} was changed after it was recorded"):
        inputs.read(digest)


@pytest.mark.parametrize("which", [0, 1])
def test_no_single_byte_can_be_flipped_unseen(
    strategy: BoundStrategy, seen: Observation, inputs: InputStore, tmp_path: Path, which: int
) -> None:
    digest = inputs.record(strategy, seen, POLICY)
    path = objects(tmp_path)[which]
    head, _, data = path.read_bytes().partition(b"\n")
    for at in range(len(data)):
        path.write_bytes(head + b"\n" + data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        with pytest.raises(StoreError, match=path.name):
            inputs.read(digest)


@pytest.mark.parametrize("which", ["document", "history"])
def test_a_missing_object_is_named(
    strategy: BoundStrategy, seen: Observation, inputs: InputStore, tmp_path: Path, which: str
) -> None:
    digest = inputs.record(strategy, seen, POLICY)
    name = digest if which == "document" else inputs.read(digest)[0].history
    (tmp_path / "inputs" / name).unlink()
    with pytest.raises(StoreError, match=f"^inputs/{name} is not in the report store; restore it from a backup$"):
        inputs.read(digest)


def test_an_object_in_the_place_of_another_is_named(
    strategy: BoundStrategy, seen: Observation, inputs: InputStore, tmp_path: Path
) -> None:
    other: Any = replace(seen, account=replace(ACCOUNT, account_id="OTHER"))
    digest, wrong = inputs.record(strategy, seen, POLICY), inputs.record(strategy, other, POLICY)
    (tmp_path / "inputs" / digest).write_bytes((tmp_path / "inputs" / wrong).read_bytes())
    with pytest.raises(StoreError, match=f"^inputs/{digest} was changed"):
        inputs.read(digest)
