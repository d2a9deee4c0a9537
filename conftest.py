"""Suites that tests subclass: their assertions are to say what failed."""

import pytest

pytest.register_assert_rewrite(
    "quant_platform_kit.testing.broker_contract",
    "quant_platform_kit.testing.market_contract",
    "quant_platform_kit.testing.store_contract",
)
