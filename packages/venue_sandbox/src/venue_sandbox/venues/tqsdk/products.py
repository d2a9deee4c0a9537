"""The products of the six futures exchanges, and the hours in which each is traded."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXCHANGES", "PRODUCTS", "SPLIT", "Product", "Spell", "TradingTime"]

Spell = tuple[str, str]
"""A beginning and an end, such as ``("21:00:00", "26:30:00")``: hours after midnight are counted on."""

EXCHANGES = ("SHFE", "INE", "DCE", "CZCE", "CFFEX", "GFEX")
SPLIT = frozenset({"SHFE", "INE"})
"""The exchanges where today's positions are closed apart from those of earlier days."""


@dataclass(frozen=True, slots=True)
class TradingTime:
    """The spells of a trading day; those of the night come first, on the evening before."""

    day: tuple[Spell, ...]
    night: tuple[Spell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What the contracts of a product share.

    Attributes
    ----------
    price
        The settlement price with which they begin.
    margin
        Share of the value of a position.
    commission, commission_today
        Of one lot; the second where a position of today is closed.
    limit_order, market_order
        Most lots of an order; no market orders where the second is zero.
    months
        Deliveries of the contracts that are traded, as in their codes; the first is the main one.
    expired
        That of a contract which is not traded any more.
    """

    exchange: str
    code: str
    name: str
    tick: float
    multiple: int
    price: float
    margin: float
    commission: float
    commission_today: float
    limit_order: int
    market_order: int
    months: tuple[str, ...]
    expired: str
    hours: TradingTime


_MORNING: tuple[Spell, ...] = (("09:00:00", "10:15:00"), ("10:30:00", "11:30:00"))
_COMMODITY: tuple[Spell, ...] = (*_MORNING, ("13:30:00", "15:00:00"))
_NO_NIGHT = TradingTime(_COMMODITY)
_TO_23 = TradingTime(_COMMODITY, (("21:00:00", "23:00:00"),))
_TO_1 = TradingTime(_COMMODITY, (("21:00:00", "25:00:00"),))
_TO_230 = TradingTime(_COMMODITY, (("21:00:00", "26:30:00"),))
_INDEX = TradingTime((("09:30:00", "11:30:00"), ("13:00:00", "15:00:00")))
_BOND = TradingTime((("09:30:00", "11:30:00"), ("13:00:00", "15:15:00")))


def _product(  # noqa: PLR0913
    symbol: str,
    name: str,
    price: tuple[float, float, int],
    fees: tuple[float, float, float],
    most: tuple[int, int],
    months: str,
    hours: TradingTime,
) -> Product:
    """Return a product of a row: its price is (price, tick, multiple), its fees (margin, commission, that of today)."""
    exchange, code = symbol.split(".")
    *traded, expired = months.split()
    return Product(
        exchange=exchange,
        code=code,
        name=name,
        price=float(price[0]),
        tick=float(price[1]),
        multiple=price[2],
        margin=fees[0],
        commission=fees[1],
        commission_today=fees[2],
        limit_order=most[0],
        market_order=most[1],
        months=tuple(traded),
        expired=expired,
        hours=hours,
    )


PRODUCTS = (
    _product("SHFE.rb", "螺纹钢", (3500, 1, 10), (0.10, 3.5, 3.5), (500, 0), "2505 2510 2601 2405", _TO_23),
    _product("SHFE.cu", "铜", (78000, 10, 5), (0.10, 20, 40), (500, 0), "2505 2506 2405", _TO_1),
    _product("SHFE.au", "黄金", (800, 0.02, 1000), (0.12, 10, 0), (500, 0), "2506 2512 2406", _TO_230),
    _product("SHFE.ag", "白银", (8000, 1, 15), (0.12, 6, 6), (500, 0), "2506 2512 2406", _TO_230),
    _product("INE.sc", "原油", (500, 0.1, 1000), (0.12, 20, 0), (500, 0), "2505 2506 2405", _TO_230),
    _product("INE.lu", "低硫燃料油", (3600, 1, 10), (0.12, 4, 4), (500, 0), "2505 2506 2405", _TO_23),
    _product("DCE.m", "豆粕", (3000, 1, 10), (0.08, 1.5, 1.5), (1000, 1000), "2505 2509 2405", _TO_23),
    _product("DCE.i", "铁矿石", (760, 0.5, 100), (0.12, 8, 8), (1000, 1000), "2505 2509 2405", _TO_23),
    _product("CZCE.CF", "棉花", (14000, 5, 5), (0.08, 4.3, 0), (1000, 200), "505 509 405", _TO_23),
    _product("CZCE.TA", "PTA", (5000, 2, 5), (0.08, 3, 0), (1000, 200), "505 509 405", _TO_23),
    _product("CFFEX.IF", "沪深300股指", (3900, 0.2, 300), (0.12, 30, 270), (20, 10), "2503 2506 2403", _INDEX),
    _product("CFFEX.T", "10年期国债", (108, 0.005, 10000), (0.02, 3, 3), (50, 30), "2506 2509 2406", _BOND),
    _product("GFEX.si", "工业硅", (9000, 5, 5), (0.10, 4.5, 0), (1000, 0), "2505 2506 2405", _NO_NIGHT),
    _product("GFEX.lc", "碳酸锂", (70000, 20, 1), (0.10, 6, 6), (1000, 0), "2505 2507 2405", _NO_NIGHT),
)
