"""`quant compare`: results read back, held against each other, and everything that is refused."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.cli.main import main
from quant_platform_kit.domain.measures import measures
from quant_platform_kit.domain.performance import drawdown
from quant_platform_kit.testing.synthetic import synthetic_prices

Quant = Callable[..., tuple[int, str, str]]
FIRST, LAST = date(2021, 1, 4), date(2022, 6, 30)


@pytest.fixture
def quant(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Quant:
    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["quant", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three results: of one rule, its later half, and of another rule."""
    folder = tmp_path_factory.mktemp("kept")
    made = synthetic_prices(("AGG", "BIL", "DBC", "EFA", "IEF", "SPY", "VNQ"), load_calendar("XNYS"), FIRST, LAST)
    columns = {"date": made.days, "symbol": [made.symbols[code] for code in made.codes], **made.columns}
    pd.DataFrame(columns).to_parquet(folder / "prices.parquet")
    for name, profile, start in (
        ("gem", "dual_momentum", "2022-02-01"),
        ("late", "dual_momentum", "2022-04-01"),
        ("faber", "tactical_asset_allocation", "2022-02-01"),
    ):
        words = ["backtest", "--profile", profile, "--prices", folder / "prices.parquet", "--start", start]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["quant", *map(str, words), "--end", str(LAST), "--out", str(folder / name)])
            with pytest.raises(SystemExit) as stop:
                main()
        assert not stop.value.code
    return folder


def test_figures_are_of_the_sessions_that_all_have(quant: Quant, kept: Path) -> None:
    code, out, _ = quant("compare", kept / "gem", kept / "late", "--json")
    found = json.loads(out)
    curve = pd.read_parquet(kept / "gem" / "equity.parquet").set_index("session")["equity"].loc[date(2022, 4, 1) :]
    assert code == 0
    assert (found["start"], found["end"], found["sessions"]) == ("2022-04-01", "2022-06-30", len(curve))
    gem = found["results"]["gem"]
    values = curve.to_numpy()
    assert gem["final_multiple"] == pytest.approx(values[-1] / values[0])
    assert gem["measures"]["max_drawdown"] == pytest.approx(drawdown(values).min())
    assert gem["measures"]["sortino"] == pytest.approx(measures(list(curve.index), values).sortino)
    assert gem["years"] == {"2022": pytest.approx(values[-1] / values[0] - 1)}
    assert found["differences"] == []
    assert found["decided"] == len(curve) - 1


def test_decisions_that_differ_are_named_with_what_each_decided(quant: Quant, kept: Path) -> None:
    found = json.loads(quant("compare", kept / "gem", kept / "faber", "--json")[1])
    decided = {
        name: [json.loads(line) for line in (kept / name / "decisions.jsonl").read_text().splitlines()]
        for name in ("gem", "faber")
    }
    differ = [
        one["as_of"]
        for one, other in zip(*decided.values(), strict=True)
        if (one["action"], one["targets"]) != (other["action"], other["targets"])
    ]
    assert [one["as_of"] for one in found["differences"]] == differ
    assert len(differ) == 4, "both decide at month ends"
    for one in found["differences"]:
        for name, lines in decided.items():
            (line,) = (line for line in lines if line["as_of"] == one["as_of"])
            assert one["decisions"][name] == {key: line[key] for key in ("action", "target_mode", "targets")}


def test_the_table_and_the_page_say_the_same(quant: Quant, kept: Path, tmp_path: Path) -> None:
    code, out, _ = quant("compare", kept / "gem", kept / "faber", kept / "late", "--out", tmp_path / "out")
    page = (tmp_path / "out" / "comparison.html").read_text()
    document = json.loads((tmp_path / "out" / "comparison.json").read_bytes())
    assert code == 0
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == ["comparison.html", "comparison.json"]
    for name in ("Sortino ratio", "Ulcer index", "Calmar ratio", "2022"):
        (row,) = re.findall(rf"<th scope=\"row\" class=\"plain\">{name}</th>(.*?)</tr>", page)
        values = re.findall(r"<td class=\"number\">(.*?)</td>", row)
        (shown,) = (line for line in out.splitlines() if line.startswith(f"│ {name} "))
        assert [cell.strip() for cell in shown.split("│")[2:-1]] == values
    assert f"decisions  {len(document['differences'])} of {document['decided']} differ" in out
    assert page.count('class="line own"') == page.count('class="line peer"') == page.count('class="line c2"') == 2
    assert "What differs" in page
    assert "tactical_asset_allocation" in page
    assert not re.search(r"https?:|url\(|@import", page)


