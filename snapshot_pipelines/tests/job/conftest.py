"""A small market in files that ends on any day, a job about it, and a timer that calls it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.errors import NotifyError
from quant_platform_kit.ports.notifier import Notification
from snapshot_pipelines.cli import run as command
from snapshot_pipelines.cli.main import main

from ..small_profile import PROFILE, RELEASE, STOCKS

Closes = Mapping[str, Any]
"""Symbol -> its closes, one per session of `Quotes.sessions`."""


@dataclass(frozen=True)
class Quotes:
    """What the market did."""

    sessions: tuple[date, ...]
    closes: Closes

    def write(self, path: Path, symbols: tuple[str, ...], last: date) -> None:
        """Write the bars of some symbols up to a session."""
        count = self.sessions.index(last) + 1
        days = np.array(self.sessions[:count], "M8[D]")
        prices = np.column_stack([self.closes[symbol][:count] for symbol in symbols])
        content = {
            "date": pa.array(np.repeat(days, len(symbols))),
            "symbol": list(symbols) * count,
            "close": prices.ravel(),
            "adj_close": prices.ravel(),
            "volume": np.full(prices.size, 1e6),
        }
        pyarrow.parquet.write_table(pa.table(content), path)


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def results(self) -> list[dict[str, Any]]:
        """What it says of each snapshot, called with --json."""
        return json.loads(self.out)["results"]

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        """Session and outcome of each."""
        return [(one["as_of"], one["outcome"]) for one in self.results]


@dataclass
class People:
    """Who is told."""

    told: list[Notification] = field(default_factory=list)
    reachable: bool = True

    def send(self, notification: Notification) -> None:
        """Take a message."""
        if not self.reachable:
            raise NotifyError("nobody is there")
        self.told.append(notification)

    @property
    def keys(self) -> list[str]:
        """What they were told of."""
        return [one.key for one in self.told]


@dataclass
class Office:
    """A folder with a job and its sources, and the timer that calls it."""

    folder: Path
    quotes: Quotes
    people: People
    call: Callable[..., Ended]

    @property
    def root(self) -> Path:
        """Where it publishes."""
        return self.folder / "published"

    def prices(self, last: date, funds: date | None = None) -> None:
        """Give price files that end on a session."""
        self.quotes.write(self.folder / "stocks.parquet", STOCKS, last)
        self.quotes.write(self.folder / "funds.parquet", ("QQQ", "SPY"), funds or last)

    def job(self, **changed: str | None) -> Path:
        """Write the job with some lines changed or left out; return its file."""
        lines = {
            "profiles": '["small"]',
            "root": '"published"',
            "prices": '["stocks.parquet", "funds.parquet"]',
            "sectors": '"sectors.csv"',
            "notify": '["NOTIFY_URLS"]',
            "strategies": '{ small = "small.py:Small" }',
        }
        lines |= {name: text for name, text in changed.items() if text is not None}
        kept = (f"{name} = {text}" for name, text in lines.items() if name not in changed or changed[name] is not None)
        path = self.folder / "job.toml"
        path.write_text("\n".join(kept), "utf-8")
        return path

    def run(self, now: str, *arguments: str) -> Ended:
        """Call the job at an instant, written as ``2017-11-30T22:00``, UTC."""
        return self.call("--config", str(self.folder / "job.toml"), "--now", f"{now}:00Z", "--json", *arguments)

    @property
    def latest(self) -> dict[str, Any]:
        """The manifest that readers start from."""
        return json.loads((self.root / "small_feature_snapshot_latest.parquet.manifest.json").read_text("utf-8"))

    @property
    def versions(self) -> list[str]:
        """The names of all versions' manifests."""
        return sorted(path.name for path in self.root.glob("versions/*/*.manifest.json"))


@pytest.fixture(scope="session")
def quotes() -> Quotes:
    """Return an invented market of 19 months."""
    sessions = load_calendar("XNYS").between(date(2016, 6, 1), date(2017, 12, 29))
    rng = np.random.default_rng(5)
    steps = 0.01 * rng.standard_normal((len(sessions), len(STOCKS) + 2))
    closes = 50 * np.exp(np.cumsum(steps, axis=0))
    return Quotes(sessions, {symbol: closes[:, at] for at, symbol in enumerate((*STOCKS, "QQQ", "SPY"))})


@pytest.fixture
def office(
    quotes: Quotes, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Office:
    """Return a job with prices up to the end of November 2017, built by a release that was committed."""
    people = People()
    monkeypatch.setattr(command, "code_version", lambda: RELEASE)
    monkeypatch.setattr(command, "AppriseNotifier", lambda urls: people)
    monkeypatch.setenv("NOTIFY_URLS", "json://127.0.0.1/")

    def call(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["snapshots", "run", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        told = capsys.readouterr()
        return Ended(int(stop.value.code or 0), told.out, told.err)

    rows = [f"{symbol},{symbol} Inc.,Energy,2016-01-04" for symbol in STOCKS]
    (tmp_path / "sectors.csv").write_text("\n".join(["symbol,name,gics_sector,label_as_of", *rows]), "utf-8")
    (tmp_path / "small.py").write_text(PROFILE, "utf-8")
    made = Office(tmp_path, quotes, people, call)
    made.prices(date(2017, 11, 30))
    made.job()
    return made
