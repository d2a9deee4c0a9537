"""What an account is worth, in the tags in which TWS reports it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from venue_sandbox.exchange.accounts import Account, converted
from venue_sandbox.exchange.exchange import Exchange

__all__ = ["LEDGER_TAGS", "NET_LIQUIDATION", "account_values", "amount", "ledger_values"]

ZERO = Decimal(0)
CENT = Decimal("0.01")
FINEST = Decimal("0.0001")
BASE = "BASE"
NET_LIQUIDATION = "NetLiquidation"
LEDGER_TAGS = (
    *("CashBalance", "TotalCashBalance", "AccruedCash", "StockMarketValue", "NetLiquidationByCurrency"),
    *("UnrealizedPnL", "RealizedPnL", "ExchangeRate", "Currency"),
)

Row = tuple[str, str, str]
"""Tag, value, currency."""


def amount(value: Decimal) -> str:
    """Return an amount with two decimals, or with four where it has more than two."""
    step = CENT if value == value.quantize(CENT) else FINEST
    return str(value.quantize(step, ROUND_HALF_EVEN))


def account_values(exchange: Exchange, account: Account) -> list[Row]:
    """Return what the whole account is worth, in its base currency."""
    base, stocks = account.base, _stocks(exchange, account)
    cash = _total(account.cash.items(), base)
    gross = _total(stocks.items(), base)
    free = _total(((currency, exchange.buying_power(account.id, currency)) for currency in account.cash), base)
    amounts = {
        NET_LIQUIDATION: cash + gross,
        "TotalCashValue": cash,
        "SettledCash": cash,
        "AccruedCash": ZERO,
        "BuyingPower": max(free, ZERO),
        "EquityWithLoanValue": cash + gross,
        "GrossPositionValue": gross,
        "AvailableFunds": free,
        "ExcessLiquidity": cash,
        "InitMarginReq": ZERO,
        "MaintMarginReq": ZERO,
    }
    rows = [("AccountCode", account.id, ""), ("AccountType", "INDIVIDUAL", ""), ("Cushion", "1", "")]
    return rows + [(tag, amount(value), base) for tag, value in amounts.items()]


def ledger_values(exchange: Exchange, account: Account) -> list[Row]:
    """Return the cash and stocks of every currency, and their sum under BASE."""
    columns = (account.cash, _stocks(exchange, account), _open_gain(exchange, account), _realized(exchange, account))
    sums = [_total(column.items(), account.base) for column in columns]
    rows = _ledger_rows(BASE, sums, Decimal(1))
    for currency in dict.fromkeys([account.base, *account.cash, *columns[1]]):
        amounts = [column.get(currency, ZERO) for column in columns]
        rows += _ledger_rows(currency, amounts, converted(Decimal(1), currency, account.base))
    return rows


def _ledger_rows(currency: str, amounts: Sequence[Decimal], rate: Decimal) -> list[Row]:
    cash, stocks, open_gain, realized = amounts
    values = (cash, cash, ZERO, stocks, cash + stocks, open_gain, realized)
    texts = (*map(amount, values), str(rate.quantize(FINEST)), currency)
    return [(tag, text, currency) for tag, text in zip(LEDGER_TAGS, texts, strict=True)]


def _stocks(exchange: Exchange, account: Account) -> dict[str, Decimal]:
    return _by_currency(exchange, ((s, h.quantity * _last(exchange, s)) for s, h in account.held().items()))


def _open_gain(exchange: Exchange, account: Account) -> dict[str, Decimal]:
    held = account.held().items()
    return _by_currency(exchange, ((s, h.gain(h.quantity, _last(exchange, s), ZERO)) for s, h in held))


def _realized(exchange: Exchange, account: Account) -> dict[str, Decimal]:
    return _by_currency(exchange, ((symbol, holding.realized) for symbol, holding in account.holdings.items()))


def _by_currency(exchange: Exchange, amounts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Sum amounts of symbols by the currencies of these."""
    sums: dict[str, Decimal] = {}
    for symbol, value in amounts:
        currency = exchange.listing.instruments[symbol].currency
        sums[currency] = sums.get(currency, ZERO) + value
    return sums


def _total(amounts: Iterable[tuple[str, Decimal]], base: str) -> Decimal:
    return sum((converted(value, currency, base) for currency, value in amounts), ZERO)


def _last(exchange: Exchange, symbol: str) -> Decimal:
    return exchange.market.last(exchange.listing.instruments[symbol], exchange.now())
