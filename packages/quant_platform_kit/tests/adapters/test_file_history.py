"""The history of a price file beside a broker's quotes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.file_history import FileHistory
from quant_platform_kit.domain.errors import BrokerError, InvalidInput
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.strategy import Adjustment

CALENDAR = load_calendar("XNYS")
MON, TUE, WED = date(2023, 11, 27), date(2023, 11, 28), date(2023, 11, 29)
ROWS = ("date,symbol,close,adj_close", f"{MON},AAA,100,90", f"{TUE},AAA,102,92", f"{MON},BBB,50,50", f"{TUE},BBB,51,51")


class Quoted:
    """A broker's market, of which only quotes may be asked."""

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> Any:
        """Fail."""
        raise AssertionError("the history comes from the file")

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return nothing for whatever is asked."""
        self.asked = set(symbols)
        return {}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "prices.csv"
    file.write_text("\n".join(ROWS) + "\n")
    return file


@pytest.mark.parametrize(
    ("needed", "closes"),
    [(Adjustment.TOTAL_RETURN, [[90.0, 50.0], [92.0, 51.0]]), (Adjustment.SPLIT, [[100.0, 50.0], [102.0, 51.0]])],
)
def test_the_history_is_the_column_that_carries_what_is_needed(
    path: Path, needed: Adjustment, closes: list[list[float]]
) -> None:
    quoted = Quoted()
    market = FileHistory(path, needed, CALENDAR, quoted)
    assert market.history(["AAA", "BBB"], TUE, 2).close.tolist() == closes
    assert market.quotes({"AAA"}) == {}
    assert quoted.asked == {"AAA"}


def test_a_later_bar_is_not_seen(path: Path) -> None:
    assert FileHistory(path, Adjustment.SPLIT, CALENDAR, Quoted()).history(["AAA"], MON, 2).close.tolist() == [[100.0]]


def test_a_file_that_ends_too_early_is_waited_for_and_read_anew(path: Path) -> None:
    market = FileHistory(path, Adjustment.SPLIT, CALENDAR, Quoted())
    with pytest.raises(BrokerError, match=f"ends on {TUE}, and {WED} is needed: pull it again"):
        market.history(["AAA", "BBB"], WED, 2)
    path.write_text("\n".join((*ROWS, f"{WED},AAA,104,94", f"{WED},BBB,52,52")))
    assert market.history(["AAA", "BBB"], WED, 2).close[-1].tolist() == [104.0, 52.0]


def test_a_file_that_begins_later_has_nothing(path: Path) -> None:
    with pytest.raises(BrokerError, match="begins later"):
        FileHistory(path, Adjustment.SPLIT, CALENDAR, Quoted()).history(["AAA"], date(2023, 11, 24), 2)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("date,symbol,close\n2023-11-28,AAA,1\n", "has no column adj_close"),
        ("date,symbol,close,adj_close\n2023-11-28,CCC,1,1\n", "has no prices of AAA"),
        ("date,symbol,close,adj_close\n2023-11-28,AAA,-1,1\n", "a price is positive"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_a_later_try_may_find_it_mended(
    path: Path, content: str | None, said: str
) -> None:
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(BrokerError, match=f"PRICE_HISTORY_PATH: .*{said}"):
        FileHistory(path, Adjustment.TOTAL_RETURN, CALENDAR, Quoted()).history(["AAA"], TUE, 2)


def test_no_column_carries_raw_prices(path: Path) -> None:
    with pytest.raises(InvalidInput, match="no column of a price file carries raw prices"):
        FileHistory(path, Adjustment.RAW, CALENDAR, Quoted())


def test_quotes_are_held_against_the_close_that_is_adjusted_for_splits_only(path: Path) -> None:
    history = FileHistory(path, Adjustment.TOTAL_RETURN, CALENDAR, Quoted()).history(["AAA", "BBB"], TUE, 2)
    assert (history.newest_bar("AAA"), history.newest_bar("BBB")) == ((TUE, 102.0), (TUE, 51.0))


@pytest.mark.parametrize(
    ("said", "needed", "closes"),
    [
        ("total_return", Adjustment.TOTAL_RETURN, [1.0]),
        ("split", Adjustment.SPLIT, [1.0]),
        ("raw", Adjustment.SPLIT, "has close as raw; split prices are needed"),
        ("split", Adjustment.TOTAL_RETURN, "has no column adj_close, and has close as split; total_return prices are"),
    ],
)
def test_the_column_is_chosen_by_what_the_file_says_that_it_carries(
    path: Path, said: str, needed: Adjustment, closes: list[float] | str
) -> None:
    path.write_text(f"date,symbol,close,adjustment\n{TUE},AAA,1,{said}\n")
    market = FileHistory(path, needed, CALENDAR, Quoted())
    if isinstance(closes, str):
        with pytest.raises(BrokerError, match=closes):
            market.history(["AAA"], TUE, 1)
    else:
        assert market.history(["AAA"], TUE, 1).close.ravel().tolist() == closes
