"""What tests of the command share: running it in this process, what it left, and a strategy of two funds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from textwrap import indent
from typing import Any, NamedTuple

import pytest


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one line of JSON on standard output."""
        assert self.out.count("\n") == 1, self
        return json.loads(self.out)


Quant = Callable[..., Answer]


def call(monkeypatch: pytest.MonkeyPatch, capture: Any, *arguments: object) -> Answer:
    """Run the command in this process."""
    from quant_platform_kit.cli.main import main  # it is large, and most tests do without

    monkeypatch.setattr(sys, "argv", ["quant", *map(str, arguments)])
    capture.readouterr()
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capture.readouterr()
    assert isinstance(stop.value.code, int | None)
    assert "Traceback" not in err
    return Answer(stop.value.code or 0, out, err)


def assert_refused(answer: Answer, *words: str, code: int = 1) -> None:
    """Check for the exit code, nothing on standard output, and exactly one line on standard error."""
    assert (answer.code, answer.out) == (code, ""), answer
    assert answer.err.endswith("\n"), answer
    assert answer.err.count("\n") == 1, answer
    assert answer.err.startswith("quant: "), answer
    for word in words:
        assert word in answer.err, answer


def halves(rule: str, cadence: str = "UNSTATED") -> str:
    """Return the file of a strategy of SPY and AGG; the lines of its rule have ``ctx`` and ``config.shares``."""
    return _HALVES.replace("CADENCE", cadence) + indent(rule, " " * 8) + "\n"


_HALVES = '''
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode


class Halves:
    """Half and half."""

    manifest = StrategyManifest(
        profile="halves",
        display_name="Halves",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.MARKET_HISTORY}),
        managed=("SPY", "AGG"),
        history_sessions=1,
        cadence=Cadence.CADENCE,
        sources=("me",),
    )

    class Config(BaseModel):
        """How much in shares."""

        model_config = ConfigDict(frozen=True, extra="forbid")

        shares: Decimal = Field(default=Decimal("0.5"), ge=0, le=1)

    def evaluate(self, ctx, config):
        """Decide."""
'''
