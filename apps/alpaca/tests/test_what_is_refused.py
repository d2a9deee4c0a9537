"""Settings, keys, accounts and symbols with which nothing is done: each is one line, and no order is sent."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alpaca_app.compose import compose
from alpaca_app.library import load_trading
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.orders import Order, Side
from venue_sandbox.stands.alpaca import AlpacaPriceStand
from venue_sandbox.stands.stand import ACCOUNT

pytestmark = pytest.mark.enable_socket  # the stand of this run only
Begin = Callable[[Order | None], None]

SETTINGS = [
    ({"ALPACA_API_KEY": ""}, "ALPACA_API_KEY is not set: set it, or ALPACA_API_KEY_SECRET_NAME"),
    ({"ALPACA_SECRET_KEY": ""}, "ALPACA_SECRET_KEY is not set: set it, or ALPACA_SECRET_KEY_SECRET_NAME"),
    ({"ALPACA_SECRET_KEY_SECRET_NAME": "projects/p/secrets/s"}, "are both set: remove one of them"),
    ({"ALPACA_FEED": "otc"}, "ALPACA_FEED"),
    ({"ALPACA_PAPER": "perhaps"}, "ALPACA_PAPER"),
    ({"ALPACA_DRY_RUN_ONLY": "perhaps"}, "ALPACA_DRY_RUN_ONLY"),
    ({"ALPACA_TIMEOUT_SECONDS": "0"}, "ALPACA_TIMEOUT_SECONDS"),
    ({"ALPACA_TIMEOUT_SECONDS": "26"}, "ALPACA_TIMEOUT_SECONDS"),
    ({"ALPACA_SETTLE_SECONDS": "-1"}, "ALPACA_SETTLE_SECONDS"),
    ({"ALPACA_DATA_URL": "https://data.alpaca.markets"}, "ALPACA_DATA_URL is 'https://data.alpaca.markets'"),
    ({"ALPACA_DATA_URL": ""}, "ALPACA_DATA_URL is ''"),
    ({"ALPACA_TRADING_URL": "http://10.0.0.1:80"}, "ALPACA_TRADING_URL is 'http://10.0.0.1:80'"),
    ({"ALPACA_ACCOUNT": "DUSBX2"}, "those of account DUSBX000001, not of DUSBX2"),
    ({"ALPACA_SECRET_KEY": "wrong"}, "HTTP 401.: check ALPACA_API_KEY, ALPACA_SECRET_KEY and ALPACA_PAPER"),
    ({"ALPACA_API_KEY": "PK-OF-PAPER", "ALPACA_PAPER": "false"}, "HTTP 401.: check .* and ALPACA_PAPER"),
    ({"STRATEGY_PROFILE": "no_such_profile"}, "no_such_profile"),
]
ACCOUNTS = [
    ({"status": "ONBOARDING"}, "its status is ONBOARDING, not ACTIVE"),
    ({"trading_blocked": True}, "its trading is blocked: ask Alpaca why"),
    ({"account_blocked": True}, "its trading is blocked: ask Alpaca why"),
    ({"trade_suspended_by_user": True}, "you have suspended its trading: lift that"),
    ({"pattern_day_trader": True, "daytrade_count": 3}, "a pattern day trader's, below 25,000 USD"),
]
SYMBOLS = [
    ({"tradable": False}, "QQQ", "1", "is not tradable at Alpaca, or halted"),
    ({"status": "inactive"}, "QQQ", "1", "is inactive at Alpaca"),
    ({"fractionable": False}, "QQQ", "0.5", "trades no parts of it"),
    ({}, "NOSUCHXX", "1", "is not known to Alpaca"),
]


@pytest.fixture
def begin(stand: AlpacaPriceStand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[Begin]:
    """Return what starts the service of the environment, logs in, and sends an order where there is one."""
    load_trading()
    settings = {
        **stand.settings(),
        "STRATEGY_PROFILE": "dual_momentum",
        "CLOUD_RUN_SERVICE": "alpaca-service",
        "STORE_URL": (tmp_path / "store").as_uri(),
        "REPORT_STORE_URL": (tmp_path / "reports").as_uri(),
        "ALPACA_FEED": "iex",
        "ALPACA_DRY_RUN_ONLY": "false",
        "ALPACA_SETTLE_SECONDS": "0",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as opened:

        def run(order: Order | None = None) -> None:
            (account,) = compose().accounts()
            opened.callback(account.close)
            account.broker.connect()
            if order is not None:
                account.broker.submit(order)

        yield run
    stand.arm("account_state", account=ACCOUNT)
    stand.arm("asset_state", symbol="QQQ")


def told(begin: Begin, stand: AlpacaPriceStand, words: str, order: Order | None = None) -> None:
    """See that what is begun is refused in one line, and that nothing was sent."""
    with pytest.raises(QuantError, match=words) as refused:
        begin(order)
    assert "\n" not in str(refused.value)
    assert stand.requests().get("submit", 0) == 0


def test_nothing_is_wrong_with_the_rest(begin: Begin, stand: AlpacaPriceStand) -> None:
    begin(None)
    assert stand.requests().keys() == {"account"}


@pytest.mark.parametrize(("changed", "words"), SETTINGS)
def test_settings_and_keys(
    begin: Begin, stand: AlpacaPriceStand, monkeypatch: pytest.MonkeyPatch, changed: Mapping[str, str], words: str
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    told(begin, stand, words)


@pytest.mark.parametrize(("state", "words"), ACCOUNTS)
def test_states_of_the_account(begin: Begin, stand: AlpacaPriceStand, state: Mapping[str, Any], words: str) -> None:
    stand.arm("account_state", account=ACCOUNT, **state)
    told(begin, stand, words)


@pytest.mark.parametrize(("state", "symbol", "units", "words"), SYMBOLS)
def test_symbols(
    begin: Begin, stand: AlpacaPriceStand, state: Mapping[str, Any], symbol: str, units: str, words: str
) -> None:
    stand.arm("asset_state", symbol="QQQ", **state)
    told(begin, stand, words, Order("q1", symbol, Side.BUY, Decimal(units)))
