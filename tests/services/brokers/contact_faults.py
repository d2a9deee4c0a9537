"""What may be wrong at a first contact: how it is arranged at each broker, and which lines it changes there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from ibkr_app.connection import Address, Connection
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.orders import Order, Side
from quant_platform_kit.paper.client import control
from quant_platform_kit.services.operate.contact.result import State
from venue_sandbox.stands.stand import ACCOUNT

from .contact_frame import AT, SYMBOLS, World

__all__ = ["FAULTS", "Fault"]

Changed = Mapping[str, State | None]
"""By subject: the state that a line has now; None for one that is not there any more."""

GOOD, NOT_TOLD, CAUTION, BLOCKS = State.GOOD, State.NOT_TOLD, State.CAUTION, State.BLOCKS
MONDAY = date(2023, 6, 5)
OF_ACCOUNT = ("account type", "cash", "country", "currency", "permissions", "positions")
OURS = "q" + "a" * 26
ONLY_LOGIN = "only the login"
"""Stands for: the login blocks, and all lines after it are gone."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes
    ----------
    arranged, lines
        By broker. What is under ``""`` goes for every broker that is not named.
    not_at
        Where it cannot happen, or cannot be told from what the venue does, and why.
    misread
        Brokers at which a document that money depends on is then other than believed, where documents are held against
        that: one more line blocks.
    """

    name: str
    arranged: Mapping[str, Callable[[World], object]]
    lines: Mapping[str, Changed | str]
    not_at: Mapping[str, str] = field(default_factory=dict[str, str])
    misread: frozenset[str] = frozenset()


def every(what: str, state: State | None, symbols: tuple[str, ...] = SYMBOLS) -> dict[str, State | None]:
    """Return one line of each symbol."""
    return {f"{symbol} {what}": state for symbol in symbols}


NO_ACCOUNT: Changed = {"account": BLOCKS, **dict.fromkeys(OF_ACCOUNT)}
NO_FILE: Changed = {**every("price file", None), "price file": BLOCKS}
NO_WORTH: Changed = {"positions": None, "cash": NOT_TOLD}
"""LongBridge does not tell what positions are worth."""
ALL_QUOTES: Changed = every("quote", BLOCKS)
NO_QUOTES: Changed = {"quotes": BLOCKS, **every("quote", None)}
NO_LOGIN_ENDS = {
    "alpaca": "a key's end is not told",
    "longbridge": "a token's end is not told",
    "ibkr": "a login's end is not told",
    "paper": "none ends",
}
WEBSOCKET = {"longbridge": "prices come over a websocket, which is not rewritten here; its client parses them itself"}
PAPER = {"paper": "the paper venue is our own: it says no such thing"}
NO_PAPER_FILE = {"paper": "its history is the price file"}


def bank(change: Callable[[dict[str, Any]], object]) -> Callable[[World], None]:
    """Rewrite Schwab's account."""

    def rule(path: str, document: Any) -> Any:
        if "securitiesAccount" in document:
            change(document["securitiesAccount"])
        return document

    return lambda world: world.documents(rule)


def answers(part: str, change: Callable[[Any], Any]) -> Callable[[World], None]:
    """Rewrite the answers to requests whose path has a part."""
    return lambda world: world.documents(lambda path, document: change(document) if part in path else document)


def renamed(*tags: bytes) -> Callable[[World], None]:
    """Rename values of the account, in both kinds of message that tell them."""

    def rule(message: list[bytes]) -> list[bytes]:
        return [each + b"2" if each in tags and message[0] in (b"6", b"73") else each for each in message]

    return lambda world: world.messages(rule)


def value_of(tag: bytes, value: bytes) -> Callable[[World], None]:
    """Rewrite a value of the account: message 73 is ``73, 1, request, account, model, tag, value, currency``."""

    def rule(message: list[bytes]) -> list[bytes]:
        if message[:1] == [b"73"] and tag in message:
            message[message.index(tag) + 1] = value
        return message

    return lambda world: world.messages(rule)


