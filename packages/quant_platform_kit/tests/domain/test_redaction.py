"""Hidden values: found in every form they take in texts, and nothing else is touched."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape
from quant_platform_kit.domain import redaction
from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.redaction import hide, redact

CANARY = "canary-7f3a-secret!"


@pytest.fixture(autouse=True)
def _nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", [])


def test_nothing_is_hidden_before_it_is_said() -> None:
    assert redact(f"password {CANARY}") == f"password {CANARY}"


def test_a_hidden_value_becomes_three_stars_wherever_it_stands() -> None:
    hide([CANARY])
    assert redact(f"{CANARY} and x{CANARY}y, {CANARY}") == "*** and x***y, ***"
    assert redact("nothing to hide") == "nothing to hide"


@given(st.text(min_size=4, max_size=30).filter(lambda text: len(text.strip()) >= 4 and set(text) - {"*"}))
def test_a_secret_is_found_in_urls_json_pages_and_messages(secret: str) -> None:
    redaction._known.clear()
    hide([secret])
    shown = [
        secret,
        repr(secret),
        json.dumps(secret),
        canonical_json({"text": secret}).decode("utf-8", "surrogatepass"),
        str(escape(secret)),
    ]
    if secret.isprintable():
        shown += [quote(secret, safe=""), quote(secret)]
    for text in shown:
        assert "***" in redact(f"<{text}>"), text


@pytest.mark.parametrize(
    "secret", ["pass word&<b>", 'it\'s "quoted"', "back\\slash/and?query=#", '\xe9t\xe9"\u20ac', "a\nb\tc d"]
)
def test_secrets_with_characters_that_are_written_differently_are_found(secret: str) -> None:
    hide([secret])
    forms = (secret, quote(secret, safe=""), json.dumps(secret), f"{secret!r}", str(escape(secret)))
    for text in (*forms, canonical_json([secret]).decode()):
        assert "***" in redact(text), text
        assert not any(form in redact(text) for form in forms), text


def test_the_longest_hidden_value_goes_first_so_that_no_part_of_it_is_left() -> None:
    hide(["secret", "secret-and-more"])
    assert redact("secret-and-more, secret") == "***, ***"


@pytest.mark.parametrize("short", ["", "a", "abc"])
def test_values_too_short_to_be_secret_are_not_looked_for(short: str) -> None:
    hide([short])
    assert redact("abcabc") == "abcabc"


def test_a_value_that_is_hidden_twice_is_kept_once() -> None:
    hide([CANARY])
    known = list(redaction._known)
    hide([CANARY])
    assert redaction._known == known


def test_errors_of_the_product_are_made_without_secrets() -> None:
    hide([CANARY])
    assert str(BrokerError(f"login with {CANARY} and {quote_plus(CANARY)}")) == "login with *** and ***"
