"""A client of the library: every request has a hard limit, look-ups are repeated, what changes something is sent once.

The library sends again by itself what was answered with 429 or 504, orders included, and cannot be told not to. Its
session therefore raises what such an answer means, so that the library never sees one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from quant_platform_kit.adapters.blocking_client import Deadline, Turns
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.services.record.seen import Seen
from trading_playbook.sources.usage import Usage

from alpaca_app.library import session_of
from alpaca_app.pacing import for_requests
from alpaca_app.transport import TOO_RECENT, TooRecent, Transport, Unanswered, document_of, keys_refused, said

__all__ = ["Connection", "Refusal"]

FIRST_WAIT, LONGEST_WAIT = 0.25, 4.0
BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


class Refusal(BrokerError):
    """Alpaca answered that it will not do what was asked; nothing was done.

    Attributes
    ----------
    status
        Of HTTP.
    """

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"HTTP {status}{words and ': '}{words}")
        self.status, self.words = status, words


class Connection:
    """One client of the library, made anew after `close`, shared by whoever has one key.

    Parameters
    ----------
    make
        Makes it.
    is_sandbox
        Whether it is for a venue on this machine, to which no proxy leads.

    Attributes
    ----------
    timeout
        Seconds that one call of the kit may take, whatever it asks for.
    seen
        Handed every document before it is read.
    """

    def __init__(self, make: Callable[[], Any], timeout: float, seen: Seen, *, is_sandbox: bool) -> None:
        self._make, self.timeout, self.seen, self._is_sandbox = make, timeout, seen, is_sandbox
        self._client: Any = None
        self._transport: Transport | None = None
        self._usage, self._pacer = Usage(), for_requests()
        self.turn = Turns(timeout, _silent).turn

    @property
    def calls(self) -> int:
        """Requests so far."""
        return self._usage.calls

    def close(self) -> None:
        """End the session."""
        client, self._client = self._client, None
        if client is not None:
            session_of(client).close()

    def look(self, question: Callable[[Any], Any], what: str, deadline: Deadline) -> Any:
        """Ask for something that changes nothing, again and again while Alpaca is busy or the connection breaks.

        Raises
        ------
        BrokerError
            No answer in time.
        Refusal
            The answer is that there is none, or not for this question.
        NeedsLogin
            The keys are refused.
        """
        pause = FIRST_WAIT
        while True:
            try:
                return self.send(question, what, deadline)
            except Unanswered as error:
                if pause >= deadline.left():
                    raise BrokerError(f"Alpaca did not answer {what}: {error}") from error
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_WAIT)

    def send(self, action: Callable[[Any], Any], what: str, deadline: Deadline) -> Any:
        """Do one request, whatever it changes, exactly once; return the document of its answer; raises as `look`."""
        if not (left := deadline.left()):
            raise _silent(what, deadline.seconds)
        if self._client is None:
            self._client = self._made()
        assert self._transport is not None
        self._transport.seconds = left
        return action(self._client)

    def _made(self) -> Any:
        client = self._make()
        session = session_of(client)
        session.trust_env = not self._is_sandbox
        self._transport = Transport(session.get_adapter("https://"), self.timeout, self._usage, _check, self._pacer)
        for scheme in ("https://", "http://"):
            session.mount(scheme, self._transport)
        return client


def _silent(what: str, seconds: float) -> BrokerError:
    return BrokerError(f"Alpaca did not answer {what} within {seconds:g} s")


def _check(response: Any, place: str) -> None:
    """Raise what went wrong: `Unanswered` for what says nothing about the request, `Refusal` for what does."""
    status, words, asks = response.status_code, said(response), response.request.method == "GET"
    if status == HTTPStatus.FORBIDDEN and TOO_RECENT in words:
        raise TooRecent(f"{words}: set ALPACA_FEED=iex, or subscribe")
    if status == HTTPStatus.UNAUTHORIZED or (asks and status == HTTPStatus.FORBIDDEN):
        raise keys_refused(response)
    if status in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unanswered(f"{place}: HTTP {status}")
    if status >= HTTPStatus.BAD_REQUEST:
        raise Refusal(status, words)
    if status != HTTPStatus.NO_CONTENT and not isinstance(document_of(response), dict | list):
        raise Unanswered(f"{place}: HTTP {status} without whole JSON")