def balance(change: Callable[[dict[str, Any]], object]) -> Callable[[World], None]:
    """Rewrite LongBridge's balance."""

    def rule(document: Any) -> Any:
        for each in document["data"]["list"]:
            change(each)
        return document

    return answers("/v1/asset/account", rule)


def armed(kind: str, **values: Any) -> Callable[[World], None]:
    """Arm a fault of the venue until it is cleared."""
    return lambda world: world.fault(kind, times=None, **values)


def failing(operation: str, status: int = 400) -> Callable[[World], None]:
    """Have a request answered with a status of HTTP."""
    return armed("http_error", operation=operation, status=status)


def figures(**told: object) -> Callable[[World], None]:
    """Rewrite figures of Alpaca's account."""
    return answers("/v2/account", lambda document: {**document, **told})


def state_of(kind: str, free: Mapping[str, Any], **told: Any) -> Callable[[World], None]:
    """Have Alpaca say something of an account or an asset."""

    def arrange(world: World) -> None:
        world.undo.append(lambda: world.fault(kind, **free))
        world.fault(kind, **free, **told)

    return arrange


def of_account(**told: Any) -> Callable[[World], None]:
    """Have Alpaca's account be in another state."""
    return state_of("account_state", {"account": ACCOUNT}, **told)


def seldom(world: World) -> None:
    """Have a symbol trade seldom at IEX."""
    world.undo.append(lambda: world.fault("seldom", symbol="SPY", seconds=0))
    world.fault("seldom", symbol="SPY", seconds=1800)


def position_told(**told: str) -> Callable[[World], None]:
    """Have Alpaca tell a position of ten units otherwise."""
    return hold("SPY", answers("/v2/positions", lambda document: [{**each, **told} for each in document]))


def put(name: str, value: str) -> Callable[[World], None]:
    """Set a setting of the service."""
    return lambda world: world.settings.update({name: value})


def cash(amount: str) -> Callable[[World], None]:
    """Set the cash of the account."""

    def arrange(world: World) -> None:
        world.undo.append(lambda: world.fault("cash", account=ACCOUNT, amount="100000"))
        world.fault("cash", account=ACCOUNT, amount=amount)

    return arrange


def hold(
    symbol: str = "SPY", then: Callable[[World], object] = lambda _: None, units: str = "10"
) -> Callable[[World], None]:
    """Have units held, and do something more."""

    def arrange(world: World) -> None:
        world.undo.append(lambda: world.fault("position", account=ACCOUNT, symbol=symbol, quantity="0"))
        world.fault("position", account=ACCOUNT, symbol=symbol, quantity=units)
        then(world)

    return arrange


def paper_hold(world: World) -> None:
    """Have ten units held at the paper venue."""

    def ask(units: str) -> None:
        control(world.stand.server.port, op="adjust", account=ACCOUNT, cash="0", quantities={"SPY": units})

    world.undo.append(lambda: ask("-10"))
    ask("10")


def order(reference: str) -> Callable[[World], None]:
    """Have an order working, sent by another program or by an earlier run."""

    def arrange(world: World) -> None:
        store = "store" if reference == OURS else "elsewhere"
        waits = world.stand.waits
        account = world.stand.clients(waits, session=1).account(ACCOUNT, FileStore(world.folder / store))
        resting = Order(reference, "SPY", Side.BUY, Decimal(1), Decimal(1))
        account.broker.connect()
        account.broker.submit(resting)
        account.broker.find(reference)
        world.undo.append(account.close)
        world.undo.append(lambda: account.broker.cancel(reference))

    return arrange


def column(name: str, change: Callable[[list[str], int], str]) -> Callable[[World], None]:
    """Change a column of the price file, row by row."""

    def rewrite(rows: list[list[str]]) -> list[list[str]]:
        place = rows[0].index(name)
        return [rows[0], *([*row[:place], change(row, place), *row[place + 1 :]] for row in rows[1:])]

    return lambda world: world.file(rewrite)


