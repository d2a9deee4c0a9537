"""Brokers' documents with a field dropped, null, of a wrong type, unknown, huge or negative, and what is made of them.

``python -m chaos.fuzz_documents --cases 10000 --seed 1`` reads every shape so often, and prints one JSON line. The
shapes are those written here and, where ``TEST_DATA_DIR`` is, those recorded there and beside it. What comes out is an
error of the kit's own tree or a state: nothing filled above what was ordered, every amount finite or absent.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ibkr_app.tracking import Tracker
from loguru import logger
from longbridge_app import mapping as longbridge
from longbridge_app.rows import Balance, Cash, FillRow, Holding, OrderRow
from quant_platform_kit.adapters import ibkr_inputs, longbridge_inputs
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.orders import ExecutionReport, Order, Side, refuse_contradiction
from quant_platform_kit.domain.portfolio import AccountState, Quote
from schwab_app import mapping as schwab

__all__ = ["Shape", "fuzz", "shapes", "wrong_with"]

ACCOUNT = "DUSBX1"
AT = datetime(2024, 6, 10, 14, tzinfo=UTC)
LATE = 1e12
HUGE = (1e300, 10**400, "1e999999", "9" * 400, Decimal("Infinity"), Decimal("NaN"), float("inf"), float("nan"), 1e16)
WRONG = (
    "x",
    "",
    [],
    {},
    [None],
    [[]],
    {"a": None},
    True,
    False,
    7,
    1.5,
    "SOMETHING_NEW",
    "\x00",
    -1,
    0,
    Decimal("-7.5"),
)


@dataclass(frozen=True)
class Shape:
    """A document and how it is read."""

    name: str
    document: Any
    read: Callable[[Any], object]
    leaves_only: bool = False


@dataclass
class Outcome:
    """What became of the cases of one shape."""

    states: int = 0
    errors: int = 0
    wrong: list[str] = field(default_factory=list[str])


def fuzz(shape: Shape, cases: int, seed: int) -> Outcome:
    """Read a shape changed in so many ways: each field in each way first, then several fields by chance."""
    rng, outcome = random.Random(f"{seed}-{shape.name}"), Outcome()
    logger.disable("quant_platform_kit")
    try:
        for number, changed in enumerate(_changed(shape, rng)):
            if number >= cases:
                break
            _judge(shape, changed, outcome)
    finally:
        logger.enable("quant_platform_kit")
    return outcome


def _judge(shape: Shape, changed: Any, outcome: Outcome) -> None:
    try:
        found = shape.read(changed)
    except QuantError:
        outcome.errors += 1
        return
    except Exception as error:  # noqa: BLE001 - it is what is looked for
        outcome.wrong.append(f"{shape.name}: {type(error).__name__}: {error}; {changed!r:.600}")
        return
    outcome.states += 1
    if said := wrong_with(found):
        outcome.wrong.append(f"{shape.name}: {said}; {changed!r:.600}")


def wrong_with(found: object) -> str | None:
    """Return what of a state cannot be, None if all can."""
    if isinstance(found, ExecutionReport):
        if found.filled_quantity > found.order.quantity:
            return f"{found.filled_quantity} filled of {found.order.quantity}"
        amounts = [amount for fill in found.fills for amount in (fill.quantity, fill.price, fill.commission)]
        if any(fill.quantity <= 0 or fill.price < 0 for fill in found.fills):
            return "a fill of nothing, or below zero"
    elif isinstance(found, AccountState):
        told = found.balance
        figures = (
            (told.cash, told.positions, told.total, *told.spendable.values(), *told.unsettled.values()) if told else ()
        )
        amounts = [
            *found.cash_by_currency.values(),
            *found.quantities.values(),
            *(figure for figure in (*figures, found.buying_power) if figure is not None),
        ]
        if not found.cash_by_currency:
            return "no cash"
    elif isinstance(found, Quote):
        amounts = [found.price]
        if found.price <= 0:
            return f"a price of {found.price}"
    else:
        return None if found is None else f"no state: {found!r:.80}"
    return next((f"an amount of {amount}" for amount in amounts if not amount.is_finite()), None)


# --- changes --------------------------------------------------------------------------------------


def _changed(shape: Shape, rng: random.Random) -> Iterator[Any]:
    places = [place for place in _places(shape.document) if not shape.leaves_only or _is_leaf(shape.document, place)]
    ways: Sequence[tuple[str, Any]] = [
        *(() if shape.leaves_only else (("drop", None),)),
        ("null", None),
        *(("set", value) for value in (*WRONG, *HUGE)),
        ("negate", None),
        ("text", None),
    ]
    singles = [(place, way) for place in places for way in ways]
    rng.shuffle(singles)
    for place, way in singles:
        yield _with(shape.document, [(place, way)])
    while True:
        yield _with(shape.document, [(rng.choice(places), rng.choice(ways)) for _ in range(rng.choice((2, 2, 3, 5)))])


def _places(document: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys: Iterable[Any] = ()
    if isinstance(document, Mapping):
        keys = document.keys()
    elif isinstance(document, list):
        keys = range(len(document))
    return [place for key in keys for place in ((*before, key), *_places(document[key], (*before, key)))]


def _is_leaf(document: Any, place: tuple[Any, ...]) -> bool:
    for key in place:
        document = document[key]
    return not isinstance(document, Mapping | list)


def _with(document: Any, changes: Sequence[tuple[tuple[Any, ...], tuple[str, Any]]]) -> Any:
    changed = deepcopy(document)
    for place, (way, value) in changes:
        holder = changed
        try:
            for key in place[:-1]:
                holder = holder[key]
            present = holder[place[-1]]
            if way == "drop":
                del holder[place[-1]]
            elif way == "negate":
                holder[place[-1]] = _negated(present)
            elif way == "text":
                holder[place[-1]] = str(present)
            else:
                holder[place[-1]] = deepcopy(value)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return changed


def _negated(value: Any) -> Any:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return -value
    return f"-{value}" if isinstance(value, str) else -1


# --- shapes ---------------------------------------------------------------------------------------


def shapes() -> list[Shape]:
    """Return every shape: those of this module, and the recorded ones where they are."""
    return [*_schwab(), *_ibkr(), *_longbridge(), *_recorded()]


def _schwab() -> Iterator[Shape]:
    order = {
        "orderId": 1,
        "status": "FILLED",
        "orderType": "LIMIT",
        "price": 50.5,
        "quantity": 10.0,
        "filledQuantity": 10.0,
        "remainingQuantity": 0.0,
        "enteredTime": "2024-06-10T14:10:00+0000",
        "orderLegCollection": [
            {"legId": 1, "instruction": "BUY", "quantity": 10.0, "instrument": {"symbol": "SPY", "assetType": "ETF"}}
        ],
        "orderActivityCollection": [
            {
                "activityType": "EXECUTION",
                "activityId": n,
                "executionType": "FILL",
                "executionLegs": [{"legId": 1, "quantity": 5.0, "price": 50.0, "time": "2024-06-10T14:10:01+0000"}],
            }
            for n in (1, 2)
        ],
    }
    cancel = deepcopy(order) | {"status": "CANCELED", "filledQuantity": 5.0}
    cancel["orderActivityCollection"][1]["executionType"] = "CANCELED"
    held = [
        {
            "instrument": {"symbol": symbol, "assetType": kind},
            "longQuantity": 5.0,
            "shortQuantity": 0.0,
            "marketValue": 9.5,
        }
        for symbol, kind in (("SPY", "ETF"), ("SWVXX", "MUTUAL_FUND"), ("SWEEP", "CASH_EQUIVALENT"))
    ]
    margin = {
        "cashBalance": 1.0,
        "moneyMarketFund": 90.0,
        "marginBalance": -8.0,
        "shortBalance": 2.0,
        "longMarketValue": 40.0,
        "shortMarketValue": -2.0,
        "equity": 123.0,
        "availableFunds": 80.0,
        "liquidationValue": 123.0,
    }
    plain = {"cashBalance": 100.0, "cashAvailableForTrading": 90.0, "liquidationValue": 119.0, "unsettledCash": 10.0}
    yield from (_schwab_order("schwab order", order), _schwab_order("schwab cancel told as an execution", cancel))
    yield _schwab_account("schwab margin account", {"type": "MARGIN", "currentBalances": margin})
    yield _schwab_account("schwab cash account", {"type": "CASH", "currentBalances": plain, "positions": held})
    prices = {
        "lastPrice": 10.0,
        "tradeTime": 1718000000000,
        "bidPrice": 8.0,
        "askPrice": 9.0,
        "quoteTime": 1718000000000,
    }
    yield Shape("schwab quote", {"realtime": True, "quote": prices}, lambda document: schwab.quote("SPY", document))


def _schwab_order(name: str, document: Mapping[str, Any]) -> Shape:
    """Return an order as a shape, read as the one of ours that it is."""
    known = schwab.fingerprint(document)
    ours = Order("q1", "SPY", Side.BUY, Decimal(10))
    if known is not None:
        ours = Order("q1", known.symbol, known.side, known.quantity, known.limit)

    def read(changed: Any) -> ExecutionReport:
        theirs = schwab.report(changed, None, "schwab-1")
        assert theirs.order.quantity.is_finite(), "an order of somebody else is described"
        schwab.fingerprint(changed)
        schwab.order_id(changed)
        return schwab.report(changed, ours)

    return Shape(name, dict(document), read)


def _schwab_account(name: str, account: Mapping[str, Any]) -> Shape:
    return Shape(name, {"securitiesAccount": dict(account)}, lambda document: schwab.account_state("1", document))


def _ibkr() -> Iterator[Shape]:
    figures = {
        "NetLiquidation": 150.0, "TotalCashValue": 100.0, "SettledCash": 90.0, "AvailableFunds": 95.0,
        "BuyingPower": 95.0, "CashBalance": 120.0, "TotalCashBalance": 100.0, "StockMarketValue": 50.0,
        "AccruedCash": 0.0,
    }  # fmt: skip
    rows = [{"account": ACCOUNT, "tag": tag, "value": str(value), "currency": "USD"} for tag, value in figures.items()]
    rows += [{**row, "currency": "BASE"} for row in rows[5:]]
    held = [{"account": ACCOUNT, "position": 5.0, "contract": _contract("SPY")}]
    yield Shape("ibkr account", {"values": rows, "positions": held}, _ibkr_account, leaves_only=True)
    order = {
        "orderRef": "q1",
        "permId": 7,
        "orderId": 40,
        "account": ACCOUNT,
        "totalQuantity": 10.0,
        "orderType": "LMT",
    }
    trade = {
        "order": {**order, "action": "BUY", "lmtPrice": 50.5, "filledQuantity": 0.0},
        "orderStatus": {"status": "Submitted", "permId": 7, "filled": 5.0},
        "contract": {"symbol": "SPY"},
    }
    executions = [
        {
            "orderRef": "q1",
            "permId": 7,
            "acctNumber": ACCOUNT,
            "execId": f"1.{n}.01",
            "shares": 5.0,
            "price": 50.0,
            "time": AT,
        }
        for n in (1, 2)
    ]
    commissions = [{"execId": f"1.{n}.01", "commission": 1.0} for n in (1, 2)]
    document = {"trade": trade, "executions": executions, "commissions": commissions}
    yield Shape("ibkr order", document, _ibkr_order, leaves_only=True)


def _contract(symbol: str) -> dict[str, str]:
    return {"symbol": symbol, "secType": "STK", "localSymbol": symbol, "currency": "USD"}


def _ibkr_account(document: Any) -> AccountState:
    return ibkr_inputs.account_state(ACCOUNT, map(_object, document["values"]), map(_object, document["positions"]))


def _ibkr_order(document: Any) -> ExecutionReport | None:
    ours, tracker = Order("q1", "SPY", Side.BUY, Decimal(10), Decimal("50.5")), Tracker()
    tracker.expect(ours, 40, ACCOUNT)
    tracker.on_trade(_object(document["trade"]))
    for execution, commission in zip(document["executions"], document["commissions"], strict=True):
        event = SimpleNamespace(execution=_object(execution), commissionReport=_object(commission))
        tracker.on_execution(None, event)
    tracked = tracker.get("q1")
    return None if tracked is None else refuse_contradiction(tracked.report(LATE), None)


def _object(document: Any) -> Any:
    if isinstance(document, dict):
        return SimpleNamespace(**{name: _object(value) for name, value in document.items()})
    return document


def _longbridge() -> Iterator[Shape]:
    cash = [
        {"currency": c, "available_cash": Decimal(90), "frozen_cash": Decimal(8), "settling_cash": Decimal(2)}
        for c in ("USD", "HKD")
    ]
    told = {"currency": "HKD", "buy_power": Decimal(80), "total_cash": Decimal(900), "net_assets": Decimal(990)}
    held = [{"symbol": "SPY.US", "quantity": Decimal(5), "currency": "USD"}]
    yield Shape(
        "longbridge account", {"told": told, "cash": cash, "positions": held}, _longbridge_account, leaves_only=True
    )
    row = {
        "order_id": "7", "remark": "q1", "symbol": "SPY.US", "side": "Buy", "order_type": "LO", "status": "Filled",
        "quantity": Decimal(10), "executed_quantity": Decimal(10), "price": Decimal("50.5"), "submitted_at": AT,
        "msg": "",
    }  # fmt: skip
    fills = [
        {"order_id": "7", "trade_id": str(n), "quantity": Decimal(5), "price": Decimal(50), "trade_done_at": AT}
        for n in (1, 2)
    ]
    yield Shape(
        "longbridge order", {"row": row, "fills": fills, "cost": Decimal(1)}, _longbridge_order, leaves_only=True
    )
    price = {"symbol": "SPY.US", "last_done": Decimal(50), "timestamp": AT}
    yield Shape("longbridge quote", price, lambda each: longbridge_inputs.quote(_object(each)), leaves_only=True)


def _longbridge_account(document: Any) -> AccountState:
    cash = tuple(Cash(**row) for row in document["cash"])
    held = [Holding(**row) for row in document["positions"]]
    return longbridge_inputs.account_state(ACCOUNT, cash, held, Balance(cash_infos=cash, **document["told"]))


def _longbridge_order(document: Any) -> ExecutionReport | None:
    row, fills = OrderRow(**document["row"]), [FillRow(**fill) for fill in document["fills"]]
    found = longbridge.report(row, fills, document["cost"])
    return found if row.remark else None  # one of somebody else may have been changed by hand


# --- recorded shapes ------------------------------------------------------------------------------


def _recorded() -> Iterator[Shape]:
    """Yield the shapes that real brokers sent, where they are."""
    folder = Path(os.environ.get("TEST_DATA_DIR", "../shared/data")) / "messages"  # noqa: TID251 - where tests look
    if not folder.is_dir():
        return
    orders = _json(folder / "schwab/order_samples.json")
    for number, document in enumerate([*orders["orders"], *orders["filled_orders_real"]]):
        yield _schwab_order(f"recorded schwab order {number}", document)
    account = _json(folder / "schwab/account_samples.json")["account_margin_with_positions"]
    yield _schwab_account("recorded schwab account", account["securitiesAccount"])
    values = [{**row, "account": ACCOUNT} for row in _json(folder / "ibkr/account_values.json")]
    yield Shape("recorded ibkr account", {"values": values, "positions": []}, _ibkr_account, leaves_only=True)
    samples = _json(folder / "longport/rest_and_quote_samples.json")
    yield _recorded_longbridge(samples)
    cases = folder.parents[1] / "cases" / "brokers"
    for path in sorted(cases.glob("*.json")) if cases.is_dir() else ():
        document = _json(path)
        if "securitiesAccount" in document:
            yield _schwab_account(path.stem, document["securitiesAccount"])
        else:
            yield _schwab_order(path.stem, document)


def _recorded_longbridge(samples: Mapping[str, Any]) -> Shape:
    (balance,) = samples["trade/asset/account"][0]["data"]["list"]
    (channel,) = samples["trade/asset/stock"][0]["data"]["list"]
    cash = [{name: row[name] for name in Cash._fields} for row in balance["cash_infos"]]
    held = [{name: row[name] for name in Holding._fields} for row in channel["stock_info"]]
    told = {name: balance[name] for name in ("currency", "buy_power", "total_cash", "net_assets")}
    document = {"told": told, "cash": cash, "positions": held}
    return Shape("recorded longbridge account", document, _longbridge_account, leaves_only=True)


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def main() -> int:
    """Print one JSON line; return 1 when something was wrong, with an example of each."""
    parser = argparse.ArgumentParser(prog="python -m chaos.fuzz_documents", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    line: dict[str, object] = {}
    wrong = 0
    for shape in shapes():
        began = time.monotonic()
        found = fuzz(shape, arguments.cases, arguments.seed)
        wrong += len(found.wrong)
        line[shape.name] = {
            "states": found.states,
            "errors": found.errors,
            "wrong": len(found.wrong),
            "seconds": round(time.monotonic() - began, 1),
        }
        for said in list({text.partition(";")[0]: text for text in found.wrong}.values())[:5]:
            sys.stderr.write(f"{said}\n")
    sys.stdout.write(json.dumps(line) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
