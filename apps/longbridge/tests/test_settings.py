"""Which settings can be meant, where the service connects, and how far runs may go."""

from __future__ import annotations

import json
from typing import Any

import pytest
from longbridge_app import compose
from longbridge_app.addresses import check_account, check_addresses
from longbridge_app.credentials import credentials_of
from longbridge_app.settings import LongBridgeSettings
from pydantic import SecretStr, ValidationError
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode

LOCAL = {
    "LONGBRIDGE_HTTP_URL": "http://127.0.0.1:1",
    "LONGBRIDGE_QUOTE_WS_URL": "ws://127.0.0.1:1/ws/quote",
    "LONGBRIDGE_TRADE_WS_URL": "ws://127.0.0.1:1/ws/trade",
}
NONE = dict.fromkeys(LOCAL, "")
KEYS = {"app_key": "key-1", "app_secret": "secret-1", "access_token": "token-1"}


class Kept:
    """A secret."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, name: str) -> str:
        return self.text

    def add(self, name: str, value: str) -> None:
        raise AssertionError


def settings(**changes: Any) -> LongBridgeSettings:
    known = {"strategy_profile": "dual_momentum", "store_url": "file:///-", "report_store_url": "file:///-"}
    return LongBridgeSettings(**{**known, "account_prefix": "HK", "account_region": "HK", **changes})


def test_the_venue_of_the_sandbox_is_on_this_machine_and_for_its_accounts_only() -> None:
    assert check_addresses(LOCAL) is True
    check_account(True, "DUSBX1")
    assert check_addresses(NONE) is False
    check_account(False, "H123")
    check_account(False, "")


@pytest.mark.parametrize(
    ("urls", "account", "words"),
    [
        ({**LOCAL, "LONGBRIDGE_HTTP_URL": ""}, "DUSBX1", "LONGBRIDGE_HTTP_URL is not set"),
        ({**LOCAL, "LONGBRIDGE_HTTP_URL": "http://example.com:80"}, "DUSBX1", "on this machine only"),
        ({**LOCAL, "LONGBRIDGE_HTTP_URL": "https://127.0.0.1:1"}, "DUSBX1", "on this machine only"),
        ({**LOCAL, "LONGBRIDGE_QUOTE_WS_URL": "ws://u@127.0.0.1:1"}, "DUSBX1", "on this machine only"),
        ({**LOCAL, "LONGBRIDGE_QUOTE_WS_URL": "ws://127.0.0.1:x"}, "DUSBX1", "on this machine only"),
        (LOCAL, "H123", "belong to a venue of the sandbox"),
        (LOCAL, "", "belong to a venue of the sandbox"),
        (NONE, "DUSBX1", "belong to a venue of the sandbox"),
    ],
)
def test_nothing_else_is_taken(urls: dict[str, str], account: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check_account(check_addresses(urls), account)


def test_a_region_is_one_of_two() -> None:
    assert settings(account_prefix="SG", account_region="SG").account_region == "SG"
    with pytest.raises(ValidationError):
        settings(account_prefix="US")


def test_keys_come_from_the_secret_or_from_the_settings() -> None:
    local = {f"longport_{name}": SecretStr(value) for name, value in KEYS.items()}
    given = credentials_of(settings(**local), Kept(""))
    assert (given.app_key, given.app_secret, given.access_token) == tuple(KEYS.values())
    assert credentials_of(settings(longport_secret_name="s"), Kept(json.dumps(KEYS))) == given
    with pytest.raises(InvalidInput, match="set one of them"):
        credentials_of(settings(longport_secret_name="s", **local), Kept(json.dumps(KEYS)))
    with pytest.raises(InvalidInput, match="set LONGPORT_SECRET_NAME"):
        credentials_of(settings(), Kept(""))


@pytest.mark.parametrize("text", ["", "[]", '{"app_key": "k"}'])
def test_a_secret_that_lacks_something_says_so_and_not_what_it_holds(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"secret s (is no JSON|lacks app_secret, access_token)"):
        credentials_of(settings(longport_secret_name="s"), Kept(text))


@pytest.mark.parametrize(
    ("dry_run_only", "live_trading", "url", "account", "mode"),
    [
        (True, True, "", "HK-1", Mode.DRY_RUN),
        (False, False, "", "HK-1", Mode.DRY_RUN),
        (False, True, "", "HK-1", Mode.LIVE),
        (False, False, "http://127.0.0.1:1", "DUSBX1", Mode.PAPER),
        (True, True, "http://127.0.0.1:1", "DUSBX1", Mode.DRY_RUN),
        (False, False, "", "DUSBX1", Mode.DRY_RUN),
    ],
)
def test_live_takes_both_switches(dry_run_only: bool, live_trading: bool, url: str, account: str, mode: Mode) -> None:
    known = LongBridgeSettings.model_construct(
        longbridge_dry_run_only=dry_run_only, live_trading=live_trading, longbridge_http_url=url
    )
    assert known.mode_of(account) is mode


def test_any_number_of_calls_is_for_the_sandbox_only() -> None:
    assert settings().longbridge_trade_calls == 30
    with pytest.raises(InvalidInput, match="LONGBRIDGE_TRADE_CALLS is 0"):
        compose._check(settings(longbridge_trade_calls=0))
    for wrong in (-1, 31):
        with pytest.raises(ValidationError):
            settings(longbridge_trade_calls=wrong)


def test_nothing_is_sent_unless_it_is_said() -> None:
    assert settings().longbridge_dry_run_only is True
