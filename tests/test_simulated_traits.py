"""The simulation plays brokers as the apps declare them."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from alpaca_app.broker import traits_of as alpaca_traits
from alpaca_app.settings import AlpacaSettings
from ibkr_app.broker import IbkrBroker
from ibkr_app.settings import IbkrSettings
from longbridge_app.broker import traits_of
from longbridge_app.settings import LongBridgeSettings
from paper_app.settings import PaperSettings
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.testing.simulation.trait_sets import TRAIT_SETS
from schwab_app.broker import Delays, SchwabBroker
from schwab_app.settings import SchwabSettings


def default(settings: Any, name: str) -> float:
    return settings.model_fields[name].default


def seconds(settings: Any, name: str) -> timedelta:
    return timedelta(seconds=default(settings, name))


def paper() -> BrokerTraits:
    window = seconds(PaperSettings, "paper_settle_seconds")
    return BrokerTraits(visibility_window=window, timeout=seconds(PaperSettings, "paper_timeout_seconds"))


def ibkr() -> BrokerTraits:
    connection: Any = SimpleNamespace(address=SimpleNamespace(timeout=default(IbkrSettings, "ibkr_timeout_seconds")))
    nothing: Any = None
    return IbkrBroker(connection, nothing, "DUSBX1", nothing, seconds(IbkrSettings, "ibkr_settle_seconds")).traits


def schwab() -> BrokerTraits:
    connection: Any = SimpleNamespace(timeout=default(SchwabSettings, "schwab_timeout_seconds"))
    nothing: Any = None
    delays = Delays(seconds(SchwabSettings, "schwab_settle_seconds"))
    return SchwabBroker(connection, "DUSBX1", nothing, nothing, nothing, delays).traits


def alpaca() -> BrokerTraits:
    window = seconds(AlpacaSettings, "alpaca_settle_seconds")
    return alpaca_traits(window, default(AlpacaSettings, "alpaca_timeout_seconds"))


def of_library(library: str) -> BrokerTraits:
    window = seconds(LongBridgeSettings, "longbridge_settle_seconds")
    return traits_of(library, window, default(LongBridgeSettings, "longbridge_timeout_seconds"))


DECLARED = {
    "paper": paper,
    "ibkr": ibkr,
    "schwab": schwab,
    "alpaca": alpaca,
    "longbridge": lambda: of_library("longbridge"),
    "longport": lambda: of_library("longport"),
}


@pytest.mark.parametrize("name", TRAIT_SETS)
def test_a_trait_set_is_what_its_app_declares(name: str) -> None:
    assert TRAIT_SETS[name].traits == DECLARED[name]()
