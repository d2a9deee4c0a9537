#!/usr/bin/env python3
"""Take pictures of the pages: reports of back-tests, a sweep, and a service's account and runs, of an invented market.

Usage
-----
``.venv/bin/python scripts/screenshots.py [--out FOLDER] [--browser PROGRAM]``: a PNG file each, 1280 pixels wide; but
for the runs 400 too, light and dark. It needs Chromium, or a browser that takes its options, and exits with 1 where
none is found, or a page complains in the browser's console.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path

from quant_platform_kit import sweep
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.adapters.strategies import find_strategy
from quant_platform_kit.backtest_request import Execution
from quant_platform_kit.report.comparison import compare
from quant_platform_kit.report.comparison_files import write_comparison
from quant_platform_kit.report.files import write_backtest
from quant_platform_kit.report.kept_results import read_results
from quant_platform_kit.services.operate.owners import accounts_in
from quant_platform_kit.testing.synthetic import synthetic_prices
from venue_sandbox.demo.market import Market, choose_market, write_prices
from venue_sandbox.demo.tour import asked, backtest_step, tested
from venue_sandbox.stands.paper import PaperPlatform

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS, PATIENCE_SECONDS = (1280, 400), 60
SCHEMES = {"dark": 0, "light": 1}
HEIGHTS = {
    "report": 6600,
    "comparison": 4200,
    "sweep": 3600,
    "shortfall": 1900,
    "runs": 500,
    "run": 1500,
    "account": 1700,
}
NARROW = 1.4
"""A narrow page is so much higher."""
SWEPT = "tqqq_growth_income"
QUICK = {"LEASE_SECONDS": "10", "PAPER_TIMEOUT_SECONDS": "2", "PAPER_SETTLE_SECONDS": "1"}


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("screenshots"), help="folder of the pictures")
    parser.add_argument(
        "--browser", default="", help=f"a program; default: the first there is of {', '.join(BROWSERS)}"
    )
    options = parser.parse_args()
    wanted = (options.browser,) if options.browser else BROWSERS
    browser = next((found for name in wanted if (found := shutil.which(name))), None)
    if browser is None:
        print(f"no browser: {', '.join(wanted)} is not on this machine; install chromium", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="screenshots-") as name:
        for picture in _taken(browser, Path(name), options.out):
            print(f"{picture}  {picture.stat().st_size // 1024} KB")
    return 0


def _taken(browser: str, folder: Path, out: Path) -> list[Path]:
    """Take all pictures."""
    market = choose_market()
    result = tested(market)
    backtest_step(market, result, folder / "backtest")
    pictures = _each(browser, (folder / "backtest" / "report.html").as_uri(), out / "report", folder)
    pictures += _each(browser, _comparison(market, folder).as_uri(), out / "comparison", folder)
    prices = market.file(folder / "prices.csv")
    pictures += _each(browser, _swept(folder).as_uri(), out / "sweep", folder)
    with PaperPlatform(folder / "account", prices, market.profile, settings=QUICK) as paper:
        newest = [paper.fire(market.due(as_of)).run_id for as_of in market.turns(result)][-1]
        service = f"http://127.0.0.1:{paper.service.port}/runs"
        pictures.append(_picture(browser, service, out / "runs.png", folder))
        pictures.append(_picture(browser, f"{service}/{newest}", out / "run.png", folder))
        root = f"http://127.0.0.1:{paper.service.port}/"
        pictures += _each(browser, root, out / "account", folder)
    shortfall = _shortfall(folder / "account", prices, folder / "shortfall")
    return pictures + _each(browser, shortfall.as_uri(), out / "shortfall", folder)


def _comparison(market: Market, folder: Path) -> Path:
    """Write the page that compares the back-test with one without costs; the former is written already."""
    ideal = replace(asked(market), execution=Execution.IDEAL)
    write_backtest(folder / "ideal", ideal.run(), market.strategy, ideal.origin())
    write_comparison(folder / "compared", compare(read_results([folder / "backtest", folder / "ideal"])))
    return folder / "compared" / "comparison.html"


def _shortfall(account: Path, prices: Path, out: Path) -> Path:
    """Write the page that holds the account against a back-test."""
    store, reports = ((account / name).as_uri() for name in ("store", "reports"))
    (identity,) = accounts_in(open_store(store))
    command = [Path(sys.executable).with_name("quant"), "shortfall", "--store", store, "--reports", reports]
    command += ["--account", identity, "--prices", prices, "--fill", "next-close", "--out", out]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_SECONDS)
    return out / "shortfall.html"


def _each(browser: str, address: str, to: Path, folder: Path) -> list[Path]:
    """Take pictures of a page, wide and narrow, light and dark."""
    names = [to.with_name(f"{to.name}-{width}-{scheme}.png") for width, scheme in product(WIDTHS, SCHEMES)]
    return [_picture(browser, address, name, folder) for name in names]


def _swept(folder: Path) -> Path:
    """Sweep a profile that has a setting over an invented market; return the page."""
    symbols, file = find_strategy(SWEPT).manifest.symbols, folder / "swept.csv"
    write_prices(synthetic_prices(symbols, load_calendar("XNYS"), date(2016, 1, 4), date(2023, 12, 29)), file)
    asked = {"grid": {"drift": "0:0.19:0.01"}, "split": "2021-01-04", "walk_forward": "2y/1y"}
    return sweep(SWEPT, file, "2017-01-03", "2023-12-29", folder / "sweep", **asked).page


def _picture(browser: str, address: str, to: Path, folder: Path) -> Path:
    """Take a picture of a page, with a profile of the browser's own; its width and scheme are in the name of it."""
    page, width, scheme = to.stem.split("-") if "-" in to.stem else [to.stem, str(WIDTHS[0]), "light"]
    height = HEIGHTS[page] if int(width) == WIDTHS[0] else round(NARROW * HEIGHTS[page])
    size = f"--window-size={width},{height}"
    scheme = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    own = [f"--user-data-dir={folder / 'browser'}", "--no-first-run", "--no-proxy-server", "--hide-scrollbars"]
    own += ["--no-sandbox"] if os.getuid() == 0 else []
    command = [
        browser,
        "--headless",
        "--disable-gpu",
        *own,
        scheme,
        "--enable-logging=stderr",
        size,
        f"--screenshot={to.resolve()}",
        address,
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    if ended.returncode or not to.is_file():
        raise SystemExit(f"{browser} took no picture of {address}: {ended.stderr[-500:]}")
    if complaints := [line for line in ended.stderr.splitlines() if "CONSOLE" in line]:
        raise SystemExit(f"{address} complains: {complaints[0]}")
    return to


if __name__ == "__main__":
    sys.exit(main())
