"""A small market in files, snapshots built from it by a release that was committed, and the command to publish them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.strategies import bind, load_strategy_file
from quant_platform_kit.domain.strategy import BoundStrategy
from snapshot_pipelines.build.builder import Recipe, build
from snapshot_pipelines.build.sources import Inputs, read_market
from snapshot_pipelines.build.versions import write_versions
from snapshot_pipelines.cli.main import main

from ..small_profile import PROFILE, RELEASE, STOCKS

OCTOBER, NOVEMBER, DECEMBER = date(2017, 10, 31), date(2017, 11, 30), date(2017, 12, 29)
MADE = datetime(2018, 1, 2, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@dataclass(frozen=True)
class Maker:
    """The files of the market, and what builds snapshots from them."""

    folder: Path

    @property
    def strategy(self) -> str:
        """The profile, as options take it."""
        return f"{self.folder / 'small.py'}:Small"

    @property
    def inputs(self) -> Inputs:
        """The files."""
        return Inputs([self.folder / "stocks.parquet", self.folder / "funds.parquet"], self.folder / "sectors.csv")

    @property
    def sources(self) -> list[str]:
        """The files, as options take them."""
        stocks, funds = (str(path) for path in self.inputs.prices)
        return ["--prices", stocks, "--prices", funds, "--sectors", str(self.inputs.sectors)]

    def build(
        self,
        root: Path,
        *days: date,
        made: datetime = MADE,
        version: str = RELEASE,
        holdings: int = 2,
        strategy: BoundStrategy | None = None,
    ) -> list[Path]:
        """Build the snapshots of sessions below a root; return their manifests."""
        strategy = strategy or bind(load_strategy_file(self.strategy), {"holdings": holdings})
        market, sources = read_market(self.inputs, load_calendar("XNYS"))
        recipe = Recipe(strategy, None, market, sources, version, made)
        return [written.manifest for written in write_versions(root, build(recipe, days))]


@pytest.fixture(scope="session")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Return the market in files; nobody changes them."""
    folder = tmp_path_factory.mktemp("market")
    sessions = load_calendar("XNYS").between(date(2016, 6, 1), date(2017, 12, 29))
    rng = np.random.default_rng(5)
    for name, symbols in (("stocks", STOCKS), ("funds", ("QQQ", "SPY"))):
        closes = 50 * np.exp(np.cumsum(0.01 * rng.standard_normal((len(sessions), len(symbols))), axis=0))
        content = {
            "date": pa.array(np.repeat(np.array(sessions, "M8[D]"), len(symbols))),
            "symbol": list(symbols) * len(sessions),
            "close": closes.ravel(),
            "adj_close": closes.ravel(),
            "volume": np.round(rng.uniform(1e5, 1e6, closes.size)),
        }
        pyarrow.parquet.write_table(pa.table(content), folder / f"{name}.parquet")
    rows = [f"{symbol},{symbol} Inc.,Energy,2016-01-04" for symbol in STOCKS]
    (folder / "sectors.csv").write_text("\n".join(["symbol,name,gics_sector,label_as_of", *rows]), "utf-8")
    (folder / "small.py").write_text(PROFILE, "utf-8")
    return Maker(folder)


@pytest.fixture(scope="session")
def built(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root with the snapshots of three months; nobody changes it."""
    root = tmp_path_factory.mktemp("built")
    maker.build(root, OCTOBER, NOVEMBER, DECEMBER)
    return root


@pytest.fixture
def run(maker: Maker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `snapshots` of this market's profile, unless it is told otherwise."""

    def call(command: str, *arguments: object, own: bool = True) -> Ended:
        mine: Sequence[str] = () if command in ("list", "prune") or not own else ("--strategy", maker.strategy)
        monkeypatch.setattr(sys, "argv", ["snapshots", command, *map(str, arguments), *mine])
        with pytest.raises(SystemExit) as stop:
            main()
        told = capsys.readouterr()
        return Ended(int(stop.value.code or 0), told.out, told.err)

    return call
