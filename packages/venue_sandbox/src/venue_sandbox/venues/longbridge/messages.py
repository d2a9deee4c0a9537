"""The messages of the sockets, and the commands that carry them."""

from __future__ import annotations

from enum import IntEnum

from venue_sandbox.venues.longbridge.protobuf import BYTES, INTEGER, TEXT, Message, many

__all__ = [
    "AUTH",
    "CANDLESTICKS",
    "CANDLESTICK_REQUEST",
    "ERROR",
    "HISTORY_REQUEST",
    "MULTI_SECURITY",
    "NOTIFICATION",
    "PROFILE",
    "PUSH_QUOTE",
    "QUOTES",
    "RECONNECT",
    "SESSION",
    "STATIC_INFO",
    "SUBSCRIBE",
    "SUBSCRIPTIONS",
    "TOPICS",
    "TOPICS_RESULT",
    "TRADE_DAYS",
    "TRADE_DAY_REQUEST",
    "TRADE_PERIODS",
    "UNSUBSCRIBE",
    "QuoteCommand",
    "SocketCommand",
    "TradeCommand",
]


class SocketCommand(IntEnum):
    """What both sockets know."""

    CLOSE = 0
    HEARTBEAT = 1
    AUTH = 2
    RECONNECT = 3


class QuoteCommand(IntEnum):
    """What the quote socket knows."""

    PROFILE = 4
    SUBSCRIPTIONS = 5
    SUBSCRIBE = 6
    UNSUBSCRIBE = 7
    TRADE_PERIODS = 8
    TRADE_DAYS = 9
    STATIC_INFO = 10
    QUOTES = 11
    CANDLESTICKS = 19
    HISTORY = 27
    PUSH_QUOTE = 101


class TradeCommand(IntEnum):
    """What the trade socket knows."""

    SUBSCRIBE = 16
    UNSUBSCRIBE = 17
    NOTIFY = 18


ERROR = Message(code=(1, INTEGER), msg=(2, TEXT))
AUTH = Message(token=(1, TEXT))
RECONNECT = Message(session_id=(1, TEXT))
SESSION = Message(session_id=(1, TEXT), expires=(2, INTEGER), limit=(3, INTEGER), online=(4, INTEGER))

TOPICS = Message(topics=many(1, TEXT))
_FAILED = Message(topic=(1, TEXT), reason=(2, TEXT))
TOPICS_RESULT = Message(success=many(1, TEXT), fail=many(2, _FAILED), current=many(3, TEXT))
NOTIFICATION = Message(topic=(1, TEXT), content_type=(2, INTEGER), dispatch_type=(3, INTEGER), data=(4, BYTES))

MULTI_SECURITY = Message(symbol=many(1, TEXT))
PROFILE = Message(
    member_id=(1, INTEGER),
    quote_level=(2, TEXT),
    subscribe_limit=(3, INTEGER),
    history_candlestick_limit=(4, INTEGER),
)
SUBSCRIBE = Message(symbol=many(1, TEXT), sub_type=many(2, INTEGER), is_first_push=(3, INTEGER))
_SUBSCRIPTION = Message(symbol=(1, TEXT), sub_type=many(2, INTEGER))
SUBSCRIPTIONS = Message(sub_list=many(1, _SUBSCRIPTION))
UNSUBSCRIBE = Message(symbol=many(1, TEXT), sub_type=many(2, INTEGER), unsub_all=(3, INTEGER))
PUSH_QUOTE = Message(
    symbol=(1, TEXT),
    sequence=(2, INTEGER),
    last_done=(3, TEXT),
    open=(4, TEXT),
    high=(5, TEXT),
    low=(6, TEXT),
    timestamp=(7, INTEGER),
    volume=(8, INTEGER),
    turnover=(9, TEXT),
    current_turnover=(13, TEXT),
)
TRADE_DAY_REQUEST = Message(market=(1, TEXT), beg_day=(2, TEXT), end_day=(3, TEXT))
TRADE_DAYS = Message(trade_day=many(1, TEXT), half_trade_day=many(2, TEXT))
_PERIOD = Message(beg_time=(1, INTEGER), end_time=(2, INTEGER), trade_session=(3, INTEGER))
_MARKET_PERIODS = Message(market=(1, TEXT), trade_session=many(2, _PERIOD))
TRADE_PERIODS = Message(market_trade_session=many(1, _MARKET_PERIODS))
_STATIC = Message(
    symbol=(1, TEXT),
    name_cn=(2, TEXT),
    name_en=(3, TEXT),
    name_hk=(4, TEXT),
    exchange=(6, TEXT),
    currency=(7, TEXT),
    lot_size=(8, INTEGER),
    total_shares=(9, INTEGER),
    circulating_shares=(10, INTEGER),
    hk_shares=(11, INTEGER),
    eps=(12, TEXT),
    eps_ttm=(13, TEXT),
    bps=(14, TEXT),
    dividend_yield=(15, TEXT),
    board=(17, TEXT),
)
STATIC_INFO = Message(secu_static_info=many(1, _STATIC))
_QUOTE = Message(
    symbol=(1, TEXT),
    last_done=(2, TEXT),
    prev_close=(3, TEXT),
    open=(4, TEXT),
    high=(5, TEXT),
    low=(6, TEXT),
    timestamp=(7, INTEGER),
    volume=(8, INTEGER),
    turnover=(9, TEXT),
    trade_status=(10, INTEGER),
)
QUOTES = Message(secu_quote=many(1, _QUOTE))
CANDLESTICK_REQUEST = Message(
    symbol=(1, TEXT), period=(2, INTEGER), count=(3, INTEGER), adjust_type=(4, INTEGER), trade_session=(5, INTEGER)
)
_BY_OFFSET = Message(direction=(1, INTEGER), date=(2, TEXT), minute=(3, TEXT), count=(4, INTEGER))
_BY_DATE = Message(start_date=(1, TEXT), end_date=(2, TEXT))
HISTORY_REQUEST = Message(
    symbol=(1, TEXT),
    period=(2, INTEGER),
    adjust_type=(3, INTEGER),
    query_type=(4, INTEGER),
    offset_request=(5, _BY_OFFSET),
    date_request=(6, _BY_DATE),
    trade_session=(7, INTEGER),
)
_CANDLESTICK = Message(
    close=(1, TEXT),
    open=(2, TEXT),
    low=(3, TEXT),
    high=(4, TEXT),
    volume=(5, INTEGER),
    turnover=(6, TEXT),
    timestamp=(7, INTEGER),
)
CANDLESTICKS = Message(symbol=(1, TEXT), candlesticks=many(2, _CANDLESTICK))
