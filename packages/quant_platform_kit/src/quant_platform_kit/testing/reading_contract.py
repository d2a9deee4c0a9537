"""The part of the broker contract that only reads: it holds for whatever answers, also for a capture.

Numbers and titles are explained in `quant_platform_kit.testing.broker_contract`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from types import SimpleNamespace
from typing import Any

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.testing.broker_contract import BrokerContract, assert_adds_up
from quant_platform_kit.testing.contract_case import case_of

__all__ = ["ALWAYS", "IN_SESSION", "check_reading"]

ALWAYS = ("B1", "B25", "B27", "B29", "B52")
"""Of B52 that part which is about the account as it stands."""
IN_SESSION = ("B26", "B30")
"""What holds while the exchange is open: prices are fresh then."""


def check_reading(
    broker: Broker, reopen: Callable[[], Broker], market: MarketData, clock: Clock, symbol: str
) -> Mapping[str, str]:
    """Return the cases that do not hold, each with what was found instead; nothing is sent.

    Parameters
    ----------
    reopen
        Returns one more client of the account.
    symbol
        One that is quoted.
    """
    is_open = load_calendar("XNYS").is_open(clock.now())
    known: dict[str, Any] = {
        "broker": broker,
        "reopen": reopen,
        "market": market,
        "venue": SimpleNamespace(now=clock.now),
    }
    known |= {"symbol": symbol, "price": None}
    found: dict[str, str] = {}
    for number in (*ALWAYS, *(IN_SESSION if is_open else ())):
        try:
            if number == "B26":
                known["price"] = market.quotes([symbol])[symbol].price
            _check(number, known)
        except Exception as error:  # noqa: BLE001 - an assertion, or whatever an answer that was never seen breaks
            found[number] = f"{type(error).__name__}: {error}".splitlines()[0]
    return found


def _check(number: str, known: Mapping[str, Any]) -> None:
    if number == "B52":
        return assert_adds_up(known["broker"].account())
    tests = (getattr(BrokerContract, name) for name in dir(BrokerContract))
    test = next(each for each in tests if (one := case_of(each)) and one.number == number)
    return test(BrokerContract(), **{name: known[name] for name in signature(test).parameters if name != "self"})
