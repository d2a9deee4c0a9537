"""schwab-py: the calls that the app does not make, its order templates, and orders with every option."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from http_answers import answered
from schwab_orders import OPTIONS
from verdicts import Wrong, book, finish, given, judge

warnings.simplefilter("ignore")
AUTH, EQUITIES, COMMON = (import_module(f"schwab.{name}") for name in ("auth", "orders.equities", "orders.common"))
FROM, TO = dt.datetime(2023, 6, 1, tzinfo=dt.UTC), dt.datetime(2023, 6, 3, tzinfo=dt.UTC)


def logged_in() -> Any:
    """Return a client that asks the venue, and nobody else."""
    path = Path(tempfile.mkdtemp()) / "token.json"
    path.write_text(json.dumps(given()["login"]))
    client = AUTH.client_from_token_file(str(path), given()["key"], given()["secret"])

    def to_venue(request: Any) -> None:
        if request.url.host not in ("api.schwabapi.com", "127.0.0.1"):
            raise RuntimeError(f"a request for {request.url.host}, which is not Schwab")
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=given()["port"])

    client.session.event_hooks = {"request": [to_venue]}
    return client


def looks(client: Any, account: str) -> None:
    """Ask for what there is to look at."""
    kinds = type(client)
    calls: dict[str, tuple[str, tuple[Any, ...]]] = {
        "get_accounts": ("works", ()),
        "get_account": ("works", (account,)),
        "get_orders_for_all_linked_accounts": ("works", ()),
        "get_quote": ("works", ("SPY",)),
        "get_instruments": ("works", (["SPY"], kinds.Instrument.Projection.SYMBOL_SEARCH)),
        "get_instrument_by_cusip": ("refused", ("000000001",)),
        "get_market_hours": ("works", ([kinds.MarketHours.Market.EQUITY],)),
        "get_movers": ("refused", (kinds.Movers.Index.SPX,)),
        "get_option_chain": ("refused", ("SPY",)),
        "get_option_expiration_chain": ("refused", ("SPY",)),
        "get_price_history_every_day": ("works", ("SPY",)),
        "get_price_history_every_minute": ("refused", ("SPY",)),
        "get_price_history_every_week": ("refused", ("SPY",)),
        "get_transactions": ("refused", (account,)),
        "get_transaction": ("refused", (account, 1)),
        "get_user_preferences": ("refused", ()),
    }
    for name, (must, values) in calls.items():
        judge(name, lambda name=name, values=values: answered(getattr(client, name)(*values)), must=must)
    span = {"from_entered_datetime": FROM, "to_entered_datetime": TO}
    judge("get_orders_for_account", lambda: answered(client.get_orders_for_account(account, **span)), must="works")
    judge("get_quotes indicative", lambda: answered(client.get_quotes(["SPY"], indicative=True)), must="refused")


def orders(client: Any, account: str) -> None:
    """Place orders of the library's templates, and orders with options."""
    templates: dict[str, tuple[str, Any]] = {
        "equity_buy_market": ("works", EQUITIES.equity_buy_market("SPY", 2)),
        "equity_buy_limit": ("works", EQUITIES.equity_buy_limit("SPY", 2, "20.00")),
        "equity_sell_market": ("works", EQUITIES.equity_sell_market("SPY", 1)),
        "equity_sell_short_market": ("refused", EQUITIES.equity_sell_short_market("SPY", 2)),
        "equity_buy_to_cover_market": ("refused", EQUITIES.equity_buy_to_cover_market("SPY", 2)),
        "one_cancels_other": ("refused", COMMON.one_cancels_other(
            EQUITIES.equity_buy_limit("SPY", 2, "20.00"), EQUITIES.equity_buy_limit("SPY", 2, "21.00"))),
        "first_triggers_second": ("refused", COMMON.first_triggers_second(
            EQUITIES.equity_buy_limit("SPY", 2, "20.00"), EQUITIES.equity_sell_limit("SPY", 2, "900.00"))),
    }  # fmt: skip
    for name, (must, order) in templates.items():
        judge(name, lambda order=order, must=must: placed(client, account, order, must), must=must)
    for name, order in OPTIONS.items():
        judge(f"place_order {name}", lambda order=order: placed(client, account, order, "refused"), must="refused")
    judge("preview_order", lambda: answered(client.preview_order(account, OPTIONS["all or none"])), must="refused")


def placed(client: Any, account: str, order: Any, must: str) -> Any:
    """Place an order; one that has to be refused makes none."""
    before = len(book())
    try:
        return answered(client.place_order(account, order))
    finally:
        if must == "refused" and len(book()) != before:
            raise Wrong("the order is there all the same")


if __name__ == "__main__":
    made = logged_in()
    judge("get_account_numbers", lambda: answered(made.get_account_numbers()), must="works")
    first = made.get_account_numbers().json()[0]["hashValue"]
    looks(made, first)
    orders(made, first)
    finish()
