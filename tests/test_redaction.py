"""No canary survives redaction, and what is kept is kept exactly; `python -m chaos.redaction` takes 10,000."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.domain import redacting
from quant_platform_kit.domain.beliefs import Field, Kind

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from chaos.redaction import run

CASES = 60


def test_no_canary_survives_and_what_is_kept_is_as_it_was() -> None:
    found = run(CASES, seed=2)
    assert found.wrong == []
    assert found.documents == CASES
    assert min(found.canaries, found.kept) > 3 * CASES
    assert found.identities > 3


@pytest.mark.parametrize("mutant", ["numbers", "texts", "keys"])
def test_a_redaction_that_leaves_something_is_caught(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if mutant == "numbers":
        monkeypatch.setattr(redacting._Redaction, "tells", lambda *_: False)
    elif mutant == "texts":
        everything = redacting.Rule("all", lambda *_: True)
        monkeypatch.setattr(redacting, "RULES", (*redacting.RULES, everything))
    else:
        monkeypatch.setattr(redacting._Redaction, "word", lambda _, kind, value: value)
    assert any("is left in" in said for said in run(CASES, seed=2).wrong)


def test_a_scale_that_multiplies_prices_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = redacting._Redaction.kept

    def mutant(self: Any, declared: Field, value: Any) -> Any:
        return kept(self, replace(declared, kinds=declared.kinds - {Kind.PER_UNIT}), value)

    monkeypatch.setattr(redacting._Redaction, "kept", mutant)
    assert any("was wanted" in said for said in run(CASES, seed=2).wrong)
