"""What a job builds from: its files, prices that are pulled into one more, and whether they reach the session."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from quant_platform_kit.adapters.price_sources import price_source
from quant_platform_kit.adapters.price_writer import write_prices
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.snapshot_manifest import Source
from quant_platform_kit.ports.price_source import DailyBar

from snapshot_pipelines.build.membership import COLUMNS as MEMBERSHIP
from snapshot_pipelines.build.membership import read_membership
from snapshot_pipelines.build.rows import Market
from snapshot_pipelines.build.sectors import BENCHMARKS, read_sectors
from snapshot_pipelines.build.sectors import COLUMNS as SECTORS
from snapshot_pipelines.build.sources import read_market
from snapshot_pipelines.build.text_table import TextTable
from snapshot_pipelines.job.configuration import Job, Pull

__all__ = ["Late", "Markets", "check_in_time"]

Track = Callable[[Sequence[str]], Iterable[str]]
"""Shows people how far a list is worked off."""


class Late(InvalidInput):
    """A source does not reach the session yet."""


@dataclass
class Markets:
    """The market of a job, read once; prices are pulled once per session.

    Attributes
    ----------
    folder
        Where pulled prices stay.
    track
        Shows how many symbols were pulled.
    """

    job: Job
    calendar: ExchangeCalendar
    folder: Path
    track: Track
    _read: dict[date | None, tuple[Market, tuple[Source, ...]]] = field(
        default_factory=dict[date | None, tuple[Market, tuple[Source, ...]]], init=False
    )

    def at(self, as_of: date) -> tuple[Market, tuple[Source, ...]]:
        """Return what the rows of a session are made of, and the files it came from.

        Raises
        ------
        Late
            A price file, or the platform that is asked, has no bar of the session yet.
        QuantError
            A file is not right, or prices cannot be pulled.
        """
        pull = self.job.pull
        key = as_of if pull else None
        if key not in self._read:
            pulled = self._pulled(pull, as_of) if pull else None
            self._read[key] = read_market(self.job.inputs(pulled), self.calendar)
        check_in_time(self._read[key][0], as_of)
        return self._read[key]

    def forget(self, as_of: date, named: Container[str]) -> None:
        """Forget what was pulled for a session: it is pulled again when it is needed.

        Parameters
        ----------
        named
            SHA-256 of the sources of what is published: a file among them is set aside, for whoever builds it again.
        """
        if self.job.pull is None:
            return
        self._read.pop(as_of, None)
        path = self._file(self.job.pull, as_of)
        if path.is_file() and (digest := sha256(path.read_bytes())) in named:
            path.rename(path.with_suffix(f".{digest[:12]}.parquet"))
        path.unlink(missing_ok=True)

    def _file(self, pull: Pull, as_of: date) -> Path:
        return self.folder / "pulled" / f"{pull.platform}-{as_of}.parquet"

    def _pulled(self, pull: Pull, as_of: date) -> Path:
        """Return the file with the prices of a session; it is the same one whenever it is asked for again."""
        path = self._file(pull, as_of)
        if path.is_file():
            return path
        bars: dict[str, Sequence[DailyBar]] = {}
        with price_source(pull.platform)() as source:
            for symbol in self.track(pull.symbols or self._needed(as_of)):
                series = source.daily([symbol], pull.years, as_of).get(symbol, ())
                bars[symbol] = sorted((bar for bar in series if bar.day <= as_of), key=lambda bar: bar.day)
            carried = source.adjustment
        _check_pulled(pull, bars, as_of)
        write_prices(path, {symbol: series for symbol, series in bars.items() if series}, carried)
        return path

    def _needed(self, as_of: date) -> Sequence[str]:
        """Return the stocks that have a row at a session if they have prices, and the benchmarks."""
        stocks = frozenset(read_sectors(_table(self.job.sectors, "sectors", SECTORS)))
        if self.job.membership is not None:
            members = read_membership(_table(self.job.membership, "membership", MEMBERSHIP))
            stocks &= frozenset(members.symbols[members.recent(as_of)].tolist())
        return (*BENCHMARKS, *sorted(stocks))


def _table(path: Path, role: str, columns: Sequence[str]) -> TextTable:
    try:
        return TextTable(path, path.read_bytes(), role, columns)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}; give the file of {role}") from None


def _check_pulled(pull: Pull, bars: Mapping[str, Sequence[DailyBar]], as_of: date) -> None:
    ends = [series[-1].day for series in bars.values() if series]
    if not ends:
        raise InvalidInput(f"{pull.platform} has no daily prices of any of the {len(bars)} symbols; see its settings")
    if max(ends) < as_of:
        raise Late(_late(f"prices of {pull.platform}", max(ends), as_of))
    if without := [symbol for symbol, series in bars.items() if any(bar.adj_close is None for bar in series)]:
        raise InvalidInput(
            f"{pull.platform} delivers no total return (adj_close) of {', '.join(without[:5])}, which features are "
            "made of; pull from another platform or give files"
        )


def check_in_time(market: Market, as_of: date) -> None:
    """Make sure that every price file reaches a session, for its members together and for each benchmark.

    Raises
    ------
    Late
        The newest bar is of an earlier session.
    """
    members = market.membership.members(as_of) if market.membership else market.stocks
    for name, symbols in market.held.items():
        parts = {name: [symbol for symbol in symbols if symbol in members]}
        parts |= {f"{name}: {symbol}": [symbol] for symbol in BENCHMARKS if symbol in symbols}
        for part, wanted in parts.items():
            end = _end(market, wanted, as_of)
            if end is not None and end < as_of:
                raise Late(_late(part, end, as_of))


def _end(market: Market, symbols: Sequence[str], as_of: date) -> date | None:
    """Return the newest session up to ``as_of`` in which one of some symbols has a bar."""
    table = market.grid.table
    known = table.dates <= np.datetime64(as_of, "D")
    columns = [table.column[symbol] for symbol in symbols if symbol in table.column]
    rows: list[int] = np.flatnonzero(~market.grid.missing[known][:, columns].all(axis=1)).tolist()
    return table.sessions[rows[-1]] if rows else None


def _late(name: str, end: date, as_of: date) -> str:
    return (
        f"{name}: the newest bar is of {end}, before {as_of}; nothing was published: run the job again when it "
        f"reaches {as_of}"
    )
