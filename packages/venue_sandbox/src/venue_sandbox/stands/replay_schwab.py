"""What Schwab said in a capture, said again to its client library over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from quant_platform_kit.adapters.captures import Capture, exact_json
from quant_platform_kit.adapters.documents import mappings
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.services.operate.contact.reading import Met

from venue_sandbox.stands.replaying import lacks, meeting, told_time
from venue_sandbox.stands.schwab import SchwabClients
from venue_sandbox.stands.stand import Waits
from venue_sandbox.venues.http.replaying import NO_ANSWER, Told, answering

__all__ = ["replaying"]

ACCOUNTS = "GET /trader/v1/accounts/accountNumbers"
PREFIX = "DUSBX"
"""Accounts of the sandbox begin so, and the app takes no others here."""
DAY_SECONDS = 86_400
WAITS = Waits(5.0, timedelta(seconds=1))


@contextmanager
def replaying(capture: Capture) -> Generator[Met]:
    """Return the first account of a capture, over the unmodified client library; raises `InvalidInput`."""
    accounts = [str(each.get("accountNumber")) for each in _accounts(capture)]
    if not accounts:
        raise lacks(capture, "list of accounts over HTTP")
    now = told_time((exchange.get("at") for _, exchange in capture.exchanges), capture.manifest)
    with TemporaryDirectory() as name, answering(_finding(capture), now) as port:
        token = Path(name) / "token.json"
        token.write_text(json.dumps(_token()))
        with meeting(SchwabClients(port, token, WAITS).account(f"{PREFIX}{accounts[0]}", FileStore(Path(name)))) as met:
            yield met


def _accounts(capture: Capture) -> Sequence[Mapping[str, Any]]:
    bodies = [exchange.get("body") for subject, exchange in capture.exchanges if subject == ACCOUNTS]
    body = next((body for body in reversed(bodies) if body), ())
    return mappings(cast("object", body), "the accounts")


def _token() -> dict[str, Any]:
    """Return a login of now, as the client library keeps it."""
    now = int(time.time())
    token = {
        "access_token": "replay",
        "refresh_token": "replay",
        "token_type": "Bearer",
        "expires_at": now + DAY_SECONDS,
    }
    return {"creation_timestamp": now, "token": token}


def _finding(capture: Capture) -> Callable[[str, str, str], Told]:
    """Return what finds the answer to a request: the newest one to the same question."""
    from schwab_app.wire import query_of, route_of

    def find(method: str, path: str, query: str) -> Told:
        found = route_of(method, path)
        if found is None:
            return NO_ANSWER
        (route, names), asked = found, query_of(query)
        same = [
            exchange
            for subject, exchange in capture.exchanges
            if subject == route and exchange.get("names") == [*names] and _answers(exchange.get("query") or {}, asked)
        ]
        best = max(same[::-1], default=None, key=lambda each: (each.get("status") == 200, each.get("query") == asked))
        return NO_ANSWER if best is None else _told(route, best)

    return find


def _answers(told: Mapping[str, Sequence[str]], asked: Mapping[str, Sequence[str]]) -> bool:
    """Whether an answer to one query has some of what another asks for: instants and numbers may differ."""
    wanted = {name: words for name, values in asked.items() if (words := _words(values))}
    return all(not words.isdisjoint(told.get(name, ())) for name, words in wanted.items())


def _words(values: Sequence[str]) -> frozenset[str]:
    return frozenset(value for value in values if not (value.isdigit() or value[10:11] == "T"))


def _told(route: str, exchange: Mapping[str, Any]) -> Told:
    body = exchange.get("body")
    if route == ACCOUNTS and isinstance(body, list):
        told = mappings(cast("object", body), "accounts")
        body = [{**each, "accountNumber": f"{PREFIX}{each.get('accountNumber')}"} for each in told]
    if isinstance(body, str):
        return Told(int(exchange.get("status", 200)), body, is_json=False)
    return Told(int(exchange.get("status", 200)), "" if body is None else exact_json(body))