def closes(change: Callable[[list[str], str], str]) -> Callable[[World], None]:
    """Change both closes of the price file alike, whichever is compared."""

    def rewrite(rows: list[list[str]]) -> list[list[str]]:
        places = [rows[0].index(name) for name in ("close", "adj_close")]
        return [
            rows[0],
            *([change(row, text) if at in places else text for at, text in enumerate(row)] for row in rows[1:]),
        ]

    return lambda world: world.file(rewrite)


def times(factor: float, day: Callable[[str], bool], symbol: str = "SPY") -> Callable[[World], None]:
    """Multiply the closes of a symbol on some days."""
    return closes(lambda row, text: f"{float(text) * factor:.6f}" if symbol in row and day(row[0]) else text)


def rows(keep: Callable[[list[str]], bool]) -> Callable[[World], None]:
    """Leave rows of the price file out."""
    return lambda world: world.file(lambda all_rows: [all_rows[0], *(row for row in all_rows[1:] if keep(row))])


def table(**changes: Any) -> Callable[[World], None]:
    """Change our own calendar: what it has more than it says."""

    def change(world: World) -> None:
        def changed(given: Any) -> Any:
            return replace(given, **{name: more(getattr(given, name)) for name, more in changes.items()})

        world.calendar = changed

    return change


def jump(seconds: int) -> Callable[[World], None]:
    """Move the broker's clock on after ours was read."""
    return lambda world: setattr(world, "jump", timedelta(seconds=seconds))


def same_client(world: World) -> None:
    """Have another program logged in under our client id."""
    other = Connection(Address("127.0.0.1", world.stand.server.port, 17, 2.0))
    other.connect()
    world.undo.append(other.close)


def market_data(state: str) -> Callable[[World], None]:
    """Let the Gateway's user see delayed quotes only, or none."""

    def arrange(world: World) -> None:
        world.undo.append(lambda: world.fault("market_data", state="live"))
        world.fault("market_data", state=state)

    return arrange


def closed(world: World) -> None:
    """Close the market for the day."""
    world.undo.append(lambda: world.fault("market", state="calendar"))
    world.fault("market", state="closed")


def no_session(world: World) -> None:
    """Have Alpaca's calendar leave today out."""
    day = f"{AT:%Y-%m-%d}"
    world.undo.append(lambda: world.fault("close_day", session=day, closed=False))
    world.fault("close_day", session=day)


def stale(world: World) -> None:
    """Date the quotes of a symbol a quarter of an hour back."""
    venue = world.stand.control(ACCOUNT)
    world.undo.append(lambda: venue.stale("SPY", timedelta(0)))
    venue.stale("SPY", timedelta(minutes=15))


def split(world: World) -> None:
    """Split a symbol two for one."""
    world.undo.append(lambda: world.fault("split", symbol="SPY", ratio="0.5"))
    world.fault("split", symbol="SPY", ratio="2")


def login_ended(world: World) -> None:
    """End Schwab's login."""
    world.undo.append(world.stand.log_in)  # type: ignore[attr-defined] - Schwab's stand
    world.fault("age_login")
    world.fault("expire_access")


def login_ages(world: World) -> None:
    """Let the token's file say that the login is six days old."""
    import json

    path = world.stand.token  # type: ignore[attr-defined] - Schwab's stand
    document = json.loads(path.read_text())
    world.undo.append(world.stand.log_in)  # type: ignore[attr-defined]
    path.write_text(json.dumps({**document, "creation_timestamp": document["creation_timestamp"] - 6 * 86400 - 3600}))


def token_ended(world: World) -> None:
    """End LongBridge's token."""
    world.undo.append(world.stand.renew_tokens)  # type: ignore[attr-defined] - LongBridge's stand
    world.fault("expire_token")


def without_spy(document: Any) -> Any:
    """Return a list of instruments without one of them."""
    return {"instruments": [each for each in document["instruments"] if each["symbol"] != "SPY"]}


def without(symbol: str) -> Callable[[Any], Any]:
    """Return what takes a symbol out of Alpaca's bars."""

    def rule(document: Any) -> Any:
        return {**document, "bars": {name: bars for name, bars in document["bars"].items() if name != symbol}}

    return rule


