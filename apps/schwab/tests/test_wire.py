"""What is kept of requests and answers over HTTP."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from quant_platform_kit.domain.redacting import redacted
from schwab_app.wire import WIRE, exchange_of

HASH, NUMBER = "8D41AB77F0", "55667788"


def response(path: str, text: str, query: str = "", method: str = "GET", status: int = 200) -> Any:
    """Return an answer as the library hands it over."""
    url = SimpleNamespace(path=path, query=query.encode())
    headers = {"Date": "Mon, 10 Jun 2024 14:10:00 GMT", "Schwab-Client-CorrelId": NUMBER}
    request = SimpleNamespace(method=method, url=url)
    return SimpleNamespace(request=request, text=text, status_code=status, headers=headers)


def given(told: Any) -> Any:
    """Return what is given away of an answer."""
    exchange = exchange_of(told)
    assert exchange is not None
    return redacted(WIRE, [exchange], {"SPY"})[0][1]


def test_the_names_in_a_path_are_those_in_a_body() -> None:
    path = f"/trader/v1/accounts/{HASH}/orders/{NUMBER}"
    body = f'{{"orderId": {NUMBER}, "status": "FILLED", "accountNumber": 99887766, "owner": "{HASH}"}}'
    assert given(response(path, body)) == {
        "names": ["text-1", "1"],
        "status": 200,
        "at": "2024-06-10T14:10:00+00:00",
        "body": {"orderId": 1, "status": "FILLED", "field-1": "text-1"},
    }


def test_symbols_and_instants_of_a_query_are_kept_and_nothing_else() -> None:
    told = given(response("/marketdata/v1/quotes", "{}", f"symbols=SPY%2CKIM&token={HASH}"))
    assert told["query"] == {"symbols": ["SPY", "text-1"], "field-1": ["text-2"]}
    path = f"/trader/v1/accounts/{HASH}/orders"
    asked = given(response(path, "[]", "fromEnteredTime=2024-06-01T00%3A00%3A00Z&maxResults=5"))["query"]
    assert asked == {"fromEnteredTime": ["2024-06-01T00:00:00Z"], "maxResults": ["5"]}


@pytest.mark.parametrize("text", [f"<html>{HASH} {NUMBER}</html>", '"kim"'])
def test_a_page_instead_of_a_document_is_kept_as_one(text: str) -> None:
    assert given(response("/marketdata/v1/quotes", text, status=503))["body"] == "text-1"


@pytest.mark.parametrize("path", ["/v1/oauth/token", "/trader/v1/userPreference", "/"])
def test_what_is_no_route_is_left_out(path: str) -> None:
    assert exchange_of(response(path, "{}", method="GET")) is None
