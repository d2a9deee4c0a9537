"""Requests in any state of disrepair at a submitter that trades through tqsdk: a sample of the campaign."""

from __future__ import annotations

import json
import subprocess
import sys

from .site_frame import ROOT

PROGRAM = """
import json, sys
from chaos.fuzz_tq import fuzz, main
from tq_broker_app.trading import checks

sys.argv[1:] = ["--messages", "300", "--seed", "7"]
status = main()
checks._price_problems = lambda *_: iter(())
careless = fuzz(300, 1)
print(json.dumps([status, careless.good, careless.wrong]))
"""


def test_every_request_ends_as_an_answer_or_a_dead_letter_and_an_app_that_does_not_look_is_found() -> None:
    asked = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    found, (status, good, wrong) = map(json.loads, ended.stdout.splitlines())
    assert (status, found["crashes"], found["wrong"]) == (0, 0, 0), ended.stderr
    assert all(found.get(outcome) for outcome in ("rejected", "dead letters", "alive", "inserted")), found
    assert not good
    assert all("the venue saw" in said and said.endswith("price") for said in wrong), wrong
