"""Requests in any state of disrepair at a submitter that trades through tqsdk: a sample of the campaign."""

from __future__ import annotations

import json
import subprocess
import sys

from .site_frame import ROOT

MESSAGES = "300"
UNCHECKED = """
import sys
from chaos.fuzz_tq import main
from tq_broker_app.trading import checks

checks._price_problems = lambda *_: iter(())
sys.argv[1:] = ["--messages", "300"]
sys.exit(main())
"""


def campaign(*words: str) -> tuple[int, dict[str, object], str]:
    asked = [sys.executable, *words]
    ended = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, timeout=100, check=False)
    return ended.returncode, json.loads(ended.stdout), ended.stderr


def test_every_request_ends_as_an_answer_or_a_dead_letter() -> None:
    status, found, said = campaign("-m", "chaos.fuzz_tq", "--messages", MESSAGES, "--seed", "7")
    assert (status, found["crashes"], found["wrong"]) == (0, 0, 0), said
    assert all(found.get(outcome) for outcome in ("rejected", "dead letters", "alive", "inserted")), found


def test_the_campaign_finds_an_app_that_does_not_look_at_prices() -> None:
    status, found, said = campaign("-c", UNCHECKED)
    assert (status, found["crashes"]) == (1, 0)
    assert found["wrong"]
    assert "the venue saw" in said
