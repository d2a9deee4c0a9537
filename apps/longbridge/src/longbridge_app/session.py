"""The login inside the worker process: the only place that touches the client library.

Its calls block, hold the interpreter's lock, and may never return: nothing else lives in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from importlib import import_module
from typing import Any, cast

from longbridge_app.rows import (
    Balance,
    Cash,
    Credentials,
    DayBar,
    FillRow,
    Holding,
    Instrument,
    LastPrice,
    OrderRow,
    TradingDays,
)

__all__ = ["Session"]

NOT_LISTED = 301600


class _Overheard:
    """A context of the library that is overheard."""

    def __init__(self, context: Any, hear: Callable[[str, Sequence[Any], Any], None]) -> None:
        self._context, self._hear = context, hear

    def __getattr__(self, name: str) -> Callable[..., Any]:
        ask = getattr(self._context, name)

        def call(*arguments: Any, **named: Any) -> Any:
            answer = ask(*arguments, **named)
            self._hear(name, (*arguments, *named.values()), answer)
            return answer

        return call


class Session:
    """Calls of the library by name, with plain values in and out."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._kept: list[tuple[str, list[Any], Any]] | None = None
        self._sdk: Any = import_module(f"{credentials.library}.openapi")

    @cached_property
    def _config(self) -> Any:
        known = self._credentials
        make: Callable[..., Any] = getattr(self._sdk.Config, "from_apikey", self._sdk.Config)
        urls = {
            name: value
            for name in ("http_url", "quote_ws_url", "trade_ws_url")
            if (value := getattr(known, name)) is not None
        }
        return make(known.app_key, known.app_secret, known.access_token, **urls, enable_print_quote_packages=False)

    @cached_property
    def _trade(self) -> Any:
        return self._listened(self._sdk.TradeContext(self._config))

    @cached_property
    def _quote(self) -> Any:
        return self._listened(self._sdk.QuoteContext(self._config))

    # --- captures ---------------------------------------------------------------------------------

    def keep(self) -> None:
        """Keep what the library answers from now on, with all its fields."""
        self._kept = []
        for name in vars(self).keys() & {"_trade", "_quote"}:
            vars(self)[name] = self._listened(vars(self)[name])

    def overheard(self) -> tuple[tuple[str, list[Any], Any], ...]:
        """Return what was kept, and keep it no more: what was called, with what, and the answer."""
        kept, self._kept = self._kept or [], []
        return tuple(kept)

    def _listened(self, context: Any) -> Any:
        """Return a context, overheard where something is kept: an order's way is no longer for it otherwise."""
        return context if self._kept is None or isinstance(context, _Overheard) else _Overheard(context, self._hear)

    def _hear(self, name: str, arguments: Sequence[Any], answer: Any) -> None:
        if self._kept is not None:
            from longbridge_app.plain import plain

            asked: list[Any] = plain(arguments)
            flat = [each for one in asked for each in cast("list[Any]", one if isinstance(one, list) else [one])]
            self._kept.append((name, flat, plain(answer)))

    # --- the account ------------------------------------------------------------------------------

    def member_id(self) -> int:
        """Return whose login it is."""
        return int(self._quote.member_id())

    def balance(self) -> Balance:
        """Return cash by currency, and sums in the base currency."""
        (balance,) = self._trade.account_balance()
        cash = tuple(
            Cash(row.currency, row.available_cash, row.frozen_cash, row.settling_cash) for row in balance.cash_infos
        )
        return Balance(cash, balance.currency, balance.buy_power, balance.total_cash, balance.net_assets)

    def positions(self) -> tuple[Holding, ...]:
        """Return what is held."""
        channels = self._trade.stock_positions().channels
        return tuple(
            Holding(row.symbol, row.quantity, row.currency) for channel in channels for row in channel.positions
        )

    # --- orders -----------------------------------------------------------------------------------

    def submit(self, symbol: str, side: str, quantity: Decimal, limit: Decimal | None, reference: str) -> str:
        """Send an order for the day, and return its id; the reference is its remark, and its request id if it can."""
        sdk = self._sdk
        again = {"client_request_id": reference} if self._credentials.library == "longbridge" else {}
        response = self._trade.submit_order(
            symbol=symbol,
            order_type=sdk.OrderType.MO if limit is None else sdk.OrderType.LO,
            side=sdk.OrderSide.Buy if side == "BUY" else sdk.OrderSide.Sell,
            submitted_quantity=quantity,
            time_in_force=sdk.TimeInForceType.Day,
            submitted_price=limit,
            remark=reference,
            **again,
        )
        return str(response.order_id)

    def cancel(self, order_id: str) -> None:
        """Ask to cancel an order."""
        self._trade.cancel_order(order_id)

    def today(self) -> tuple[OrderRow, ...]:
        """Return today's orders."""
        return tuple(map(_order, self._trade.today_orders()))

    def before(self, since: datetime, until: datetime) -> tuple[OrderRow, ...]:
        """Return orders of earlier days."""
        return tuple(map(_order, self._trade.history_orders(start_at=since, end_at=until)))

    def cost(self, order_id: str) -> Decimal:
        """Return what an order has cost beside its price."""
        charges = self._trade.order_detail(order_id).charge_detail
        return Decimal(0) if charges is None else charges.total_amount

    def fills(self) -> tuple[FillRow, ...]:
        """Return today's executions."""
        return tuple(map(_fill, self._trade.today_executions()))

    def fills_before(self, symbol: str, submitted_at: datetime) -> tuple[FillRow, ...]:
        """Return the executions of a symbol on earlier days, in the three days after an order was submitted."""
        begin, end = submitted_at - timedelta(hours=1), submitted_at + timedelta(days=3)
        return tuple(map(_fill, self._trade.history_executions(symbol=symbol, start_at=begin, end_at=end)))

    # --- prices -----------------------------------------------------------------------------------

    def instruments(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        """Return lots and currencies; symbols that are not known are left out."""
        rows = self._quote.static_info(list(symbols))
        return tuple(Instrument(row.symbol, row.currency, int(row.lot_size)) for row in rows)

    def quotes(self, symbols: Sequence[str]) -> tuple[LastPrice, ...]:
        """Return last prices; symbols that are not known are left out."""
        return tuple(
            LastPrice(row.symbol, row.last_done, _utc(row.timestamp), row.prev_close)
            for row in self._quote.quote(list(symbols))
        )

    def bars(self, symbols: Sequence[str], count: int, adjusted: bool) -> tuple[tuple[DayBar, ...], ...]:
        """Return the newest daily candlesticks of symbols, adjusted forward or as they were traded."""
        quote, period, kind = self._quote, self._sdk.Period.Day, self._kind(adjusted)
        return tuple(self._bars(quote.candlesticks, symbol, period, count, kind) for symbol in symbols)

    def bars_between(self, symbol: str, first: date, last: date, adjusted: bool) -> tuple[DayBar, ...]:
        """Return the daily candlesticks between two days, both included; of more than 1000 the newest."""
        ask, period = self._quote.history_candlesticks_by_date, self._sdk.Period.Day
        return self._bars(ask, symbol, period, self._kind(adjusted), first, last)

    def trading_days(self, market: str, first: date, last: date) -> TradingDays:
        """Return the days between two on which a market trades."""
        told = self._quote.trading_days(getattr(self._sdk.Market, market), first, last)
        return TradingDays(tuple(told.trading_days), tuple(told.half_trading_days))

    def _bars(self, ask: Callable[..., Any], symbol: str, *arguments: Any) -> tuple[DayBar, ...]:
        """Return candlesticks, none for a symbol that is not listed."""
        try:
            rows = ask(symbol, *arguments)
        except self._sdk.OpenApiException as error:
            if error.code == NOT_LISTED:
                return ()
            raise
        return tuple(DayBar(row.open, row.close, _utc(row.timestamp)) for row in rows)

    def _kind(self, adjusted: bool) -> Any:
        return self._sdk.AdjustType.ForwardAdjust if adjusted else self._sdk.AdjustType.NoAdjust


def _order(row: Any) -> OrderRow:
    return OrderRow(
        order_id=row.order_id,
        remark=row.remark or "",
        symbol=row.symbol,
        side=_name(row.side),
        order_type=_name(row.order_type),
        status=_name(row.status),
        quantity=row.quantity,
        executed_quantity=row.executed_quantity,
        price=row.price,
        submitted_at=_utc(row.submitted_at),
        msg=row.msg or "",
    )


def _fill(row: Any) -> FillRow:
    return FillRow(row.order_id, row.trade_id, row.quantity, row.price, _utc(row.trade_done_at))


def _name(value: object) -> str:
    """Return the name of an enumeration's member: ``Filled`` of ``OrderStatus.Filled``."""
    return str(value).rpartition(".")[2]


def _utc(at: datetime) -> datetime:
    """Return an instant in UTC; a time without a zone is this process's, which is UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
