"""The pages of back-tests in a browser: narrow and wide, light and dark; zoom, values, and pages of tables."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from pyarrow.parquet import ParquetFile
from quant_platform_kit import sweep
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.strategies import find_strategy
from quant_platform_kit.backtest_request import Execution
from quant_platform_kit.report.comparison import compare
from quant_platform_kit.report.comparison_files import write_comparison
from quant_platform_kit.report.files import write_backtest
from quant_platform_kit.report.kept_results import read_results
from quant_platform_kit.testing.synthetic import synthetic_prices
from venue_sandbox.demo.market import FIRST, choose_market, write_prices
from venue_sandbox.demo.tour import asked

pytestmark = pytest.mark.services

SWEPT = "tqqq_growth_income"
"""A profile that has a setting."""

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
DRIVEN = """
const told = {}, plot = document.querySelector("[data-readings]"), box = plot.getBoundingClientRect();
const line = () => plot.querySelector("polyline").getAttribute("points");
const ticks = () => [...plot.querySelectorAll("text.x")].map((text) => text.textContent);
const at = (share) => ({ bubbles: true, pointerType: "mouse", button: 0, clientX: box.left + share * box.width });
const send = (type, share) => plot.dispatchEvent(new PointerEvent(type, at(share)));
const press = (key) => plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const buttons = (within) => [...document.querySelectorAll(`${within} button`)];
const click = (text, within) => buttons(within).find((one) => one.textContent === text).click();
Element.prototype.setPointerCapture = () => {};  // there is no pointer behind these events
const whole = line();
send("pointermove", 1);
told.tip = plot.querySelector(".tip").textContent;
send("pointerdown", 0.25); send("pointermove", 0.5); send("pointerup", 0.5);
told.dragged = [line() !== whole, document.querySelector(".zoom output").value];
click("1 y", ".zoom");
told.year = [ticks(), document.querySelector(".zoom output").value];
press("0");
told.whole = line() === whole;
press("+");
told.closer = line() !== whole;
click("All", ".zoom");
told.all = line() === whole && document.querySelector(".zoom output").value === "";
if (document.querySelector("[data-pages]")) {
  click("Earliest", ".pager");
  told.earliest = [...document.querySelectorAll("[data-pages] tbody tr")].at(-1).cells[0].textContent;
  told.paged = document.querySelector(".pager output").value;
  click("Later", ".pager");
  told.toned = [...document.querySelectorAll(".buy, .sell")].map((cell) => `${cell.textContent} ${cell.className}`);
}
told.fits = document.documentElement.scrollWidth <= innerWidth;
told.ground = getComputedStyle(document.body).backgroundColor;
document.title = JSON.stringify(told);
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with back-tests of an invented market, their comparison, and a sweep."""
    if not BROWSER:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    folder, market = tmp_path_factory.mktemp("pages"), choose_market()
    request = asked(market)
    for name, each in (("real", request), ("ideal", replace(request, execution=Execution.IDEAL))):
        write_backtest(folder / name, each.run(), market.strategy, each.origin())
    write_comparison(folder / "compared", compare(read_results([folder / "real", folder / "ideal"])))
    prices = synthetic_prices(find_strategy(SWEPT).manifest.symbols, load_calendar("XNYS"), FIRST, request.end)
    write_prices(prices, folder / "swept.csv")
    with pytest.warns(UserWarning, match="is new"):
        sweep(SWEPT, folder / "swept.csv", request.start, request.end, folder / "swept", random=5, split="2020-01-02")
    return folder


def driven(page: Path, width: int, scheme: str, folder: Path) -> dict[str, Any]:
    """Return what a page tells after it was used, and hold it to an empty console."""
    text = page.read_text(encoding="utf-8")
    before, body = text.rsplit("</body>", 1)
    used = folder / "used.html"
    used.write_text(f"{before}<script>{DRIVEN}</script></body>{body}", encoding="utf-8")
    own = [f"--user-data-dir={folder / 'browser'}", "--no-first-run", "--no-proxy-server", "--hide-scrollbars"]
    own += ["--no-sandbox"] if os.getuid() == 0 else []
    look = [f"--window-size={width},1200", f"--blink-settings=preferredColorScheme={int(scheme == 'light')}"]
    command = [BROWSER, "--headless", "--disable-gpu", *own, *look, "--enable-logging=stderr", "--dump-dom"]
    ended = subprocess.run([*command, used.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in ended.stderr.splitlines() if "CONSOLE" in line] == []
    title = re.search(r"<title>(.*?)</title>", ended.stdout)
    assert title
    return json.loads(html.unescape(title[1]))


@pytest.mark.parametrize(("width", "scheme"), list(product((400, 1280), ("light", "dark"))))
@pytest.mark.parametrize("page", ["real/report.html", "compared/comparison.html", "swept/sweep.html"])
def test_a_page_fits_zooms_and_tells_its_values(
    page: str, width: int, scheme: str, pages: Path, tmp_path: Path
) -> None:
    told = driven(pages / page, width, scheme, tmp_path)
    assert told["fits"]
    assert told["ground"] == ("rgb(252, 252, 251)" if scheme == "light" else "rgb(20, 23, 27)")
    assert told["tip"].startswith("2023-12-29")
    changed, shown = told["dragged"]
    assert changed
    first, last = shown.split(" to ")
    assert "2015-11" < first < "2015-12"
    assert "2018-08" < last < "2018-09"
    ticks, shown = told["year"]
    assert shown == "2022-12-28 to 2023-12-29"
    assert ticks[-1] in ("Oct 2023", "Dec 2023")
    assert told["whole"]
    assert told["closer"]
    assert told["all"]


def test_the_last_page_of_trades_ends_with_the_first_trade(pages: Path, tmp_path: Path) -> None:
    sessions = ParquetFile(pages / "real" / "orders.parquet").read(["session"]).to_pydict()["session"]
    told = driven(pages / "real" / "report.html", 1280, "light", tmp_path)
    assert told["earliest"] == min(sessions).isoformat()
    assert set(told["toned"]) == {"Buy buy", "Sell sell"}
    assert told["paged"].endswith(f" to {len(sessions)} of {len(sessions)}")
