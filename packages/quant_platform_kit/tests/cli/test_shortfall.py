"""`quant account`, `quant shortfall` and the watchdog's alarm on a paper account; bad input is one line."""

from __future__ import annotations

import json
import re
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.cli.main import main
from quant_platform_kit.testing.synthetic import synthetic_prices

from ..command import Quant, halves

FIRST, LAST = date(2022, 5, 2), date(2022, 5, 13)
HALVES = halves(
    """more = 0.7 if ctx.as_of.day % 2 else 0.3
return self.manifest.rebalance(ctx, {"SPY": more, "AGG": 0.95 - more}, "by turns")""",
    cadence="SESSION",
)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with prices, a strategy and an account that ran in every session."""
    folder, calendar = tmp_path_factory.mktemp("ran"), load_calendar("XNYS")
    file = synthetic_prices(("AGG", "SPY"), calendar, date(2022, 4, 1), date(2022, 6, 30))
    columns = (file.columns[name].tolist() for name in ("close", "open"))
    rows = zip(file.days.tolist(), file.codes.tolist(), *columns, strict=True)
    lines = [f"{day},{file.symbols[code]},{close},{close},{opened}" for day, code, close, opened in rows]
    (folder / "prices.csv").write_text("\n".join(["date,symbol,close,adj_close,open", *lines]))
    (folder / "halves.py").write_text(HALVES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        for day in calendar.between(FIRST, LAST):
            named = ["--prices", f"{folder}/prices.csv", "--strategy", f"{folder}/halves.py:Halves"]
            line = ["run", *named, "--as-of", f"{day}", "--book", f"{folder}/book", "--cash", "100000"]
            patch.setattr(sys, "argv", ["quant", *line])
            with pytest.raises(SystemExit) as stop:
                main()
            assert not stop.value.code
    return folder


def asked(ran: Path, *more: object) -> list[object]:
    named = ["--prices", ran / "prices.csv", "--strategy", f"{ran}/halves.py:Halves", "--book", ran / "book"]
    return ["shortfall", *named, *more]


def test_an_account_that_traded_as_the_back_test_fills_differs_in_nothing(quant: Quant, ran: Path) -> None:
    code, out, _ = quant(*asked(ran, "--fill", "next-close", "--json"))
    document = json.loads(out)
    assert code == 0
    assert {Decimal(text) for text in (document["total"], *document["parts"].values())} == {0}
    assert len(document["decisions"]) == 10


def test_one_that_traded_at_the_close_differs_by_the_delay_from_a_fill_at_the_open(quant: Quant, ran: Path) -> None:
    document = json.loads(quant(*asked(ran, "--json"))[1])
    amounts = {name: Decimal(text) for name, text in document["parts"].items()}
    assert amounts.pop("delay") == Decimal(document["total"]) != 0
    assert set(amounts.values()) == {0}
    parts = [Decimal(one["total"]) for one in document["decisions"]]
    assert sum(parts) == Decimal(document["total"])


def test_the_table_and_the_page_say_the_same(quant: Quant, ran: Path, tmp_path: Path) -> None:
    code, out, _ = quant(*asked(ran, "--execution", "ideal", "--out", tmp_path / "out"))
    kept = json.loads((tmp_path / "out" / "shortfall.json").read_text())
    page = (tmp_path / "out" / "shortfall.html").read_text()
    assert code == 0
    assert all(Decimal(kept["parts"][name]) for name in ("delay", "spread and slippage", "commission", "lots"))
    assert f"{Decimal(kept['total']):,.2f}" in out
    for name, amount in kept["parts"].items():
        shown = f"{abs(Decimal(amount)):,.2f}"
        assert re.search(rf"{name} .*{re.escape(shown)}", out)
        assert re.search(rf'<th scope="row">{name}</th><td class="number">.?{re.escape(shown)}</td>', page)
    assert "http" not in re.sub(r"http-equiv", "", page)


def test_the_account_is_shown_with_what_it_made_and_what_is_due(quant: Quant, ran: Path) -> None:
    code, out, _ = quant("account", "--book", ran / "book")
    assert code == 0
    for words in ("worth ", "made ", "time-weighted", "Holdings", "Last decisions", "by turns", "decides next"):
        assert words in out, words
    (view,) = json.loads(quant("account", "--book", ran / "book", "--json")[1])["accounts"]
    assert len(view["valuations"]) == 11
    assert Decimal(view["made"]["invested"]) == 100_000
    value, made = Decimal(view["valuations"][-1]["value"]), view["made"]
    assert Decimal(made["profit"]) == value - 100_000
    assert Decimal(made["time_weighted"]) == pytest.approx(value / 100_000 - 1, abs=Decimal("1e-12"))


def watched(ran: Path, *more: object) -> list[object]:
    now = ["watchdog", "--schedule", "0 16 * * 1-5", "--now", "2022-05-16T21:00:00Z", "--book", ran / "book"]
    return [*now, *more]


def told(answer: tuple[int, str, str]) -> list[str]:
    return [alert["text"] for alert in json.loads(answer[1])["alerts"] if alert["kind"] == "shortfall"]


def test_the_watchdog_tells_of_a_shortfall_beyond_the_bound(quant: Quant, ran: Path) -> None:
    against = ["--prices", ran / "prices.csv", "--strategy", f"{ran}/halves.py:Halves", "--json"]
    share = Decimal(json.loads(quant(*asked(ran, "--json"))[1])["execution_share"])
    assert share, "the seed of the prices decides which way"
    close = quant(*watched(ran, *against, "--fill", "next-close", "--most-shortfall", "0.0001"))
    assert told(close) == []
    opened = quant(*watched(ran, *against, "--most-shortfall", f"{abs(share) / 2:f}"))
    assert len(told(opened)) == (share < 0)
    if share < 0:
        assert "less than its back-test" in told(opened)[0]


def test_an_account_that_cannot_be_compared_is_an_alert_too(quant: Quant, ran: Path) -> None:
    answer = quant(*watched(ran, "--prices", ran / "prices.csv", "--most-shortfall", "0.01", "--json"))
    (text,) = told(answer)
    assert answer[0] == 1
    assert "cannot be compared with its back-test: profile halves is not installed" in text


BAD = {
    "no prices of the file": (["--prices", "nowhere.csv"], 1, "nowhere.csv"),
    "a period without runs": (["--start", "2023-01-03"], 1, "no run that decided in this period"),
    "a day that is none": (["--start", "May"], 2, "'May' is not a date"),
    "costs that are none": (["--slippage-bps", "5000"], 1, "lies between 0 and 1000"),
    "a fill that is none": (["--fill", "yesterday"], 2, "yesterday"),
    "a strategy that is another": (["--strategy", "nowhere.py:X"], 1, "nowhere.py"),
}


@pytest.mark.parametrize(("given", "code", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_nothing_is_written(
    quant: Quant, ran: Path, tree: Any, given: list[str], code: int, words: str
) -> None:
    before = tree(ran)
    found, out, err = quant(*asked(ran, "--out", "out", *given))
    assert (found, out, err.count("\n")) == (code, "", 1), err
    assert words in err
    assert not Path("out").exists()
    assert tree(ran) == before


def test_prices_and_the_bound_of_the_watchdog_go_together(quant: Quant, ran: Path) -> None:
    code, _, err = quant(*watched(ran, "--most-shortfall", "0.01"))
    assert (code, "--most-shortfall needs --prices" in err) == (2, True)
    code, _, err = quant(*watched(ran, "--prices", ran / "prices.csv"))
    assert (code, "--prices goes with --most-shortfall" in err) == (2, True)
    code, _, err = quant(*watched(ran, "--prices", ran / "prices.csv", "--most-shortfall", "-1"))
    assert (code, "is not a positive share" in err) == (2, True)
