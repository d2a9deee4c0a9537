"""schwabdev: every call of its client, and orders with every option."""

from __future__ import annotations

import datetime as dt
import sqlite3
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from http_answers import answered
from schwab_orders import OPTIONS, plain
from verdicts import Wrong, book, finish, given, judge

SDK, REQUESTS = import_module("schwabdev"), import_module("requests")
SCHWAB = "api.schwabapi.com"
FROM, TO = dt.datetime(2023, 6, 1, tzinfo=dt.UTC), dt.datetime(2023, 6, 3, tzinfo=dt.UTC)
COLUMNS = "access_token_issued refresh_token_issued access_token refresh_token id_token expires_in token_type scope"


def redirect() -> None:
    """Send all that the client asks of Schwab to the venue, and let it ask nobody else."""
    send = REQUESTS.Session.send

    def to_venue(session: Any, request: Any, **options: Any) -> Any:
        if urlsplit(request.url).hostname != SCHWAB:
            raise RuntimeError(f"a request for {request.url}, which is not Schwab")
        request.url = request.url.replace(f"https://{SCHWAB}", f"http://127.0.0.1:{given()['port']}")
        return send(session, request, **options)

    REQUESTS.Session.send = to_venue


def logged_in() -> Any:
    """Return a client whose data base of tokens has a login of the venue."""
    path = Path(tempfile.mkdtemp()) / "tokens.db"
    now = dt.datetime.now(dt.UTC).isoformat()
    token = given()["login"]["token"]
    values = (now, now, token["access_token"], token["refresh_token"], "id", 1800, "Bearer", "api")
    with sqlite3.connect(path) as data:
        data.execute(f"CREATE TABLE schwabdev ({COLUMNS.replace(' ', ', ')})")
        data.execute(f"INSERT INTO schwabdev VALUES ({', '.join('?' * len(values))})", values)
    keys = given()["key"], given()["secret"]
    return SDK.Client(*keys, tokens_db=str(path), open_browser_for_auth=False)


def looks(client: Any, account: str) -> None:
    """Ask for what there is to look at."""
    calls: dict[str, tuple[str, tuple[Any, ...]]] = {
        "account_details_all": ("works", ()),
        "account_details": ("works", (account, "positions")),
        "account_orders": ("works", (account, FROM, TO)),
        "account_orders_all": ("works", (FROM, TO)),
        "transactions": ("refused", (account, FROM, TO, "TRADE")),
        "transaction_details": ("refused", (account, 1)),
        "preferences": ("refused", ()),
        "quotes": ("works", (["SPY", "TLT"],)),
        "quote": ("works", ("SPY",)),
        "option_chains": ("refused", ("SPY",)),
        "option_expiration_chain": ("refused", ("SPY",)),
        "price_history": ("works", ("SPY", "year", 1, "daily", 1)),
        "movers": ("refused", ("$SPX",)),
        "market_hours": ("works", (["equity"],)),
        "market_hour": ("works", ("equity",)),
        "instruments": ("works", ("SPY", "symbol-search")),
        "instrument_cusip": ("refused", ("000000001",)),
    }
    for name, (must, values) in calls.items():
        judge(name, lambda name=name, values=values: answered(getattr(client, name)(*values)), must=must)
    judge("quotes indicative", lambda: answered(client.quotes(["SPY"], indicative=True)), must="refused")
    judge(
        "price_history by minutes", lambda: answered(client.price_history("SPY", "day", 1, "minute", 5)), must="refused"
    )
    judge("market_hours option", lambda: answered(client.market_hours(["option"])), must="refused")
    judge("account_details unknown", lambda: answered(client.account_details("0" * 64)), must="refused")
    judge("order_details unknown", lambda: answered(client.order_details(account, 1)), must="refused")
    judge(
        "update_tokens", lambda: client.update_tokens(force_access_token=True) or wrong("not refreshed"), must="works"
    )


def orders(client: Any, account: str) -> None:
    """Place, look at, replace and cancel orders; those with options are refused and make none."""
    judge("place_order market", lambda: answered(client.place_order(account, plain())), must="works")
    limit = {**plain(orderType="LIMIT", price="20.00")}
    judge("place_order limit", lambda: answered(client.place_order(account, limit)), must="works")
    resting = int(client.place_order(account, limit).headers["Location"].rpartition("/")[2])
    judge("order_details", lambda: answered(client.order_details(account, resting)), must="works")
    judge(
        "replace_order",
        lambda: answered(client.replace_order(account, resting, {**limit, "price": "21.00"})),
        must="works",
    )
    replaced = client.place_order(account, limit).headers["Location"].rpartition("/")[2]
    judge("cancel_order", lambda: answered(client.cancel_order(account, replaced)), must="works")
    judge("cancel_order again", lambda: answered(client.cancel_order(account, replaced)), must="refused")
    judge("preview_order", lambda: answered(client.preview_order(account, plain())), must="refused")
    for name, order in OPTIONS.items():
        judge(f"place_order {name}", lambda order=order: refused_whole(client, account, order), must="refused")


def refused_whole(client: Any, account: str, order: dict[str, Any]) -> Any:
    """Place an order that has to be refused, and see that none is there."""
    before = len(book())
    try:
        return answered(client.place_order(account, order))
    finally:
        if len(book()) != before:
            raise Wrong("the order is there all the same")


def wrong(why: str) -> None:
    """Say that an answer is wrong."""
    raise Wrong(why)


if __name__ == "__main__":
    redirect()
    made = logged_in()
    judge("linked_accounts", lambda: answered(made.linked_accounts()), must="works")
    first = made.linked_accounts().json()[0]["hashValue"]
    looks(made, first)
    orders(made, first)
    finish()
