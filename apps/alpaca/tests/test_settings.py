"""What the environment says of keys and addresses."""

from __future__ import annotations

import pytest
from alpaca_app.addresses import addresses_of
from alpaca_app.compose import alpaca_of
from alpaca_app.settings import AlpacaAccess, keys_of
from quant_platform_kit.domain.errors import InvalidInput, QuantError
from quant_platform_kit.runtime.settings import read_part

CANARY = "canary-7a90-never-shown"
NAMES = ("ALPACA_API_KEY", "ALPACA_SECRET_KEY")


class Secrets:
    """Secrets of a dictionary."""

    def read(self, name: str) -> str:
        return {"projects/p/secrets/key": "the-key\n", "projects/p/secrets/secret": CANARY}[name]

    def add(self, name: str, value: str) -> None:
        raise AssertionError(name, value)


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AlpacaAccess.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> AlpacaAccess:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return read_part(AlpacaAccess)


def test_keys_come_from_the_settings_or_from_secrets_and_no_text_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = read(monkeypatch, ALPACA_API_KEY="the-key", ALPACA_SECRET_KEY_SECRET_NAME="projects/p/secrets/secret")
    assert keys_of(plain, Secrets()) == ("the-key", CANARY)
    assert CANARY not in str(QuantError(f"the secret is {CANARY}"))
    assert "the-key" not in repr(plain) + str(QuantError("the-key"))


@pytest.mark.parametrize("given", [(), ("ALPACA_API_KEY",), ("ALPACA_SECRET_KEY",)])
def test_a_key_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]) -> None:
    access = read(monkeypatch, **dict.fromkeys(given, CANARY))
    missing = next(name for name in NAMES if name not in given)
    with pytest.raises(InvalidInput, match=f"^{missing} is not set: set it, or {missing}_SECRET_NAME") as ended:
        alpaca_of(access)
    assert CANARY not in str(ended.value)


def test_a_key_that_is_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    access = read(monkeypatch, ALPACA_API_KEY="a", ALPACA_API_KEY_SECRET_NAME="projects/p/secrets/key")
    with pytest.raises(InvalidInput, match="ALPACA_API_KEY_SECRET_NAME and ALPACA_API_KEY are both set: remove one"):
        keys_of(access, Secrets())


def test_paper_keys_and_live_keys_have_a_calendar_each(monkeypatch: pytest.MonkeyPatch) -> None:
    assert addresses_of(read(monkeypatch)).trading == "https://paper-api.alpaca.markets"
    live = addresses_of(read(monkeypatch, ALPACA_PAPER="false"))
    assert live == ("https://data.alpaca.markets", "https://api.alpaca.markets", False)


@pytest.mark.parametrize(
    "url", ["https://data.alpaca.markets", "http://10.0.0.1:80", "http://127.0.0.1", "http://u@127.0.0.1:1", "x"]
)
def test_an_address_is_one_of_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(InvalidInput, match=r"ALPACA_DATA_URL is .*: it is for a venue of the sandbox on this machine"):
        addresses_of(read(monkeypatch, ALPACA_DATA_URL=url))


def test_a_venue_has_one_address_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    assert addresses_of(read(monkeypatch, ALPACA_DATA_URL="http://127.0.0.1:9/")) == (*["http://127.0.0.1:9"] * 2, True)
    monkeypatch.delenv("ALPACA_DATA_URL")
    access = read(monkeypatch, ALPACA_TRADING_URL="http://127.0.0.1:9")
    with pytest.raises(InvalidInput, match="ALPACA_DATA_URL is ''"):
        addresses_of(access)


def test_a_feed_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="ALPACA_FEED is 'otc'"):
        read(monkeypatch, ALPACA_FEED="otc")
