"""`snapshots list, show, diff, pull`: what is there, and what changed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from quant_platform_kit.adapters.snapshot_reading import published
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.domain.features import FeatureTable, RankedRow
from snapshot_pipelines.page.spread import spread
from snapshot_pipelines.page.words import change_text, tick_text, value_text
from snapshot_pipelines.publish.comparing import column_changes, rank_moves

from .conftest import DECEMBER, Maker, Run


@pytest.fixture
def store(built: Path, run: Run, tmp_path: Path) -> Path:
    """Return a root that was published to, with November rolled back to."""
    run("publish", built, "--to", tmp_path / "store")
    run("publish", f"{built}@2017-11-30", "--to", tmp_path / "store", "--allow-older")
    return tmp_path / "store"


def test_a_list_names_every_version_and_the_latest(store: Path, run: Run) -> None:
    listed = json.loads(run("list", store, "--json").out)["snapshots"]
    assert [(one["as_of"], one["latest"]) for one in listed] == [
        ("2017-10-31", False),
        ("2017-11-30", True),
        ("2017-12-29", False),
    ]
    told = run("list", store).out
    assert re.search(r"2017-11-30.*latest", told)
    assert run("list", store, "--profile", "others").code == 1
    assert "there is no version at" in run("list", store.parent / "nowhere").err


def test_a_snapshot_is_shown_with_its_ranking_and_what_is_known(store: Path, run: Run) -> None:
    shown = run("show", store)
    assert shown.code == 0, shown.err
    assert "small as of 2017-11-30, 7 rows" in shown.out
    assert re.search(r"│ 1 │ [A-E]{3}\s+│ Energy │", shown.out)
    assert re.search(r"mom_6_1\s+│ 5 of 5 │ █{24}", shown.out)
    document = json.loads(run("show", f"{store}@2017-12-29", "--json", "--top", "2").out)
    assert (document["as_of"], document["members"], document["known"]["vol_63"]) == ("2017-12-29", 5, 5)
    assert [row["rank"] for row in document["ranking"]] == [1, 2]
    assert document["summary"]["in_words"]


def test_a_page_loads_nothing_and_tells_all(built: Path, run: Run, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "page.html"
    assert run("show", f"{built}@2017-12-29", "--html", page).code == 0
    text = page.read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert "<script" not in text
    for part in ("What a reader should know", "Ranking", "Features", "Sectors", "Changes", "Manifest", "sectors.csv"):
        assert part in text
    assert text.count('id="spread-') == 2 * len(re.findall(r"<h3><code>", text)), "a title and words for each drawing"
    assert "2017-11-30" in text, "compared with the session before"
    assert '<td class="number">5</td>' in text
    first = run("show", f"{built}@2017-10-31", "--html", page)
    assert first.code == 0
    assert "There is no earlier snapshot here to compare with." in page.read_text()


def test_a_page_compares_with_the_snapshot_that_is_named(built: Path, run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run("show", f"{built}@2017-12-29", "--html", page, "--against", f"{built}@2017-10-31").code == 0
    assert "Against the snapshot of 2017-10-31" in page.read_text()


def test_a_page_of_a_profile_without_a_ranking_says_so(built: Path, maker: Maker, run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    silent = f"{maker.folder / 'small.py'}:Silent"
    assert run("show", built, "--strategy", silent, "--html", page).code == 0
    shown = run("show", f"{built}@2017-11-30", "--config", "holdings=2", "--html", page)
    assert shown.code == 0


def test_a_page_that_cannot_be_written_is_told_in_one_line(built: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run("show", built, "--html", tmp_path / "file" / "page.html")
    assert refused.code == 1
    assert "cannot be written" in refused.err
    assert refused.err.count("\n") == 1


def test_a_difference_names_what_changed(built: Path, run: Run) -> None:
    done = run("diff", f"{built}@2017-10-31", f"{built}@2017-11-30", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    columns = {column["name"]: column for column in document["columns"]}
    assert columns["history"] == {
        "name": "history",
        "changed": 7,
        "median": 21,
        "largest": 21,
        "symbol": "AAA",
        "known": [7, 7],
    }
    assert columns["member"]["changed"] == 0
    assert len(document["ranking"]) == 5
    assert "Columns, in the rows of both" in run("diff", f"{built}@2017-10-31", f"{built}@2017-11-30").out
    same = run("diff", f"{built}@2017-10-31", f"{built}@2017-10-31")
    assert "every column is the same in the rows of both" in same.out


def test_two_profiles_are_not_compared(maker: Maker, run: Run, tmp_path: Path) -> None:
    profiles = ("mega_cap_leader_rotation", "russell_1000_multi_factor_defensive")
    first, second = (maker.build(tmp_path, DECEMBER, strategy=bind(find_strategy(name)))[0] for name in profiles)
    refused = run("diff", first, second, own=False)
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert f"OLD is of {profiles[0]}, NEW of {profiles[1]}; name two snapshots of one profile" in refused.err


@pytest.mark.parametrize("command", [("show",), ("verify",), ("publish", "--to", "anywhere")])
def test_of_an_unknown_profile_it_is_said_how_to_name_ones_own(built: Path, run: Run, command: tuple[str, ...]) -> None:
    refused = run(command[0], built, *command[1:], own=False)
    assert refused.code == 1
    assert "profile 'small' is not known" in refused.err
    assert "if it is your own, add --strategy FILE.py:CLASS" in refused.err


def test_changes_of_columns_and_places_are_counted() -> None:
    old = FeatureTable(["A", "B", "C"], {"x": np.array([1.0, np.nan, 3.0]), "y": np.array([1.0, 1.0, 1.0])})
    new = FeatureTable(["B", "C", "D"], {"x": np.array([2.0, 5.0, 9.0]), "z": np.array([1.0, 1.0, 1.0])})
    (change,) = column_changes(old, new)
    assert (change.name, change.changed, change.median, change.largest, change.symbol) == ("x", 2, 2.0, 2.0, "C")
    assert (change.known_before, change.known_after) == (1, 2)
    moves = rank_moves([RankedRow(1, "A", 2.0), RankedRow(2, "B", 1.0)], [RankedRow(1, "C", 2.0)], 1)
    assert [(move.symbol, move.before, move.after) for move in moves] == [("C", None, 1), ("A", 1, None)]


def test_values_are_written_as_a_person_reads_them() -> None:
    assert value_text("mom_6_1", 0.0788).replace("\u202f", " ") == "7.9 %"
    assert value_text("adv20_usd", 123_456_789.0) == "123M"
    assert value_text("beta_252", 1.234) == "1.23"
    assert value_text("history", 1741.0) == "1,741"
    assert value_text("vol_63", float("nan")) == "—"
    assert change_text("vol_63", 0.0123) == "1.23 pp"
    assert tick_text("vol_63", 0.2, [0.2, 0.4]).replace("\u202f", " ") == "20 %"
    assert tick_text("beta_252", 1.0, [0.5, 1.0]) == "1.0"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["vol_63", "adv20_usd"])
@pytest.mark.parametrize(
    "values", [[0.2], [0.0, 0.0], [1e-300, 1e300], [-1.0, 1.0, np.nan], [1.0, 1.0, 1.0], list(np.linspace(1, 2, 400))]
)
def test_any_values_can_be_drawn(name: str, values: list[float]) -> None:
    for before in (None, np.array([1.0, 2.0]), np.array([np.nan])):
        drawn = spread(name, np.array(values), before)
        assert drawn is not None
        assert "nan" not in drawn.chart
        assert "inf" not in drawn.chart
    assert spread(name, np.array([np.nan]), None) is None


def test_a_snapshot_is_pulled_with_its_manifest_and_verified(store: Path, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    pulled = run("pull", store, "--out", out, "--json")
    assert pulled.code == 0, pulled.err
    document = json.loads(pulled.out)
    found = published(Path(document["manifest"]).read_bytes())
    assert found.digest == document["manifest_sha256"]
    assert Path(document["rows"]).read_bytes() == (store / found.manifest.snapshot_path).read_bytes()
    assert run("verify", out).code == 0
    assert run("pull", store, "--out", out).code == 0, "what is there already is the same"
    Path(document["rows"]).write_bytes(b"other")
    assert "has another content than its name says" in run("pull", store, "--out", out).err


def test_a_damaged_snapshot_is_not_pulled(store: Path, run: Run, tmp_path: Path) -> None:
    damaged = shutil.copytree(store, tmp_path / "damaged")
    for rows in (damaged / "versions/2017-11-30").glob("*.parquet"):
        rows.write_bytes(b"PAR1")
    refused = run("pull", damaged, "--out", tmp_path / "mine")
    assert refused.code == 1
    assert "the file was changed or cut" in refused.err
    assert not (tmp_path / "mine").exists()