def option(account: dict[str, Any]) -> None:
    account["positions"] = [
        {
            "instrument": {"assetType": "OPTION", "symbol": "SPY   230616C00400000"},
            "longQuantity": 1.0,
            "shortQuantity": 0.0,
            "marketValue": 0.0,
        }
    ]


def held(units: str) -> Callable[[Any], Any]:
    """Return what has LongBridge tell another quantity of whatever is held."""

    def rule(document: Any) -> Any:
        for channel in document["data"]["list"]:
            for row in channel["stock_info"]:
                row["quantity"] = units
        return document

    return rule


def of_hong_kong(document: Any) -> Any:
    for channel in document["data"]["list"]:
        for row in channel["stock_info"]:
            row |= {"symbol": "700.HK", "currency": "HKD"}
    return document


def gateway_option(world: World) -> None:
    def rule(message: list[bytes]) -> list[bytes]:
        if message[:1] != [b"61"]:
            return message
        found = [b"OPT" if each == b"STK" else each for each in message]
        local = len(found) - 1 - found[::-1].index(b"SPY") - 1
        return [b"SPY   230616C00400000" if at == local else each for at, each in enumerate(found)]

    world.messages(rule)


def gateway_short(world: World) -> None:
    """Have the Gateway tell what is held as sold short."""

    def rule(message: list[bytes]) -> list[bytes]:
        return [b"-10" if message[0] == b"61" and each in (b"10", b"10.0") else each for each in message]

    world.messages(rule)


