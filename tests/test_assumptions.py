"""What is assumed of brokers stands in the docs as it stands in the code."""

from __future__ import annotations

import re
from pathlib import Path

from quant_platform_kit.domain.assumptions import ASSUMPTIONS

ROOT = Path(__file__).resolve().parent.parent
DOCS = (ROOT / "docs" / "assumptions.md").read_text("utf-8").splitlines()


def test_every_assumption_is_in_the_docs_and_no_other_is() -> None:
    assert [line for line in DOCS if re.match(r"- `[a-z0-9-]+` \(.+; .+\): ", line)] == [
        one.line for one in ASSUMPTIONS
    ]


def test_ids_are_names_and_each_is_there_once() -> None:
    ids = [one.identity for one in ASSUMPTIONS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*", each) for each in ids)


def test_they_are_about_platforms_that_there_are() -> None:
    apps = {path.parent.name for path in ROOT.glob("apps/*/platform.toml")}
    assert {broker for one in ASSUMPTIONS for broker in one.brokers} <= apps
