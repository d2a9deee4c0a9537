"""The points of a sweep."""

from __future__ import annotations

import pytest
from quant_platform_kit.domain.axes import MOST_POINTS, Axis, drawn, grid, parse_axis
from quant_platform_kit.domain.errors import InvalidInput


def test_a_range_has_both_ends_and_no_noise() -> None:
    assert parse_axis("drift=0.03:0.07:0.01").values == ("0.03", "0.04", "0.05", "0.06", "0.07")
    assert parse_axis("count=1:10:4").values == ("1", "5", "9")
    assert parse_axis(" mode = fast, slow").values == ("fast", "slow")


def test_a_grid_is_every_combination_in_order() -> None:
    points = grid([parse_axis("a=1,2"), parse_axis("b=x,y,z")])
    assert [tuple(point.values()) for point in points] == [(a, b) for a in "12" for b in "xyz"]
    assert list(points[0]) == ["a", "b"]


def test_points_are_drawn_by_the_seed_within_their_bounds_and_never_twice() -> None:
    axes = [parse_axis("drift=0.0:0.5"), parse_axis("count=1:3"), parse_axis("mode=fast,slow")]
    points = drawn(axes, 40, 7)
    assert points == drawn(axes, 40, 7) != drawn(axes, 40, 8)
    assert len({tuple(point.values()) for point in points}) == 40
    assert all(0 <= float(point["drift"]) <= 0.5 for point in points)
    assert {point["count"] for point in points} == {"1", "2", "3"}
    assert {point["mode"] for point in points} == {"fast", "slow"}
    assert len(drawn([parse_axis("count=1:3")], 3, 1)) == 3


BAD = {
    "drift": "write NAME=A,B,C",
    "=1,2": "write NAME=A,B,C",
    "drift=": "write NAME=A,B,C",
    "drift=1,,2": "has an empty value",
    "drift=1:2:3:4": "has 4 parts",
    "drift=a:b:c": "'a' is not a number",
    "drift=0:nan:1": "'nan' is not a number",
    "drift=2:1:1": "1 is below 2",
    "drift=0:1:-1": "the step is -1",
    "drift=0:1:0.00001": f"100001 values; a sweep has at most {MOST_POINTS}",
}


@pytest.mark.parametrize(("text", "told"), BAD.items())
def test_an_axis_that_cannot_be_meant_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=r"^.+$") as refused:
        parse_axis(text)
    assert told in str(refused.value)


def test_points_that_cannot_be_meant_are_refused() -> None:
    one = parse_axis("a=1,2")
    with pytest.raises(InvalidInput, match="something to vary"):
        grid([])
    with pytest.raises(InvalidInput, match="a was given twice"):
        grid([one, one])
    with pytest.raises(InvalidInput, match="range without a step"):
        grid([parse_axis("a=1:2")])
    with pytest.raises(InvalidInput, match="the grid has 40000 points"):
        grid([Axis(name, tuple(map(str, range(200)))) for name in "ab"])
    with pytest.raises(InvalidInput, match="only 2 different points"):
        drawn([one], 3, 0)
    with pytest.raises(InvalidInput, match="--random is 0"):
        drawn([one], 0, 0)
