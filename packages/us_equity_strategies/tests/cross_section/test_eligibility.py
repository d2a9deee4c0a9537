"""Which rows a rule looks at."""

from __future__ import annotations

from math import inf, nan

import pytest
from quant_platform_kit.domain.features import FeatureTable
from us_equity_strategies.cross_section.eligibility import base_eligible

GOOD = {
    **{"is_stock": 1.0, "member": 1.0, "primary": 1.0, "history": 274.0, "adv20_usd": 20e6},
    **{"mom_6_1": -0.5, "vol_63": 0.2, "beta_252": nan},
}


def is_eligible(**changed: float) -> bool:
    table = FeatureTable.of({"A": {**GOOD, **changed}})
    return bool(base_eligible(table, ("mom_6_1", "vol_63"), "vol_63", 20e6)[0])


def test_a_liquid_primary_line_of_a_member_with_history_is_eligible_and_what_is_not_read_may_be_unknown() -> None:
    assert is_eligible()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("is_stock", 0),
        ("member", 0),
        ("primary", 0),
        ("history", 273),
        ("adv20_usd", 19_999_999.99),
        ("vol_63", 0),
        ("vol_63", -0.1),
        ("mom_6_1", inf),
        *((column, nan) for column in GOOD if column != "beta_252"),
    ],
)
def test_one_that_is_not_or_of_which_something_is_unknown_is_not(column: str, value: float) -> None:
    assert not is_eligible(**{column: value})
