"""An order test at each venue, and one that is killed with an order on its way; `chaos.order_test` makes many more."""

from __future__ import annotations

import pytest

from chaos.order_test import campaign

NAMES = ("runs", "killed", "whole", "sent_by_recovery", "working", "filled", "unrecovered")


@pytest.mark.parametrize("broker", ["ibkr", "longbridge", "schwab"])
def test_nothing_is_left_working_and_nothing_is_sent_again(broker: str) -> None:
    counted = campaign(broker, runs=2, seed=3)
    assert [counted[name] for name in NAMES] == [2, 1, 1, 0, 0, 0, 0]
