"""One request of alpaca-py: it ends in time, is counted, and is answered with JSON or raises what went wrong.

The library itself waits without end, sends again what was answered with 429 or 504, and takes any page for an answer.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from quant_platform_kit.adapters.blocking_client import CallThread
from quant_platform_kit.adapters.pacing import Pacer
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, NeedsLogin
from trading_playbook.sources.usage import Usage

from alpaca_app.pacing import for_requests

__all__ = ["TOO_RECENT", "TooRecent", "Transport", "Unanswered", "document_of", "keys_refused", "said"]

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
    check
        Raises what went wrong with a response, given it and what was asked for: the library never sees such a response,
        and so sends nothing again.

    Attributes
    ----------
    seconds
        How long a request may take, from the connection to the last byte.
    """

    def __init__(
        self,
        inner: Any,
        seconds: float,
        usage: Usage,
        check: Callable[[Any, str], None] | None = None,
        pacer: Pacer | None = None,
    ) -> None:
        self._inner, self.seconds, self._usage = inner, seconds, usage
        self._caller = CallThread("alpaca")
        self._check = check or _check
        self._pacer = pacer or for_requests()

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
                lambda inner: self._read(inner, request, options), self._inner, self.seconds, _nothing
            )
        except TimeoutError:
            self._caller = CallThread("alpaca")
            raise Unanswered(f"{place}: no answer within {self.seconds:g} s") from None
        except OSError as error:
            raise Unanswered(f"{place}: {_words(error)}") from error
        finally:
            self._usage.call_seconds += time.monotonic() - began
        self._check(response, place)
        return response

    def close(self) -> None:
        """End the connections."""
        self._caller.end()
        self._inner.close()

    def _read(self, inner: Any, request: Any, options: dict[str, Any]) -> Any:
        """Return a response that has come to its end."""
        response = inner.send(request, **{**options, "timeout": self.seconds})
        _ = response.content
        return response


def _nothing() -> None:
    """Let a call that came too late end by itself."""


def _check(response: Any, place: str) -> None:
    status, words = response.status_code, said(response)
    if status == HTTPStatus.FORBIDDEN and TOO_RECENT in words:
        raise TooRecent(f"{place}: {words}")
    if status in KEYS:
        raise keys_refused(response)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unanswered(f"{place}: HTTP {status}")
    if status >= HTTPStatus.BAD_REQUEST:
        raise InvalidInput(f"{place}: HTTP {status}{words and ': '}{words}")
    if status != HTTPStatus.OK or not isinstance(document_of(response), dict | list):
        raise Unanswered(f"{place}: HTTP {status} without whole JSON")


def keys_refused(response: Any) -> NeedsLogin:
    """Return the error of keys that a server does not take."""
    where, status = urlsplit(str(response.url)).netloc, response.status_code
    return NeedsLogin(
        f"keys refused by {where} (HTTP {status}): check ALPACA_API_KEY, ALPACA_SECRET_KEY and ALPACA_PAPER"
    )


def said(response: Any) -> str:
    """Return the message of an error, on one line."""
    document = document_of(response)
    text = cast("dict[str, Any]", document).get("message", "") if isinstance(document, dict) else ""
    return " ".join(str(text).split())[:200]


def document_of(response: Any) -> object:
    """Return the JSON of a response; None if it is none."""
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