def test_a_result_that_is_compared_with_its_like_decided_the_same(quant: Quant, kept: Path, tmp_path: Path) -> None:
    shutil.copytree(kept / "gem", tmp_path / "twin")
    quant("compare", kept / "gem", tmp_path / "twin", "--out", tmp_path / "out")
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert "All of them decided the same" in page
    assert "What differs" not in page


def test_folders_of_one_name_are_told_apart_by_their_paths(quant: Quant, kept: Path, tmp_path: Path) -> None:
    shutil.copytree(kept / "gem", tmp_path / "gem")
    found = json.loads(quant("compare", kept / "gem", tmp_path / "gem", "--json")[1])
    assert list(found["results"]) == [str(kept / "gem"), str(tmp_path / "gem")]


def test_another_comparison_is_replaced_only_by_force(quant: Quant, kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    quant("compare", kept / "gem", kept / "late", "--out", out)
    before = (out / "comparison.json").read_bytes()
    assert quant("compare", kept / "gem", kept / "late", "--out", out)[0] == 0
    code, _, err = quant("compare", kept / "gem", kept / "faber", "--out", out)
    assert (code, err.count("\n")) == (1, 1)
    assert f"--out {out} holds another result" in err
    assert (out / "comparison.json").read_bytes() == before
    assert quant("compare", kept / "gem", kept / "faber", "--out", out, "--force")[0] == 0
    assert (out / "comparison.json").read_bytes() != before


def without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def written(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def older(folder: Path) -> None:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_bytes())
    del summary["produced_by"]
    (folder / "summary.json").write_text(json.dumps(summary))


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "no summary": (without("summary.json"), "holds no back-test: it has no summary.json"),
    "no curve": (without("equity.parquet"), "holds no back-test: it has no equity.parquet"),
    "no decisions": (without("decisions.jsonl"), "holds no back-test: it has no decisions.jsonl"),
    "no folder": (shutil.rmtree, "holds no back-test"),
    "a summary that is no JSON": (written("summary.json", b"{"), "cannot be read (JSONDecodeError"),
    "a summary that is a list": (written("summary.json", b"[]"), "does not say what produced it"),
    "a summary of an older version": (older, "does not say what produced it, as older versions do not"),
    "a curve that is no parquet": (written("equity.parquet", b"PAR1"), "cannot be read ("),
    "decisions that are not": (written("decisions.jsonl", b'{"as_of": "2022-02-01"}\n'), "cannot be read (KeyError"),
}


@pytest.mark.parametrize(("spoil", "told"), BAD.values(), ids=BAD)
def test_a_folder_that_is_no_result_is_one_line_and_nothing_is_written(
    quant: Quant, kept: Path, tmp_path: Path, spoil: Callable[[Path], object], told: str
) -> None:
    shutil.copytree(kept / "late", tmp_path / "bad")
    spoil(tmp_path / "bad")
    code, out, err = quant("compare", kept / "gem", tmp_path / "bad", "--out", tmp_path / "out")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"{tmp_path / 'bad'} " in err
    assert told in err
    assert not (tmp_path / "out").exists()


def test_results_that_cannot_be_compared_are_refused(quant: Quant, kept: Path, tmp_path: Path) -> None:
    for words, told in (
        ((kept / "gem",), "1 results were named; between 2 and 8"),
        ((kept / "gem", kept / "gem"), "is named twice"),
        ((kept / "gem", kept / "elsewhere" / ".." / "gem"), "is named twice"),
    ):
        code, out, err = quant("compare", *words, "--out", tmp_path / "out")
        assert (code, out, err.count("\n")) == (1, "", 1), err
        assert told in err
    frame = pd.read_parquet(kept / "gem" / "equity.parquet")
    shutil.copytree(kept / "gem", tmp_path / "before")
    frame.assign(session=[date.fromordinal(day.toordinal() - 700) for day in frame["session"]]).to_parquet(
        tmp_path / "before" / "equity.parquet"
    )
    code, _, err = quant("compare", kept / "gem", tmp_path / "before", "--out", tmp_path / "out")
    assert (code, err.count("\n")) == (1, 1)
    assert "0 sessions in common, and two are needed: gem has 2022-02-01 to 2022-06-30; before has" in err
    assert quant("compare")[0] == 2
    assert not (tmp_path / "out").exists()
