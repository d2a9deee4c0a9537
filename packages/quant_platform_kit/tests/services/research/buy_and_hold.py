"""Buying and holding one fund, worked out in pandas without anything of the platform: what its back-tests are held to.

    python buy_and_hold.py PRICES SYMBOL FIRST LAST CASH

The units are bought at the close of the session after FIRST.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd


def buy_and_hold(file: Path, symbol: str, first: str, last: str, cash: float) -> dict[str, float]:
    """Return what there is at the end, with dividends as cash on whole shares and with dividends reinvested."""
    frame: Any = pd.read_parquet(file)
    fund = frame[(frame.symbol == symbol) & frame.date.astype(str).between(first, last)].sort_values("date")
    bought, after = fund.iloc[1], fund.iloc[2:]
    shares = cash // bought.close
    dividends = shares * after.dividend.sum()
    return {
        "shares": shares,
        "dividends": dividends,
        "as_cash": cash - shares * bought.close + dividends + shares * fund.iloc[-1].close,
        "reinvested": cash / bought.adj_close * fund.iloc[-1].adj_close,
    }


if __name__ == "__main__":
    for name, value in buy_and_hold(Path(sys.argv[1]), *sys.argv[2:5], cash=float(sys.argv[5])).items():
        sys.stdout.write(f"{name:10} {value:,.2f}\n")
