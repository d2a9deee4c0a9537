"""What the tests of the kit share: the exchange, small markets, scripted strategies, and pictures of folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import (
    BoundStrategy,
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

from .command import Quant, call
from .lossy_account import CLOSE, MON, World

Decide = Callable[[StrategyManifest, StrategyContext], StrategyDecision]
Columns = Mapping[str, Sequence[float]]


@pytest.fixture(scope="session")
def calendar() -> ExchangeCalendar:
    return load_calendar("XNYS")


@pytest.fixture(scope="session")
def market(calendar: ExchangeCalendar) -> Callable[..., PriceTable]:
    """Return a maker of price tables: one list per symbol, one number per session from ``first`` on."""

    def make(first: date, close: Columns, **others: Columns) -> PriceTable:
        rows = len(next(iter(close.values())))
        sessions = calendar.sessions[calendar.sessions.index(first) :][:rows]
        fields = {"close": close, **others}
        grids = {name: np.column_stack([columns[symbol] for symbol in close]) for name, columns in fields.items()}
        return PriceTable(np.array(sessions, dtype="datetime64[D]"), tuple(close), grids)

    return make


class NoConfig(BaseModel):
    """No settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Scripted:
    """A strategy whose rule is a function given by the test."""

    Config = NoConfig

    def __init__(self, manifest: StrategyManifest, decide: Decide) -> None:
        self.manifest = manifest
        self.decide = decide

    def evaluate(self, ctx: StrategyContext, config: NoConfig) -> StrategyDecision:
        """Decide as the test says."""
        return self.decide(self.manifest, ctx)


@pytest.fixture(scope="session")
def scripted() -> Callable[..., BoundStrategy]:
    """Return a maker of bound strategies; keywords overwrite the manifest's."""

    def make(decide: Decide, **manifest: Any) -> BoundStrategy:
        declared: dict[str, Any] = {
            "profile": "scripted",
            "display_name": "Scripted",
            "target_mode": TargetMode.WEIGHT,
            "required_inputs": frozenset({InputName.MARKET_HISTORY}),
            "managed": ("AAA", "BBB"),
            "history_sessions": 10,
            "sources": ("the test",),
        }
        return bind(Scripted(StrategyManifest(**{**declared, **manifest}), decide))

    return make


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, bytes | None]]:
    """Return a function that pictures a folder: every path below it with its content, None for folders."""

    def picture(folder: Path) -> dict[str, bytes | None]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob("*"))
        }

    return picture


@pytest.fixture
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: processes die here, machines do not."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def make_world(
    tmp_path: Path,
    market: Callable[..., PriceTable],
    calendar: ExchangeCalendar,
    scripted: Callable[..., BoundStrategy],
    no_power_cuts: None,
) -> Callable[..., World]:
    """Return a maker of accounts whose broker loses the orders of some symbols; keywords overwrite the manifest's."""

    def make(lost: Collection[str] = ("BBB",), **manifest: Any) -> World:
        def decide(manifest: Any, ctx: Any) -> Any:
            return manifest.rebalance(ctx, {"AAA": 0.6, "BBB": 0.4}) if ctx.as_of == MON else manifest.hold(ctx, "-")

        return World(tmp_path / "book", market(MON, CLOSE), calendar, scripted(decide, **manifest), lost)

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """Return an account whose broker loses the order for BBB."""
    return make_world()


@pytest.fixture
def quant(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Quant:
    """Return a function that runs the command in an empty folder, with room for long lines."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: call(monkeypatch, capsys, *arguments)
