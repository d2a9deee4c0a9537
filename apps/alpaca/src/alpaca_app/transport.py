"""One request of alpaca-py: it ends in time, is counted, and is answered with JSON or raises what went wrong.

The library itself waits without end, sends again what was answered with 429 or 504, and takes any page for an answer.
"""

from __future__ import annotations

import json
import re
import time
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from quant_platform_kit.adapters.blocking_client import CallThread
from quant_platform_kit.adapters.pacing import Pacer
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, NeedsLogin
from trading_playbook.sources.usage import Usage

__all__ = ["TooRecent", "Transport", "Unanswered"]

BURST, PER_MINUTE = 100, 90
"""Alpaca takes 200 requests in any minute."""
TOO_RECENT = "subscription does not permit"
KEYS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_WHY = re.compile(r"\[Errno -?\d+\] ([^'\")]+)")


class Unanswered(BrokerError):
    """There was no answer, or none that can be read: asked again, there may be."""


class TooRecent(BrokerError):
    """The subscription does not reach that far."""


class Transport:
    """What a session of requests sends over, in place of its own adapter.

    Parameters
    ----------
    inner
        That adapter.
    seconds
        How long a request may take, from the connection to the last byte.
    """

    def __init__(self, inner: Any, seconds: float, usage: Usage) -> None:
        self._inner, self._seconds, self._usage = inner, seconds, usage
        self._caller = CallThread("alpaca")
        self._pacer = Pacer(burst=BURST, per_minute=PER_MINUTE)

    def send(self, request: Any, **options: Any) -> Any:
        """Send a request once; return its response.

        Raises
        ------
        Unanswered
            Nobody answers in time, or not with JSON.
        NeedsLogin
            The keys are refused.
        TooRecent
            The subscription does not reach that far.
        InvalidInput
            Alpaca takes the request for wrong.
        """
        self._pacer.take()
        place = f"{request.method} {unquote(request.url)}"
        self._usage.calls += 1
        began = time.monotonic()
        try:
            response = self._caller.call(
                lambda inner: self._read(inner, request, options), self._inner, self._seconds, _nothing
            )
        except TimeoutError:
            self._caller = CallThread("alpaca")
            raise Unanswered(f"{place}: no answer within {self._seconds:g} s") from None
        except OSError as error:
            raise Unanswered(f"{place}: {_words(error)}") from error
        finally:
            self._usage.call_seconds += time.monotonic() - began
        _check(response, place)
        return response

    def close(self) -> None:
        """End the connections."""
        self._caller.end()
        self._inner.close()

    def _read(self, inner: Any, request: Any, options: dict[str, Any]) -> Any:
        """Return a response that has come to its end."""
        response = inner.send(request, **{**options, "timeout": self._seconds})
        _ = response.content
        return response


def _nothing() -> None:
    """Let a call that came too late end by itself."""


def _check(response: Any, place: str) -> None:
    status, said = response.status_code, _said(response)
    if status == HTTPStatus.FORBIDDEN and TOO_RECENT in said:
        raise TooRecent(f"{place}: {said}")
    if status in KEYS:
        raise NeedsLogin(
            f"keys refused by {urlsplit(str(response.url)).netloc} (HTTP {status}): check ALPACA_API_KEY, "
            "ALPACA_SECRET_KEY and ALPACA_PAPER"
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unanswered(f"{place}: HTTP {status}")
    if status >= HTTPStatus.BAD_REQUEST:
        raise InvalidInput(f"{place}: HTTP {status}{said and ': '}{said}")
    if status != HTTPStatus.OK or not isinstance(_document(response), dict | list):
        raise Unanswered(f"{place}: HTTP {status} without whole JSON")


def _said(response: Any) -> str:
    """Return the message of an error, on one line."""
    document = _document(response)
    text = cast("dict[str, Any]", document).get("message", "") if isinstance(document, dict) else ""
    return " ".join(str(text).split())[:200]


def _document(response: Any) -> object:
    try:
        return json.loads(response.content, parse_constant=_refuse)
    except ValueError:
        return None


def _refuse(text: str) -> None:
    """Refuse what is no JSON and Python reads all the same: ``NaN``."""
    raise ValueError(text)


def _words(error: OSError) -> str:
    """Return why a connection failed: the system's words where there are some, else the kind of error."""
    found = _WHY.search(str(error))
    return found[1] if found else type(error).__name__
