"""Configurations as they are given: pairs, TOML and JSON files, whose they are, and by what they are known."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from quant_platform_kit.adapters.strategies import bind, read_config
from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode


class WithDefaults:
    """Needs no configuration."""

    manifest = StrategyManifest("plain", "Plain", TargetMode.WEIGHT, frozenset[InputName](), ("AAA",), 0, ("nowhere",))

    class Config(BaseModel):
        """Two settings, of which the second may not be below the first."""

        model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

        holdings: Annotated[int, Field(ge=1)] = 3
        keep: float = 5.0

        @field_validator("keep")
        @classmethod
        def _holds(cls, value: float, info: ValidationInfo) -> float:
            if value < info.data.get("holdings", value):
                raise ValueError("it is at least holdings")
            return value


class OutOfItsFile(WithDefaults):
    """Needs its file."""

    class Config(WithDefaults.Config):
        """Says whose it is."""

        profile: Literal["plain"]
        names: tuple[str, ...]


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """Return a function that writes a file of settings and returns its name."""

    def write(content: object, name: str = "given.json") -> str:
        data = content if isinstance(content, bytes) else json.dumps(content, indent=1).encode()
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return write


def test_a_json_file_alone_is_known_by_its_bytes(written: Any) -> None:
    content = b'{"profile": "plain",   "holdings": 4}\n'
    bound = bind(WithDefaults(), read_config([written(content)]))
    assert bound.config_values == {"holdings": 4, "keep": 5.0}
    assert bound.config_digest == sha256(content).hexdigest()


def test_anything_else_is_known_by_its_values(written: Any) -> None:
    path = written({"holdings": 4})
    for items in ([], ["holdings=3"], [path, "holdings=3"], [written(b"holdings = 3", "given.toml")]):
        bound = bind(WithDefaults(), read_config(items))
        assert bound.config_values == {"holdings": 3, "keep": 5.0}
        assert bound.config_digest == sha256(canonical_json({"holdings": 3, "keep": 5.0})).hexdigest()


def test_later_items_win_whatever_they_are(written: Any) -> None:
    json_file, toml_file = written({"holdings": 4}), written(b"holdings = 2", "given.toml")
    for items, holdings in (([json_file, toml_file], 2), ([toml_file, json_file], 4), (["holdings=1", toml_file], 2)):
        assert bind(WithDefaults(), read_config(items)).config_values["holdings"] == holdings


@pytest.mark.parametrize("strategy", [WithDefaults(), OutOfItsFile()])
def test_a_file_of_another_profile_is_refused(strategy: Any, written: Any) -> None:
    given = read_config([written({"profile": "other", "names": []})])
    with pytest.raises(InvalidInput, match=r"^config of plain: the file is of profile 'other'; give that of plain$"):
        bind(strategy, given)


def test_a_profile_that_has_to_be_named_is_read_from_a_file_or_from_recorded_values(written: Any) -> None:
    content = {"profile": "plain", "names": ["b", "a"]}
    bound = bind(OutOfItsFile(), read_config([written(content)]))
    assert bound.config_values == {"holdings": 3, "keep": 5.0, "profile": "plain", "names": ["b", "a"]}
    assert bind(OutOfItsFile(), bound.config_values).config_values == bound.config_values


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"names": []}, "profile is missing; give a JSON file with all of: profile, names"),
        ({"profile": "plain"}, "names is missing; give a JSON file with all of: profile, names"),
        ({"profile": "plain", "names": [], "x": 1}, "x is not known; known: holdings, keep, profile, names"),
        ({"profile": "plain", "names": [], "keep": 2}, "keep is 2: it is at least holdings"),
        ({"profile": "plain", "names": "a"}, "names is 'a': Input should be a valid tuple"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(content: object, sentence: str, written: Any) -> None:
    with pytest.raises(InvalidInput, match=f"^config of plain: {sentence}$"):
        bind(OutOfItsFile(), read_config([written(content)]))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"holdings = 4", "is not JSON: "),
        (b"\xff\xfe", "is not JSON: "),
        (b'{"holdings": 4} {}', "is not JSON: "),
        (b"[" * 100_000, "is not JSON: "),
        (b'{"holdings": 4, "holdings": 5}', "is not JSON: holdings stands in it twice$"),
        (b'{"keep": NaN}', "is not JSON: NaN is no number$"),
        (b'{"keep": -Infinity}', "is not JSON: -Infinity is no number$"),
        (b"[4]", r"is no JSON object of settings; write \{KEY: VALUE, \.\.\.\}$"),
        (b"", "is not JSON: "),
    ],
)
def test_a_file_that_is_no_object_of_json_is_refused_by_name(content: bytes, why: str, written: Any) -> None:
    path = written(content)
    with pytest.raises(InvalidInput, match=rf"^--config {path} {why}") as refused:
        read_config([path])
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for name in ("absent.json", "absent.toml", "."):
        with pytest.raises(InvalidInput, match=r"; give KEY=VALUE, a TOML or a JSON file$"):
            read_config([str(tmp_path / name)])
