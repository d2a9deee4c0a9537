"""The names of runs and orders: the same on every retry and every machine, different for everything that differs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from quant_platform_kit.domain.identity import Mode, RunKey, client_order_id

KEY = RunKey("PAPER-1", date(2023, 12, 1), "cli", Mode.PAPER)

accounts = st.text("ABCDEFGHIJ0123456789-_.", min_size=1, max_size=12)
slots = st.datetimes().map(lambda at: at.isoformat() + "Z") | st.just("cli")
keys = st.builds(RunKey, accounts, st.dates(), slots, st.sampled_from(Mode))
orders = st.tuples(
    keys,
    st.sampled_from(["SPY", "BRK.B", "700.HK", "SHFE.rb2505"]),
    st.sampled_from(["BUY", "SELL"]),
    st.integers(0, 99),
)


def test_order_ids_are_what_sha256sum_and_base32_make_of_the_key() -> None:
    # printf 'PAPER-1|2023-12-01|cli|paper|SPY|BUY|0' | sha256sum | xxd -r -p | base32 | tr A-Z a-z
    assert client_order_id(KEY, "SPY", "BUY", 0) == "q2yomucp7t7xcsap7wm3pavwytk"


def test_run_ids_are_what_sha256sum_and_base32_make_of_the_key() -> None:
    assert KEY.run_id == "2023-12-01.cli.paper.3zngevmo"
    scheduled = RunKey("DU1", date(2023, 12, 1), "2023-12-01T20:45:00Z", Mode.LIVE)
    assert scheduled.run_id == "2023-12-01.2023-12-01T20-45-00Z.live.soua52ae"


@given(orders)
def test_an_order_id_fits_the_field_of_every_broker(order: tuple[RunKey, str, str, int]) -> None:
    assert re.fullmatch("q[a-z2-7]{26}", client_order_id(*order))


@given(orders)
def test_an_order_id_is_the_same_however_often_it_is_asked_for(order: tuple[RunKey, str, str, int]) -> None:
    key, *rest = order
    assert client_order_id(replace(key), *rest) == client_order_id(*order)


@given(orders, orders)
def test_orders_that_differ_have_different_ids(
    one: tuple[RunKey, str, str, int], other: tuple[RunKey, str, str, int]
) -> None:
    assume(one != other)
    assert client_order_id(*one) != client_order_id(*other)


@pytest.mark.parametrize(
    "change",
    [{"account_id": "PAPER-2"}, {"session": date(2023, 12, 4)}, {"slot": "cli2"}, {"mode": Mode.DRY_RUN}],
    ids=["account", "session", "slot", "mode"],
)
def test_every_part_of_a_key_makes_another_run_with_other_orders(change: dict[str, object]) -> None:
    other = replace(KEY, **change)
    assert other.run_id != KEY.run_id
    assert client_order_id(other, "SPY", "BUY", 0) != client_order_id(KEY, "SPY", "BUY", 0)


def test_symbol_side_and_sequence_make_another_order() -> None:
    ids = {
        client_order_id(KEY, symbol, side, sequence)
        for symbol in ("SPY", "SPYG", "EFA")
        for side in ("BUY", "SELL")
        for sequence in (0, 1, 10, 11)
    }
    assert len(ids) == 24


def test_slots_that_look_alike_in_a_path_are_different_runs() -> None:
    alike = {
        RunKey("DU1", date(2023, 12, 1), slot, Mode.LIVE).run_id for slot in ("20:45", "20-45", "20 45", "-20-45-")
    }
    assert len(alike) == 4
    assert {run_id.rpartition(".")[0] for run_id in alike} == {"2023-12-01.20-45.live"}


@given(keys)
def test_a_run_id_is_fit_for_paths_and_starts_with_its_session(key: RunKey) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]+", key.run_id)
    assert key.run_id.startswith(f"{key.session.isoformat()}.")


def test_only_live_and_paper_runs_reach_a_broker() -> None:
    assert {mode for mode in Mode if mode.submits} == {Mode.LIVE, Mode.PAPER}
