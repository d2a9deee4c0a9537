"""Runs of the three profiles on real prices and published snapshots, and their replays with the snapshots gone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.feature_loader import FeatureLoader
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.price_files import LongPrices, read_price_files
from quant_platform_kit.adapters.snapshot_places import SnapshotRoot
from quant_platform_kit.cli.compose import PaperRun, run_on_paper
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.research.replay import ReplayVerdict, replay_run
from snapshot_pipelines.build.builder import Recipe, build
from snapshot_pipelines.build.code_version import code_version
from snapshot_pipelines.build.rows import Market
from snapshot_pipelines.build.sources import Inputs
from snapshot_pipelines.build.versions import write_versions

from ..golden.test_decisions import PROFILES, bound

FIRST, LAST = date(2018, 10, 30), date(2018, 11, 28)
"""Twenty-one sessions decided on, a month end among them."""
MONTH_ENDS = tuple(date(2018, *day) for day in ((8, 31), (9, 28), (10, 31)))
STRATEGIES = {profile: bound(profile) for profile in PROFILES}


@pytest.fixture(scope="module")
def root(real_market: Market, calendar: ExchangeCalendar, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root with the snapshots of three month ends."""
    made = tmp_path_factory.mktemp("snapshots")
    at = calendar.hours(MONTH_ENDS[-1]).close + timedelta(hours=1)
    for strategy in STRATEGIES.values():
        write_versions(made, build(Recipe(strategy, None, real_market, (), code_version(), at), MONTH_ENDS))
    return made


@pytest.fixture(scope="module")
def prices(real_inputs: Inputs) -> LongPrices:
    """Return the prices of the sessions that the runs look at."""
    whole = read_price_files(real_inputs.prices, ["close", "adj_close"])
    part = (whole.days >= FIRST) & (whole.days <= LAST + timedelta(days=5))
    columns = {name: values[part] for name, values in whole.columns.items()}
    return replace(whole, days=whole.days[part], codes=whole.codes[part], columns=columns)


def runs(
    strategy: BoundStrategy, days: Sequence[date], prices: LongPrices, root: Path, book: Path
) -> dict[date, RunReport]:
    """Run on paper on each day."""
    features = FeatureLoader(SnapshotRoot(str(root)), load_calendar("XNYS"))
    policy = ExecutionPolicy(strategy.manifest.target_mode)
    first = PaperRun(strategy, prices, "adj_close", days[0], book, Decimal(1_000_000), policy, features=features)
    return {day: run_on_paper(replace(first, as_of=day, enter_now=day == days[0])) for day in days}


@pytest.mark.parametrize("profile", sorted(STRATEGIES))
def test_runs_are_replayed_with_the_snapshot_store_gone(
    profile: str, prices: LongPrices, root: Path, tmp_path: Path, calendar: ExchangeCalendar
) -> None:
    days, strategy = calendar.between(FIRST, LAST)[:20], STRATEGIES[profile]
    shutil.copytree(root, tmp_path / "snapshots")
    reports = runs(strategy, days, prices, tmp_path / "snapshots", tmp_path / "book")
    shutil.rmtree(tmp_path / "snapshots")

    assert all(report.outcome.good for report in reports.values()), reports
    assert sum(bool(report.orders) for report in reports.values()) == 2
    store = ReportStore(FileStore(tmp_path / "book" / "reports"))
    found = [replay_run(report.run_id, store, lambda _p, _c: strategy, calendar) for report in reports.values()]
    assert [one.verdict for one in found] == [ReplayVerdict.EQUAL] * 20
