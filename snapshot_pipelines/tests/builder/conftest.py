"""An invented market to build from, in memory and in files, and the same with other bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from quant_platform_kit.domain.prices import FloatArray, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from snapshot_pipelines.build.grid import Grid
from snapshot_pipelines.build.membership import Membership, Stay
from snapshot_pipelines.build.rows import Market
from snapshot_pipelines.build.sectors import SectorLabel
from snapshot_pipelines.build.sources import Inputs

STOCKS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FOX", "FOXA", "GGG", "HHH", "III")
FIRST, LAST = date(2016, 1, 4), date(2017, 12, 29)
MEMBERS: Mapping[str, tuple[Stay, ...]] = {
    "AAA": (Stay(date(2010, 1, 4), None),),
    "BBB": (Stay(date(2010, 1, 4), date(2017, 3, 31)),),
    "CCC": (Stay(date(2017, 6, 30), None),),
    "DDD": (Stay(date(2001, 1, 2), date(2005, 6, 1)), Stay(date(2016, 9, 1), None)),
    "FOX": (Stay(date(2010, 1, 4), None),),
    "FOXA": (Stay(date(2010, 1, 4), None),),
    "GGG": (Stay(date(2010, 1, 4), date(2016, 2, 1)),),
    "HHH": (Stay(date(2010, 1, 4), None),),
    "XXX": (Stay(date(2010, 1, 4), None),),
}
"""EEE and III were never members; of XXX there are no prices."""

MY_PROFILE = '''
from pydantic import BaseModel, ConfigDict
from quant_platform_kit.domain.features import FeatureContract
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode


class Mine:
    """Holds what it holds."""

    manifest = StrategyManifest(
        profile="mine",
        display_name="Mine",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.FEATURE_SNAPSHOT, InputName.PORTFOLIO_SNAPSHOT}),
        managed=("BIL",),
        history_sessions=0,
        sources=("me",),
        features=FeatureContract(("mom_6_1", "vol_63"), ("SPY",), ("sma200_gap",)),
    )

    class Config(BaseModel):
        """Nothing to set."""

        model_config = ConfigDict(frozen=True, extra="forbid")

    def evaluate(self, ctx, config):
        """Decide."""
        return self.manifest.hold(ctx)
'''


@dataclass(frozen=True)
class Files:
    """The invented market in files, with a profile that reads its snapshots."""

    folder: Path

    @property
    def options(self) -> dict[str, list[str]]:
        """Option -> its values, of a build that works."""
        return {
            "--strategy": [f"{self.folder / 'mine.py'}:Mine"],
            "--prices": [str(self.folder / "stocks.parquet"), str(self.folder / "funds.parquet")],
            "--sectors": [str(self.folder / "sectors.csv")],
            "--membership": [str(self.folder / "membership.csv")],
        }

    @property
    def arguments(self) -> list[str]:
        """The same as words of a command line."""
        return [word for name, values in self.options.items() for value in values for word in (name, value)]

    @property
    def inputs(self) -> Inputs:
        """The same for `read_market`."""
        prices = [self.folder / "stocks.parquet", self.folder / "funds.parquet"]
        return Inputs(prices, self.folder / "sectors.csv", self.folder / "membership.csv")


@pytest.fixture(scope="session")
def market(calendar: ExchangeCalendar) -> Market:
    """Return an invented market of two years in which every symbol has every bar."""
    sessions = calendar.between(FIRST, LAST)
    symbols = (*STOCKS, "QQQ", "SPY")
    rng = np.random.default_rng(11)
    moves = 0.01 * rng.standard_normal((len(sessions), 1)) + 0.008 * rng.standard_normal((len(sessions), len(symbols)))
    adjusted = np.asarray(80 * np.cumprod(1 + moves, axis=0), dtype=np.float64)
    fields = {
        "close": adjusted,
        "unadjusted": adjusted * np.linspace(1.1, 1, len(sessions))[:, np.newaxis],
        "volume": np.round(rng.uniform(1e5, 1e6, adjusted.shape)),
    }
    labels = {symbol: SectorLabel("Energy", 10, date(2018, 3, 1)) for symbol in STOCKS}
    labels["HHH"] = SectorLabel("Unknown", 0, None)
    grid = Grid(PriceTable(np.array(sessions, dtype="datetime64[D]"), symbols, fields))
    return Market(grid, labels, Membership(MEMBERS))


@pytest.fixture(scope="session")
def with_bars() -> Callable[..., Market]:
    """Return a function that returns a market with other bars: each field given replaces the market's."""

    def change(market: Market, **fields: FloatArray) -> Market:
        table = market.grid.table
        return replace(market, grid=Grid(PriceTable(table.dates, table.symbols, {**table.fields, **fields})))

    return change


@pytest.fixture(scope="session")
def with_hole(with_bars: Callable[..., Market]) -> Callable[[Market, str, date], Market]:
    """Return a function that takes one bar of a symbol away."""

    def dig(market: Market, symbol: str, day: date) -> Market:
        table = market.grid.table
        fields = {name: grid.copy() for name, grid in table.fields.items()}
        for grid in fields.values():
            grid[table.sessions.index(day), table.column[symbol]] = np.nan
        return with_bars(market, **fields)

    return dig


@pytest.fixture(scope="session")
def files(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Return the invented market in files; whoever changes one copies it first."""
    folder = tmp_path_factory.mktemp("market")
    write_prices(market, STOCKS, folder / "stocks.parquet")
    write_prices(market, ("QQQ", "SPY"), folder / "funds.parquet")
    sectors = ["symbol,name,gics_sector,label_as_of"]
    sectors += [f'{s},"{s}, Inc.",{label.name},{label.as_of or ""}' for s, label in market.sectors.items()]
    (folder / "sectors.csv").write_text("\n".join(sectors), "utf-8")
    stays = [f"{symbol},{stay.start},{stay.end or ''}" for symbol, found in MEMBERS.items() for stay in found]
    (folder / "membership.csv").write_text("\n".join(["ticker,start_date,end_date", *stays]), "utf-8")
    (folder / "mine.py").write_text(MY_PROFILE, "utf-8")
    return Files(folder)


def write_prices(market: Market, symbols: tuple[str, ...], path: Path) -> None:
    """Write the bars of some symbols in long format."""
    table = market.grid.table
    columns = [table.column[symbol] for symbol in symbols]
    names = {"close": "unadjusted", "adj_close": "close", "volume": "volume"}
    content = {
        "date": pa.array(np.repeat(table.dates, len(symbols))),
        "symbol": list(symbols) * len(table.dates),
        **{name: table.fields[field][:, columns].ravel() for name, field in names.items()},
    }
    pyarrow.parquet.write_table(pa.table(content), path)
