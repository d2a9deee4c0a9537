"""What an account is worth, in the tags in which TWS reports it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from venue_sandbox.exchange.accounts import Account, converted
from venue_sandbox.exchange.exchange import Exchange

__all__ = ["LEDGER_TAGS", "NET_LIQUIDATION", "Standing", "account_values", "amount", "ledger_values", "standing"]

ZERO = Decimal(0)
CENT = Decimal("0.01")
FINEST = Decimal("0.0001")
BASE = "BASE"
NET_LIQUIDATION = "NetLiquidation"
LEDGER_TAGS = (
    *("CashBalance", "TotalCashBalance", "AccruedCash", "StockMarketValue", "NetLiquidationByCurrency"),
    *("UnrealizedPnL", "RealizedPnL", "ExchangeRate", "Currency"),
)
NOT_HELD = (
    *("CorporateBondValue", "FundValue", "FutureOptionValue", "FuturesPNL", "FxCashBalance", "IssuerOptionValue"),
    *("MoneyMarketFundValue", "MutualFundValue", "NetDividend", "OptionMarketValue"),
)
"""What the ledger tells of sorts of things that the sandbox does not hold."""
NOTHING = ("AccruedDividend", "Billable", "Guarantee", "IndianStockHaircut")
"""What an account has none of, as a whole and in its segment."""
SEGMENT = "-S"
"""The end of a tag that is about the segment of securities; here that is the whole account."""

Row = tuple[str, str, str]
"""Tag, value, currency."""


def amount(value: Decimal) -> str:
    """Return an amount with two decimals, or with four where it has more than two."""
    step = CENT if value == value.quantize(CENT) else FINEST
    return str(value.quantize(step, ROUND_HALF_EVEN))


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account is worth and has to keep, in its base currency.

    A cash account has no loan: its shares bind their whole value, and open buys bind their cost before they are made.
    """

    cash: Decimal
    stocks: Decimal
    free: Decimal

    @property
    def equity(self) -> Decimal:
        """Cash and shares."""
        return self.cash + self.stocks

    @property
    def initial(self) -> Decimal:
        """What shares and open buys bind."""
        return self.equity - self.free


def standing(exchange: Exchange, account: Account) -> Standing:
    """Return where an account stands."""
    free = ((currency, exchange.buying_power(account.id, currency)) for currency in account.cash)
    stocks = _total(_stocks(exchange, account).items(), account.base)
    return Standing(_total(account.cash.items(), account.base), stocks, _total(free, account.base))


def account_values(exchange: Exchange, account: Account) -> list[Row]:
    """Return what the whole account is worth, in its base currency: every tag that was recorded of real ones."""
    now, base = standing(exchange, account), account.base
    in_segment = _segment_amounts(now)
    whole = {
        **in_segment,
        "TotalCashValue": now.cash,
        "SettledCash": now.cash,
        "BuyingPower": max(now.free, ZERO),
        "GrossPositionValue": now.stocks,
        "NetLiquidationUncertainty": ZERO,
    }
    cushion = now.cash / now.equity if now.equity > 0 else ZERO
    leverage = now.stocks / now.equity if now.equity > 0 else ZERO
    rows = [
        *(("AccountCode", account.id, ""), ("AccountReady", "true", ""), ("AccountType", "INDIVIDUAL", "")),
        *(("Cushion", str(cushion.quantize(FINEST)), ""), (f"Leverage{SEGMENT}", str(leverage.quantize(CENT)), "")),
        ("LookAheadNextChange", str(int(_next_open(exchange).timestamp())), ""),
        ("NLVAndMarginInReview", "false", ""),
    ]
    rows += [(tag, amount(value), base) for tag, value in whole.items()]
    return rows + [(f"{tag}{SEGMENT}", amount(value), base) for tag, value in in_segment.items()]


def _segment_amounts(now: Standing) -> dict[str, Decimal]:
    """Return the amounts that are told of the account and of its segment; today's and the next session's are one."""
    amounts = {
        "AvailableFunds": now.free,
        "ExcessLiquidity": now.cash,
        "InitMarginReq": now.initial,
        "MaintMarginReq": now.stocks,
    }
    return {
        NET_LIQUIDATION: now.equity,
        "EquityWithLoanValue": now.equity,
        "AccruedCash": ZERO,
        **{f"{when}{tag}": value for when in ("", "Full", "LookAhead") for tag, value in amounts.items()},
        **dict.fromkeys(NOTHING, ZERO),
    }


def _next_open(exchange: Exchange) -> datetime:
    calendar = exchange.hours.calendar
    return exchange.hours.opening(calendar.after(exchange.today()))


def ledger_values(exchange: Exchange, account: Account) -> list[Row]:
    """Return the cash and stocks of every currency, and their sum under BASE."""
    columns = (account.cash, _stocks(exchange, account), _open_gain(exchange, account), _realized(exchange, account))
    sums = [_total(column.items(), account.base) for column in columns]
    rows = _ledger_rows(account.id, BASE, sums, Decimal(1))
    for currency in dict.fromkeys([account.base, *account.cash, *columns[1]]):
        amounts = [column.get(currency, ZERO) for column in columns]
        rows += _ledger_rows(account.id, currency, amounts, converted(Decimal(1), currency, account.base))
    return rows


def _ledger_rows(account: str, currency: str, amounts: Sequence[Decimal], rate: Decimal) -> list[Row]:
    cash, stocks, open_gain, realized = amounts
    values = (cash, cash, ZERO, stocks, cash + stocks, open_gain, realized)
    texts = (*map(amount, values), str(rate.quantize(FINEST)), currency)
    rows = [("AccountOrGroup", account, currency)]
    rows += [(tag, text, currency) for tag, text in zip(LEDGER_TAGS, texts, strict=True)]
    return rows + [(tag, amount(ZERO), currency) for tag in NOT_HELD]


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
