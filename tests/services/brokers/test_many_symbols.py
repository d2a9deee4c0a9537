"""Prices of as many symbols as a profile of single stocks holds and buys, at every broker and through its app."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.runtime.service import Account
from venue_sandbox.stands.registry import STANDS
from venue_sandbox.stands.stand import ACCOUNT, Opening, Stand, Waits

CALENDAR = load_calendar("XNYS")
SYMBOLS = [f"S{n:03}" for n in range(130)]
"""Sixty that are sold, sixty that are bought and ten more: a login of Interactive Brokers has 100 subscriptions."""
HELD = SYMBOLS[:61]
LAST = date(2023, 6, 1)
OPENS = datetime(2023, 6, 2, 14, tzinfo=UTC)
WAITS = Waits(10.0, timedelta(seconds=1))


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a price file in which every symbol has its own price."""
    path = tmp_path_factory.mktemp("market") / "prices.csv"
    days = CALENDAR.between(date(2023, 5, 15), date(2023, 6, 5))
    rows = (f"{day},{symbol},{price},{price},{price}\n" for day in days for price, symbol in enumerate(SYMBOLS, 10))
    path.write_text("date,symbol,open,close,adj_close\n" + "".join(rows))
    return path


@pytest.fixture(params=STANDS)
def stand(request: pytest.FixtureRequest, prices: Path, tmp_path: Path) -> Generator[Stand]:
    """Return the venue of a broker."""
    kind = STANDS[request.param]
    if not kind.libraries():
        pytest.skip(f"no client library of {kind.title} is installed")
    funded = {ACCOUNT: {"USD": Decimal(100_000)}}
    with kind.open(Opening(folder=tmp_path, accounts=funded, prices=prices, clock=OPENS)) as opened:
        yield opened


@pytest.fixture
def account(stand: Stand, tmp_path: Path) -> Generator[Account]:
    """Return an account that has logged in."""
    made = stand.clients(WAITS).account(ACCOUNT, FileStore(tmp_path / "store"))
    with closing(made):
        made.broker.connect()
        yield made


def test_every_symbol_that_is_held_or_bought_is_quoted(account: Account) -> None:
    for symbols in (HELD, SYMBOLS, HELD):
        quotes = account.market.quotes(symbols)
        assert {symbol: int(quote.price) for symbol, quote in quotes.items()} == {
            symbol: SYMBOLS.index(symbol) + 10 for symbol in symbols
        }


def test_the_newest_close_of_everything_held_is_told_at_once(account: Account) -> None:
    history = account.market.history(HELD, LAST, 5)
    assert history.last_session == LAST
    assert history.close[-1].tolist() == [float(price) for price in range(10, 10 + len(HELD))]
