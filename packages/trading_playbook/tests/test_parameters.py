"""The numbers of DP20, and of its costs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from trading_playbook.costs import Costs
from trading_playbook.dp20.parameters import BAR_MINUTES, Dp20Parameters


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"bar_minutes": 7}, "bar_minutes is 7"),
        ({"bar_minutes": 0}, "bar_minutes"),
        ({"bar_minutes": 2.5}, "bar_minutes"),
        ({"stop_atr": float("nan")}, "stop_atr"),
        ({"stop_atr": 0.0}, "stop_atr"),
        ({"strength": 1.0}, "strength"),
        ({"ema_bars": True}, "ema_bars"),
        ({"window_closes": 30}, "window_closes is 30"),
        ({"stops": 1}, "stops"),
    ],
)
def test_a_number_out_of_bounds_is_refused_by_name(values: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Dp20Parameters.model_validate(values)


def test_numbers_are_frozen_and_lengths_divide_half_an_hour() -> None:
    with pytest.raises(ValidationError):
        Dp20Parameters().bar_minutes = 5
    assert BAR_MINUTES == (1, 2, 3, 5, 6, 10, 15, 30)


def test_costs_are_no_less_than_nothing() -> None:
    with pytest.raises(ValidationError, match="slippage_bps"):
        Costs(slippage_bps=-1)
