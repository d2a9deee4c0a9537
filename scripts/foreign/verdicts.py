"""How a flow reports: one line of JSON for each call. Needs the standard library only.

A call *works* if it is answered with what it asks for, is *refused* if it is answered with an error in the shape of the
broker that names it, *hangs* if nothing comes within its time, and is *wrong* otherwise.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import urllib.request
from collections.abc import Callable
from typing import Any

__all__ = ["Refused", "Wrong", "book", "finish", "given", "judge", "report"]

LIMIT = 15.0
WORKS, REFUSED, WRONG, HANGS = "works", "refused", "wrong", "hangs"


class Refused(Exception):
    """The venue has refused a call, in the shape of the broker."""


class Wrong(Exception):
    """The venue has answered, and not as it should."""


def given() -> dict[str, Any]:
    """Return what the flow is told: ports, keys and tokens of the venue."""
    return json.loads(sys.argv[1])


def report(call: str, verdict: str, detail: object = "") -> None:
    """Tell what became of a call."""
    print(json.dumps({"call": call, "verdict": verdict, "detail": str(detail)[:200]}), flush=True)


def judge(call: str, run: Callable[[], object], *, must: str = "") -> None:
    """Make a call in a thread of its own, and report on it.

    Parameters
    ----------
    must
        The only verdict that is right, where there is one: an order with an option that is not served may not work.
    """
    found: list[tuple[str, object]] = []

    def make() -> None:
        try:
            found.append((WORKS, _shown(run())))
        except Refused as refused:
            found.append((REFUSED, refused))
        except BaseException as error:  # noqa: BLE001 - whatever the client raises is the finding
            found.append((WRONG, f"{type(error).__name__}: {error}"))

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    thread.join(LIMIT)
    verdict, detail = found[0] if found else (HANGS, f"no answer in {LIMIT:g} s")
    if must and verdict in (WORKS, REFUSED) and verdict != must:
        verdict, detail = WRONG, f"it {verdict}, and must not: {detail}"
    report(call, verdict, detail)


def book() -> list[dict[str, Any]]:
    """Return the orders in the venue's own book."""
    with urllib.request.urlopen(f"http://127.0.0.1:{given()['control_port']}/_control/book", timeout=10) as answer:
        return json.load(answer)["orders"]


def finish() -> None:
    """End the process at once, whatever threads of the client still run."""
    sys.stdout.flush()
    os._exit(0)


def _shown(value: object) -> object:
    if isinstance(value, list | tuple | dict):
        return f"{type(value).__name__} of {len(value)}"  # pyright: ignore[reportUnknownArgumentType]
    return value