FAULTS: tuple[Fault, ...] = (
    Fault(
        "the login ended",
        {"schwab": login_ended, "longbridge": token_ended, "alpaca": put("ALPACA_SECRET_KEY", "revoked")},
        {"": ONLY_LOGIN},
        {"ibkr": "a Gateway that has no login serves nobody: see nobody answers", "paper": "none ends"},
    ),
    Fault("nobody answers", {"": World.nobody_answers}, {"": ONLY_LOGIN}),
    Fault(
        "the client id is in use",
        {"ibkr": same_client},
        {"": ONLY_LOGIN},
        dict.fromkeys(("alpaca", "schwab", "longbridge", "paper"), "it has no client ids"),
    ),
    Fault("the login ends tomorrow", {"schwab": login_ages}, {"": {"login ends": CAUTION}}, NO_LOGIN_ENDS),
    Fault(
        "a wrong account",
        {
            "alpaca": put("ALPACA_ACCOUNT", "DUSBX999999"),
            "schwab": put("SCHWAB_ACCOUNT", "DUSBX999999"),
            "ibkr": put("IB_ACCOUNT_GROUP_CONFIG", '{"all": ["DUSBX999999"]}'),
            "paper": put("PAPER_ACCOUNT", "NOBODY"),
        },
        {
            "": ONLY_LOGIN,
        },
        {"longbridge": "it tells nobody whose account a token is for"},
    ),
    Fault(
        "a setting that the profile does not use",
        {
            name: put(f"{name.upper()}_FEATURE_SNAPSHOT_PATH", "/nowhere")
            for name in ("alpaca", "schwab", "ibkr", "longbridge", "paper")
        },
        {"": {"settings": CAUTION}},
    ),
    Fault("cash is owed", {"": cash("-500")}, {"": {"cash": BLOCKS}}, {"paper": "it lends nothing"}),
    Fault(
        "figures do not add up",
        {
            "alpaca": figures(equity="250000"),
            "schwab": bank(lambda account: account["currentBalances"].update(liquidationValue=250_000.0)),
            "ibkr": value_of(b"NetLiquidation", b"250000"),
            "longbridge": balance(lambda each: each.update(net_assets="250000")),
        },
        {"": {"cash": BLOCKS}},
        PAPER,
    ),
    Fault("cash is swept into a fund", {"": armed("swept_cash")}, {"": {}}, PAPER),
    Fault(
        "another base currency",
        {"longbridge": balance(lambda each: each.update(currency="EUR"))},
        {"": {"currency": CAUTION, "country": CAUTION}},
        {
            **dict.fromkeys(("alpaca", "schwab"), "its accounts are in USD"),
            "ibkr": "tried on lines alone, in the kit's tests",
            **PAPER,
        },
    ),
    Fault(
        "a position is held",
        {"": hold(), "paper": paper_hold},
        {"": {"positions": None, "position SPY": GOOD}, "longbridge": {**NO_WORTH, "position SPY": GOOD}},
    ),
    Fault(
        "a position that no profile manages",
        {
            "alpaca": position_told(symbol="SPY230616C00400000", asset_class="us_option"),
            "schwab": bank(option),
            "ibkr": hold("SPY", gateway_option),
            "longbridge": hold("SPY", answers("/v1/asset/stock", of_hong_kong)),
        },
        {
            "alpaca": {"positions": None, "position SPY230616C00400000 us_option": CAUTION},
            "schwab": {"positions": None, "position SPY   230616C00400000 OPTION": CAUTION},
            "ibkr": {"positions": None, "position SPY   230616C00400000": CAUTION},
            "longbridge": {**NO_WORTH, "position 700.HK": CAUTION},
        },
        PAPER,
    ),
    Fault(
        "a short position",
        {
            "alpaca": position_told(side="short", qty="-10"),
            "schwab": hold(
                "SPY",
                bank(lambda account: account["positions"][0].update(longQuantity=0.0, shortQuantity=10.0)),
            ),
            "ibkr": hold("SPY", gateway_short),
            "longbridge": hold("SPY", answers("/v1/asset/stock", held("-10"))),
        },
        {"": {"positions": None, "position SPY": BLOCKS}, "longbridge": {**NO_WORTH, "position SPY": BLOCKS}},
        PAPER,
    ),
    Fault("a foreign order", {"": order("by-hand")}, {"": {"orders": None, "order": BLOCKS}}, PAPER),
    Fault("an order of an earlier run", {"": order(OURS)}, {"": {"orders": None, "order": CAUTION}}, PAPER),
    Fault(
        "delayed quotes",
        {
            "schwab": answers("/quotes", lambda document: {s: {**d, "realtime": False} for s, d in document.items()}),
            "ibkr": market_data("delayed"),
        },
        {"": ALL_QUOTES},
        {
            **dict.fromkeys(("alpaca", "longbridge"), "it says of no quote that it is delayed: it is an old one"),
            **PAPER,
        },
    ),
    Fault(
        "no subscription to quotes",
        {"ibkr": market_data("none"), "alpaca": put("ALPACA_FEED", "sip")},
        {"": ALL_QUOTES, "alpaca": NO_QUOTES},
        {"schwab": "it quotes whoever logs in", "longbridge": "it quotes whoever logs in", **PAPER},
    ),
    Fault(
        "a quote is missing",
        {
            "alpaca": answers("/snapshots", lambda document: {s: d for s, d in document.items() if s != "SPY"}),
            "schwab": answers("/quotes", lambda document: {s: d for s, d in document.items() if s != "SPY"}),
        },
        {"": {"SPY quote": BLOCKS}},
        {"ibkr": "see a symbol that is not known", **WEBSOCKET, **PAPER},
    ),
    Fault(
        "a symbol trades seldom",
        {"alpaca": seldom},
        {"": {"SPY quote": BLOCKS}},
        {**dict.fromkeys(("schwab", "ibkr", "longbridge"), "its quotes are of all exchanges"), **PAPER},
    ),
    *(
        Fault(
            name,
            {"alpaca": of_account(**told)},
            {"": ONLY_LOGIN},
            dict.fromkeys(("schwab", "ibkr", "longbridge", "paper"), "it does not say so of an account"),
        )
        for name, told in (
            ("the account is not active", {"status": "ONBOARDING"}),
            ("the account's trading is blocked", {"trading_blocked": True}),
            ("the user has suspended trading", {"trade_suspended_by_user": True}),
        )
    ),
    Fault(
        "a pattern day trader without day trades left",
        {"alpaca": figures(equity="20000", cash="20000", pattern_day_trader=True, daytrade_count=3)},
        {"": ONLY_LOGIN},
        dict.fromkeys(("schwab", "ibkr", "longbridge", "paper"), "it does not say so of an account"),
    ),
    Fault(
        "a symbol that is not traded",
        {"alpaca": state_of("asset_state", {"symbol": "SPY"}, tradable=False)},
        {"": {"SPY instrument": BLOCKS}},
        dict.fromkeys(("schwab", "ibkr", "longbridge", "paper"), "it does not say so of a symbol"),
    ),
    Fault("a stale quote", {"": stale}, {"": {"SPY quote": BLOCKS}}),
    Fault(
        "a split since the file",
        {"": split},
        {"": {"SPY quote": BLOCKS, "SPY price file": BLOCKS}},
        NO_PAPER_FILE,
    ),
    Fault(
        "a split in the middle of the file",
        {"": times(2.0, lambda day: day < "2023-03-01")},
        {"": {"SPY price file": BLOCKS}},
        NO_PAPER_FILE,
    ),
    Fault(
        "dividends taken out of one of the two",
        {"": times(0.99, lambda day: day < "2023-03-17")},
        {"": {"SPY price file": BLOCKS}},
        NO_PAPER_FILE,
    ),
    Fault(
        "one bad day",
        {"": times(1.05, lambda day: day == "2023-03-01")},
        {"": {"SPY price file": CAUTION}},
        NO_PAPER_FILE,
    ),
    Fault("the file ends early", {"": rows(lambda row: row[0] < "2023-05-20")}, {"": NO_FILE}, NO_PAPER_FILE),
    Fault("the file lacks a symbol", {"": rows(lambda row: "EFA" not in row)}, {"": NO_FILE}, NO_PAPER_FILE),
    Fault("there is no file", {"": put("PRICE_HISTORY_PATH", "/nowhere/prices.csv")}, {"": NO_FILE}, NO_PAPER_FILE),
    Fault(
        "no file is named",
        {"": lambda world: world.settings.pop("PRICE_HISTORY_PATH")},
        {"": {**every("price file", None), "price file": NOT_TOLD}},
        {"schwab": "its service does not start without one", **NO_PAPER_FILE},
    ),
    Fault(
        "the clock is 90 s off",
        {"": jump(90)},
        {"": {"clock": BLOCKS, **every("quote", CAUTION)}, "longbridge": every("quote", CAUTION)},
        {"paper": "the service goes by the venue's clock"},
    ),
    Fault(
        "the clock is 20 s off",
        {"": jump(20)},
        {"": {"clock": CAUTION, **every("quote", CAUTION)}, "longbridge": every("quote", CAUTION)},
        {"paper": "the service goes by the venue's clock"},
    ),
    Fault(
        "a session that our calendar does not know",
        {"": table(closed=lambda days: days | {MONDAY})},
        {"": {"calendar": None, f"calendar {MONDAY}": BLOCKS}},
        {"paper": "it trades by our calendar"},
    ),
    Fault(
        "a half day that one of the two does not know",
        {"": table(special_hours=lambda days: {**days, MONDAY: (time(9, 30), time(13))})},
        {"": {"calendar": None, f"calendar {MONDAY}": BLOCKS}},
        {"paper": "it trades by our calendar"},
    ),
    Fault(
        "the exchange is closed today",
        {"schwab": closed, "alpaca": no_session},
        {"": {"calendar": None, f"calendar {AT:%Y-%m-%d}": BLOCKS}},
        {
            "ibkr": "its hours are those of the calendar, also while the venue is held closed",
            "longbridge": "its days are those of the calendar, also while the venue is held closed",
            "paper": "it trades by our calendar",
        },
    ),
    Fault(
        "busy once",
        {
            "alpaca": lambda world: world.fault("http_error", operation="account", status=503),
            "schwab": lambda world: world.fault("http_error", operation="account", status=503),
            "longbridge": lambda world: world.fault("http_error", operation="account", status=503),
        },
        {"": {}},
        {"ibkr": "the Gateway does not say that it is busy", **PAPER},
    ),
    Fault(
        "the limit of calls is reached",
        {"alpaca": failing("quotes", 429), "schwab": failing("quotes", 429), "longbridge": failing("account", 429)},
        {"": NO_QUOTES, "longbridge": NO_ACCOUNT},
        {"ibkr": "the Gateway cuts the connection: see nobody answers", **PAPER},
    ),
    Fault(
        "the account is refused",
        {
            "alpaca": failing("positions"),
            "schwab": failing("account"),
            "longbridge": failing("account"),
            "ibkr": armed("silent_drop", operation="account_multi"),
        },
        {"": NO_ACCOUNT},
        PAPER,
    ),
    Fault(
        "orders are refused",
        {
            "alpaca": failing("orders"),
            "schwab": failing("orders"),
            "longbridge": failing("orders"),
            "ibkr": armed("silent_drop", operation="all_open_orders"),
        },
        {"": {"orders": BLOCKS}, "longbridge": ONLY_LOGIN},
        PAPER,
    ),
    Fault(
        "a symbol has no history",
        {
            "alpaca": answers("/bars", without("SPY")),
            "schwab": armed("http_error", operation="history", status=404, symbol="SPY"),
            "ibkr": armed("error", operation="history", code=162, symbol="SPY"),
        },
        {"": {"SPY history": CAUTION, "SPY price file": BLOCKS}},
        {**WEBSOCKET, **NO_PAPER_FILE},
    ),
    Fault(
        "instruments are refused",
        {"schwab": failing("instruments"), "alpaca": failing("asset")},
        {"": {"instruments": CAUTION, **every("instrument", None)}},
        {"ibkr": "see a symbol that is not known", **WEBSOCKET, **PAPER},
    ),
    Fault(
        "a symbol that is not known",
        {
            "alpaca": armed("http_error", operation="asset", status=404, symbol="SPY"),
            "schwab": answers("/instruments", without_spy),
            "ibkr": armed("error", operation="contract", code=200, symbol="SPY"),
        },
        {
            "alpaca": {"SPY instrument": BLOCKS},
            "schwab": {"SPY instrument": BLOCKS},
            "ibkr": {"SPY instrument": BLOCKS, "SPY quote": BLOCKS, "SPY history": CAUTION, "SPY price file": BLOCKS},
        },
        {**WEBSOCKET, **PAPER},
    ),
    Fault(
        "a symbol is traded in lots",
        {"ibkr": lambda world: world.messages(lots)},
        {"": every("instrument", BLOCKS)},
        {**dict.fromkeys(("alpaca", "schwab"), "it tells no lots"), **WEBSOCKET, **PAPER},
    ),
    Fault(
        "parts of a unit are refused, and some are held",
        {"": hold(units="10.5")},
        {"": {"positions": None, "position SPY": CAUTION}, "longbridge": {**NO_WORTH, "position SPY": CAUTION}},
        dict.fromkeys(("alpaca", "paper"), "it takes parts of a unit"),
    ),
    Fault(
        "the account may only close positions",
        {"schwab": bank(lambda account: account.update(isClosingOnlyRestricted=True))},
        {"": {"permissions": BLOCKS}},
        {**dict.fromkeys(("alpaca", "ibkr", "longbridge"), "it tells no such thing"), **PAPER},
    ),
    Fault(
        "a symbol is not traded in parts",
        {"alpaca": state_of("asset_state", {"symbol": "SPY"}, fractionable=False)},
        {"": {}},
        {
            **dict.fromkeys(("ibkr", "longbridge", "schwab"), "it does not say it; orders are of whole units"),
            "paper": "it takes parts of a unit",
        },
    ),
    Fault(
        "hours are refused",
        {"schwab": failing("hours"), "alpaca": failing("calendar")},
        {"": {"clock": CAUTION, "calendar": CAUTION}, "alpaca": {"calendar": CAUTION}},
        {"ibkr": "hours come with the instruments", **WEBSOCKET, **PAPER},
    ),
    Fault(
        "HTML instead of JSON: quotes",
        {
            "alpaca": answers("/snapshots", lambda _: b"<html>maintenance</html>"),
            "schwab": answers("/quotes", lambda _: b"<html>maintenance</html>"),
        },
        {"": NO_QUOTES},
        {"ibkr": "its messages are no HTTP", **WEBSOCKET, **PAPER},
    ),
    Fault(
        "HTML instead of JSON: the account",
        {
            "alpaca": answers("/v2/positions", lambda _: b"<html>maintenance</html>"),
            "schwab": answers("fields=positions", lambda _: b"<html>maintenance</html>"),
            "longbridge": answers("/v1/asset/account", lambda _: b"<html>maintenance</html>"),
        },
        {"": NO_ACCOUNT},
        {"ibkr": "its messages are no HTTP", **PAPER},
    ),
    Fault(
        "a field of the cash is renamed",
        {
            "alpaca": answers(
                "/v2/account", lambda document: {f"{k}2" if k == "cash" else k: v for k, v in document.items()}
            ),
            "schwab": bank(
                lambda account: account.update(
                    currentBalances={f"{k}2": v for k, v in account["currentBalances"].items()}
                )
            ),
            "ibkr": renamed(b"TotalCashBalance", b"CashBalance"),
            "longbridge": balance(
                lambda each: [row.update(available=row.pop("available_cash")) for row in each["cash_infos"]]
            ),
        },
        {"": NO_ACCOUNT},
        PAPER,
        misread=frozenset({"alpaca", "schwab", "ibkr"}),
    ),
    Fault(
        "a new word for the account's type",
        {"schwab": bank(lambda account: account.update(type="PORTFOLIO"))},
        {"": {"account type": NOT_TOLD}},
        {
            "alpaca": "it tells a multiplier, a number",
            "ibkr": "the venue tells no type",
            "longbridge": "it tells no type",
            **PAPER,
        },
        misread=frozenset({"schwab"}),
    ),
    Fault(
        "an amount is no number",
        {
            "alpaca": figures(cash="a lot"),
            "schwab": bank(lambda account: account["currentBalances"].update(cashBalance="a lot")),
            "ibkr": value_of(b"TotalCashBalance", b"a lot"),
            "longbridge": balance(lambda each: [row.update(available_cash="a lot") for row in each["cash_infos"]]),
        },
        {"": NO_ACCOUNT},
        PAPER,
        misread=frozenset({"alpaca", "schwab", "ibkr"}),
    ),
    Fault(
        "a number as text",
        {"schwab": bank(lambda account: account["currentBalances"].update(cashBalance="100000.00"))},
        {"": {}},
        {
            "alpaca": "all its numbers are text",
            "ibkr": "all its numbers are text",
            "longbridge": "all its numbers are text",
            "paper": "all its numbers are text",
        },
        misread=frozenset({"schwab"}),
    ),
    Fault(
        "an amount is null",
        {
            "schwab": bank(
                lambda account: account["currentBalances"].update(liquidationValue=None, equity=None, accountValue=None)
            ),
            "alpaca": figures(equity=None),
        },
        {"": {"cash": NOT_TOLD}, "alpaca": NO_ACCOUNT},
        {"ibkr": "an empty text is no number", "longbridge": "its client takes no null", **PAPER},
        misread=frozenset({"alpaca", "schwab"}),
    ),
    Fault(
        "an empty list",
        {
            "alpaca": answers("/snapshots", lambda _: {}),
            "schwab": answers("/quotes", lambda _: {}),
            "longbridge": answers("/v1/asset/account", lambda document: {**document, "data": {"list": []}}),
        },
        {"": ALL_QUOTES, "longbridge": NO_ACCOUNT},
        {"ibkr": "see no subscription to quotes", **PAPER},
    ),
)


def lots(message: list[bytes]) -> list[bytes]:
    """Have the Gateway describe every instrument as one of lots of a hundred: its last fields are sizes."""
    return [*message[:-3], b"100", *message[-2:]] if message[:1] == [b"10"] else message
