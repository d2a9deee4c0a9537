"""Where requests may go, and how far runs may."""

from __future__ import annotations

from typing import Any

import pytest
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, Refused
from quant_platform_kit.domain.identity import Mode
from schwab_app.redirect import check_accounts, request_hook, sandbox_of
from schwab_app.sdk import load_httpx
from schwab_app.settings import SchwabSettings


def request(url: str) -> Any:
    return load_httpx().Request("GET", url)


def test_without_a_setting_requests_go_to_schwab_as_they_are() -> None:
    assert sandbox_of("") is None
    asked = request("https://api.schwabapi.com/trader/v1/accounts")
    request_hook(None)(asked)
    assert str(asked.url) == "https://api.schwabapi.com/trader/v1/accounts"


def test_a_venue_of_the_sandbox_gets_what_is_meant_for_schwab() -> None:
    asked = request("https://api.schwabapi.com/v1/oauth/token?x=1")
    request_hook(sandbox_of("http://127.0.0.1:8500"))(asked)
    assert (str(asked.url), asked.headers["Host"]) == ("http://127.0.0.1:8500/v1/oauth/token?x=1", "127.0.0.1:8500")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "http://api.schwabapi.com/",
        "https://api.schwabapi.com.example.com/",
        "https://api.schwabapi.com:8443/",
        "http://127.0.0.1:9/",
    ],
)
@pytest.mark.parametrize("sandbox", [None, ("127.0.0.1", 8500)])
def test_every_other_host_is_stopped(url: str, sandbox: tuple[str, int] | None) -> None:
    asked = request(url)
    with pytest.raises(BrokerError, match="was stopped"):
        request_hook(sandbox)(asked)
    assert str(asked.url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:8500",
        "http://api.schwabapi.com",
        "http://example.com:80",
        "http://127.0.0.1",
        "http://127.0.0.1:x",
        "http://u@127.0.0.1:8500",
        "http://127.0.0.1:8500/path",
        "ftp://",
    ],
)
def test_no_other_address_is_taken(url: str) -> None:
    with pytest.raises(InvalidInput, match="venue of the sandbox only"):
        sandbox_of(url)


def test_accounts_are_where_they_belong() -> None:
    venue = ("127.0.0.1", 8500)
    check_accounts(venue, ["DUSBX1"])
    check_accounts(None, ["12345678"])
    with pytest.raises(Refused, match="check SCHWAB_API_URL"):
        check_accounts(venue, ["DUSBX1", "12345678"])
    with pytest.raises(Refused, match="check SCHWAB_API_URL"):
        check_accounts(None, ["DUSBX1"])


@pytest.mark.parametrize(
    ("dry_run_only", "live_trading", "url", "account", "mode"),
    [
        (True, True, "", "1", Mode.DRY_RUN),
        (False, False, "", "1", Mode.DRY_RUN),
        (False, True, "", "1", Mode.LIVE),
        (True, True, "http://127.0.0.1:1", "DUSBX1", Mode.DRY_RUN),
        (False, False, "http://127.0.0.1:1", "DUSBX1", Mode.PAPER),
        (False, True, "http://127.0.0.1:1", "DUSBX1", Mode.PAPER),
        (False, False, "", "DUSBX1", Mode.DRY_RUN),
    ],
)
def test_live_takes_both_switches(dry_run_only: bool, live_trading: bool, url: str, account: str, mode: Mode) -> None:
    settings = SchwabSettings.model_construct(
        schwab_dry_run_only=dry_run_only, live_trading=live_trading, schwab_api_url=url
    )
    assert settings.mode_of(account) is mode


def test_nothing_is_sent_unless_it_is_said() -> None:
    assert SchwabSettings.model_fields["schwab_dry_run_only"].default is True
