"""Files of Yahoo Finance, yfinance and Stooq: recognised, refused with the command, imported."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest
from quant_platform_kit.adapters.price_files import read_prices
from quant_platform_kit.adapters.price_import import import_prices
from quant_platform_kit.adapters.price_writer import write_prices
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.price_source import DailyBar

MON, TUE = date(2023, 11, 27), date(2023, 11, 28)
YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume\n2023-11-27,9,12,8,10,5,700\n2023-11-28,null,null,null,11,5.5,0\n"
STOOQ = (
    "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
    "SPY.US,D,20231127,000000,9,12,8,10,700,0\nBRK-B.US,D,20231127,000000,1,1,1,1,1,0\n"
)
YFINANCE = "Price,Close,Close,High\nTicker,SPY,BIL,SPY\nDate,,,\n2023-11-27,10,91,12\n2023-11-28,11,,13\n"
BY_TICKER = "Ticker,SPY,BIL,SPY\nPrice,Close,Close,High\nDate,,,\n2023-11-27,10,91,12\n2023-11-28,11,,13\n"
SPY = [DailyBar(MON, 10, 5, 9, 12, 8, 700), DailyBar(TUE, 11, 5.5, volume=0)]


def saved(folder: Path, text: str) -> Path:
    path = folder / "theirs.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (YAHOO, "Yahoo Finance writes it; import it first: quant prices import .* --out prices.csv --symbol SPY$"),
        (STOOQ, "Stooq writes it; .* split, total_return or raw: quant prices import .*prices.csv --adjustment split$"),
        (YFINANCE, "yfinance writes it; .*: quant prices import .* --out prices.csv --adjustment split$"),
        (BY_TICKER, "yfinance writes it; .*: quant prices import"),
    ],
)
def test_such_a_file_is_refused_with_the_command_that_imports_it(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InvalidInput, match=line):
        read_prices(saved(tmp_path, text), ("close",))


def test_a_file_of_yahoo_is_imported_and_can_be_read(tmp_path: Path) -> None:
    read = import_prices(saved(tmp_path, YAHOO), "SPY")
    assert (read.source, read.bars, read.adjustment) == ("Yahoo Finance", {"SPY": SPY}, Adjustment.SPLIT)
    write_prices(tmp_path / "ours.csv", read.bars, read.adjustment)
    prices = read_prices(tmp_path / "ours.csv", ("close", "adj_close"), ("volume", "high"))
    assert prices.columns["adj_close"].tolist() == [5, 5.5]
    assert prices.columns["volume"].tolist() == [700, 0]
    assert prices.carried("adj_close") is Adjustment.TOTAL_RETURN


def test_a_file_of_stooq_names_its_symbols(tmp_path: Path) -> None:
    read = import_prices(saved(tmp_path, STOOQ), adjustment=Adjustment.SPLIT)
    assert read.bars == {
        "SPY": [DailyBar(MON, 10, None, 9, 12, 8, 700)],
        "BRK-B": [DailyBar(MON, 1, None, 1, 1, 1, 1)],
    }


@pytest.mark.parametrize("text", [YFINANCE, BY_TICKER])
def test_a_file_of_yfinance_has_fields_over_symbols_or_symbols_over_fields(tmp_path: Path, text: str) -> None:
    read = import_prices(saved(tmp_path, text), adjustment=Adjustment.TOTAL_RETURN)
    assert read.adjustment is Adjustment.TOTAL_RETURN
    assert read.bars == {
        "SPY": [DailyBar(MON, 10, high=12), DailyBar(TUE, 11, high=13)],
        "BIL": [DailyBar(MON, 91)],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (YAHOO, "does not say of which symbol it is: add --symbol"),
        (STOOQ, "does not show what its closes carry: add --adjustment total_return"),
        (STOOQ.replace("<OPEN>", "<CLOSE>"), "two columns named close"),
        (STOOQ.replace("SPY.US,D,", "SPY.US,5,"), "row 1: '5'; only D is daily"),
        (YFINANCE.replace("Ticker,SPY,BIL", "Ticker,SPY,SPY"), "two columns named close of SPY"),
        (YFINANCE.replace("91", "1.091,5"), "row 1 has 5 cells; its header has 4"),
        (YFINANCE.replace("91", "-"), "column close, row 1: '-' is no number"),
        (YFINANCE.replace("2023-11-28", "28/11/2023"), "column date, row 2: '28/11/2023' is no date"),
        (YFINANCE.replace("2023-11-28", "2023-11-27"), "has SPY on 2023-11-27 twice"),
        ("date,symbol,close\n2023-11-27,SPY,1\n", "is no file of Yahoo Finance, yfinance or Stooq"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_repaired(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        import_prices(saved(tmp_path, text))


@pytest.mark.parametrize("cut", [YAHOO, STOOQ, YFINANCE])
def test_a_row_that_is_cut_is_refused(tmp_path: Path, cut: str) -> None:
    first = cut.splitlines()[-1].split(",")[0]
    with pytest.raises(InvalidInput, match=r"has 1 cells; its header has \d+"):
        import_prices(saved(tmp_path, f"{cut}{first}\n"), "SPY", Adjustment.SPLIT)


def test_a_compressed_file_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv.gz"
    path.write_bytes(gzip.compress(YAHOO.encode()))
    assert import_prices(path, "SPY").bars["SPY"] == SPY
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(InvalidInput, match="cannot be read as CSV"):
        import_prices(path, "SPY")
