"""How contracts are asked for and named."""

from __future__ import annotations

from dataclasses import dataclass, replace

from venue_sandbox.exchange.instruments import Instrument, Listing
from venue_sandbox.venues.tws.codec import Fields, Value

__all__ = [
    "SMART",
    "STOCK",
    "UNKNOWN_CONTRACT",
    "ContractQuery",
    "contract_values",
    "identified",
    "isin",
    "named",
    "read_contract",
    "resolve",
]

STOCK = "STK"
SMART = "SMART"
NO_RIGHT = ("", "?", "0")
UNKNOWN_CONTRACT = (200, "No security definition has been found for the request")


@dataclass(frozen=True, slots=True)
class ContractQuery:
    """The fields by which a client names a contract; empty means any.

    Attributes
    ----------
    is_derived
        Whether it names an expiry, a strike, a right or a multiplier, which shares do not have.
    security_id
        An id of a register, as ``ISIN:US0684594237``; ISIN is the only register here.
    """

    contract_id: int
    symbol: str
    kind: str
    exchange: str
    primary_exchange: str
    currency: str
    local_symbol: str
    trading_class: str = ""
    is_derived: bool = False
    security_id: str = ""


def read_contract(fields: Fields) -> ContractQuery:
    """Read the twelve contract fields of a request."""
    contract_id, symbol, kind = fields.integer(), fields.text(), fields.text()
    expiry, strike, right, multiplier = fields.text(), fields.number(), fields.text(), fields.text()
    exchange, primary, currency, local = (fields.text() for _ in range(4))
    is_derived = bool(expiry or strike) or right not in NO_RIGHT or multiplier not in ("", "0", "1")
    trading_class = fields.text()
    return ContractQuery(contract_id, symbol, kind, exchange, primary, currency, local, trading_class, is_derived)


def identified(query: ContractQuery, fields: Fields) -> ContractQuery:
    """Add the two fields of a register's id, which follow the contract in some requests."""
    kind, value = fields.text(), fields.text()
    return replace(query, security_id=f"{kind}:{value}" if kind or value else "")


def resolve(listing: Listing, query: ContractQuery) -> Instrument | None:
    """Return the instrument that all given fields agree on."""
    symbol = query.symbol or query.local_symbol
    if query.contract_id:
        found = listing.find_id(query.contract_id)
    elif query.security_id and not symbol:
        instruments = listing.instruments.values()
        found = next((one for one in instruments if _is_registered(one, query.security_id)), None)
    else:
        found = listing.find(symbol)
    if found is None:
        return None
    agrees = (
        query.kind in ("", STOCK)
        and symbol in ("", found.symbol)
        and query.currency in ("", found.currency)
        and query.exchange in ("", SMART, found.exchange)
        and query.primary_exchange in ("", found.exchange)
        and query.trading_class in ("", found.symbol)
        and not query.is_derived
        and (not query.security_id or _is_registered(found, query.security_id))
    )
    return found if agrees else None


def isin(instrument: Instrument) -> str:
    """Return an ISIN that stands for the instrument: its country, nine digits, and the digit that checks them."""
    country = "HK" if instrument.currency == "HKD" else "US"
    code = f"{country}{instrument.contract_id:09d}"
    digits = "".join(str(int(sign, 36)) for sign in code)[::-1]
    doubled = (int(digit) * (1 if place % 2 else 2) for place, digit in enumerate(digits))
    return f"{code}{-sum(value // 10 + value % 10 for value in doubled) % 10}"


def _is_registered(instrument: Instrument, security_id: str) -> bool:
    return security_id == f"ISIN:{isin(instrument)}"


def named(query: ContractQuery, instrument: Instrument | None) -> str:
    """Return the symbol that faults choose by, also where a client names a contract by its id."""
    return query.symbol if instrument is None else instrument.symbol


def contract_values(instrument: Instrument, exchange: str = "") -> dict[str, Value]:
    """Return the contract's fields of an answer; its primary exchange unless another one is named."""
    return {
        "conId": instrument.contract_id,
        "symbol": instrument.symbol,
        "exchange": exchange or instrument.exchange,
        "currency": instrument.currency,
        "localSymbol": instrument.symbol,
        "tradingClass": instrument.symbol,
    }
