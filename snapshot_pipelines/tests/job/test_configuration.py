"""``job.toml``: what it may say, and one line for each mistake."""

from __future__ import annotations

from typing import Any

import pytest
from quant_platform_kit.domain.errors import InvalidInput
from snapshot_pipelines.job.configuration import JobMistakes, read_job

MISTAKES = {
    "profiles": ("[]", "profiles is []"),
    "root": ('"s3://bucket/x"', "root is 's3://bucket/x': give a folder, file:///folder or gs://bucket/prefix"),
    "sectors": ("7", "sectors is 7: give the path of a file"),
    "prices": ("[]", "prices is missing; give price files, or pull them with [pull] platform"),
    "daily": ('"yes"', "daily is 'yes'"),
    "as_of": ('"November"', "as_of is 'November': write a date, as 2018-11-30"),
    "notify": ('["mailto://me:secret@example.org"]', "notify.0 is"),
    "config": ('{ other = "x.json" }', "config.other is of no profile of this job"),
    "strategies": ('{ other = "x.py:X" }', "strategies.other is of no profile of this job"),
    "pull": ('{ platform = "ibkr", years = 1 }', "pull.years is 1"),
    "price": ('["a.parquet"]', "price is no key of a job; known: profiles, root"),
}


@pytest.mark.parametrize("key", MISTAKES)
def test_a_mistake_is_one_line_that_names_key_value_and_what_to_write(office: Any, key: str) -> None:
    text, said = MISTAKES[key]
    office.job(**{key: text})

    ended = office.run("2017-11-30T22:00")

    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert said in ended.err
    assert not office.root.exists()
    assert not office.people.told


def test_every_mistake_has_its_line(office: Any) -> None:
    office.job(root="1", sectors=None, daily="2")
    ended = office.run("2017-11-30T22:00")
    assert [line.partition(".toml: ")[2].partition(" is ")[0] for line in ended.err.splitlines()] == [
        "root",
        "sectors",
        "daily",
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pull": '{ platform = "ibkr" }', "prices": None}, "folder is missing"),
        ({"pull": '{ platform = "ibkr" }', "folder": '"work"'}, "pull.symbols is missing"),
        ({"profiles": '["small", "small"]'}, "profiles names one twice"),
    ],
)
def test_what_does_not_go_together_is_named(office: Any, changed: dict[str, str | None], said: str) -> None:
    with pytest.raises(JobMistakes, match=said.replace(".", r"\.")):
        read_job(office.job(**changed))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"profiles": '["no_such"]', "strategies": None}, "no_such"),
        ({"profiles": '["dual_momentum"]', "strategies": None}, "reads no feature snapshot"),
        ({"notify": '["NOT_SET_ANYWHERE"]'}, "NOT_SET_ANYWHERE, which is not set"),
        ({"strategies": '{ small = "small.py:None" }'}, "small.py"),
    ],
)
def test_what_is_not_there_is_named_and_nothing_is_done(office: Any, changed: dict[str, str | None], said: str) -> None:
    office.job(**changed)
    ended = office.run("2017-11-30T22:00")
    assert ended.code == 1
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert not office.root.exists()


def test_paths_are_from_the_folder_of_the_job(office: Any) -> None:
    job = read_job(office.job(membership='"members/m.csv"', folder='"work"', root='"gs://bucket/x"'))
    assert job.membership == office.folder / "members" / "m.csv"
    assert job.folder == office.folder / "work"
    assert job.prices[0] == office.folder / "stocks.parquet"
    assert job.root == "gs://bucket/x"


def test_a_file_that_is_no_toml_is_refused(office: Any) -> None:
    office.job().write_text("profiles = [", "utf-8")
    with pytest.raises(InvalidInput, match="is not TOML"):
        read_job(office.folder / "job.toml")


def test_an_instant_in_the_future_is_refused(office: Any) -> None:
    ended = office.run("2099-01-01T00:00")
    assert ended.code == 2
    assert "lies in the future" in ended.err
