"""One login at Schwab: every request has a hard limit, look-ups are repeated, what changes something is sent once."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from loguru import logger
from quant_platform_kit.adapters.blocking_client import CallThread, Deadline, Turns
from quant_platform_kit.adapters.documents import mappings
from quant_platform_kit.domain.errors import BrokerError, NeedsLogin, QuantError, Refused
from quant_platform_kit.services.record.seen import Seen

from schwab_app.beliefs import ACCOUNT_NUMBER, TABLES
from schwab_app.mapping import account_number
from schwab_app.pacing import for_prices
from schwab_app.redirect import check_accounts, request_hook
from schwab_app.sdk import load_httpx, load_sdk
from schwab_app.tokens import LOGIN_AGAIN, Tokens, ends_at
from schwab_app.wire import WIRE, exchange_of

__all__ = ["Connection", "Login", "NotSent", "document_of", "good", "said"]

BUSY = (429, 500, 502, 503, 504)
FIRST_WAIT, LONGEST_WAIT = 0.25, 4.0


class NotSent(BrokerError):
    """There was no connection to send a request over: it certainly has no effect."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in: the application, where the token is, and the venue of the sandbox if it is one."""

    key: str
    secret: str
    tokens: Tokens
    sandbox: tuple[str, int] | None = None


class Connection:
    """A login's session, made anew by every `connect`, shared by the accounts behind it.

    Parameters
    ----------
    timeout
        Seconds that one call of the kit may take, whatever it asks for.

    Attributes
    ----------
    prices
        Gives permission for every question about prices.
    seen
        Handed every document before it is read.
    told
        The newest document of each account that was read.
    calls
        Requests so far, those that a login needs among them.
    """

    def __init__(self, login: Login, timeout: float) -> None:
        self.login, self.timeout = login, timeout
        self._client: Any = None
        self._caller = CallThread("schwab")
        self._hashes: dict[str, str] = {}
        self.turn = Turns(timeout, _silent).turn
        self.prices = for_prices()
        self.seen = Seen(TABLES, WIRE)
        self.told: dict[str, Mapping[str, Any]] = {}
        self.calls = 0

    def connect(self) -> None:
        """Begin a new session, and ask for the accounts behind the login.

        Raises
        ------
        BrokerError
            Nobody answers.
        NeedsLogin
            The login is too old, or was ended.
        Refused
            Its accounts are not where they belong.
        """
        with self.turn("its accounts") as deadline:
            self.close()
            numbers = self.look(lambda client: client.get_account_numbers(), "its accounts", deadline)
            entries = mappings(document_of(good(numbers, "its accounts")), "Schwab's list of accounts")
            hashes = dict(map(account_number, self.seen.take_all(ACCOUNT_NUMBER.subject, entries)))
            check_accounts(self.login.sandbox, tuple(hashes))
            self._hashes = hashes

    def close(self) -> None:
        """End the session."""
        client, self._client = self._client, None
        if client is not None:
            client.session.close()
        caller, self._caller = self._caller, CallThread("schwab")
        caller.end()

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts behind the login, as of the last `connect`."""
        return tuple(self._hashes)

    def hash_of(self, account_id: str) -> str:
        """Return what an account is called in requests; logs in if nobody did."""
        if not self._hashes:
            self.connect()
        if account_id not in self._hashes:
            raise Refused(
                f"account {account_id} is not among those of this login, {', '.join(self._hashes) or 'none'}: correct "
                "SCHWAB_ACCOUNT, or log in as its owner"
            )
        return self._hashes[account_id]

    def look(self, question: Callable[[Any], Any], what: str, deadline: Deadline) -> Any:
        """Ask for something that changes nothing, again and again while Schwab is busy or the connection breaks.

        Returns
        -------
        Any
            The response; 2xx, or a 4xx that is about the question.

        Raises
        ------
        BrokerError
            No such answer in time.
        NeedsLogin
            The login is too old, or was ended.
        """
        pause, renewed = FIRST_WAIT, False
        while True:
            try:
                response = self.send(question, what, deadline)
            except _Broken as broken:
                why, asked = str(broken), 0.0
            else:
                if response.status_code == 401 and not renewed:
                    renewed = True
                    self._renew(what, deadline)
                    continue
                if response.status_code == 401:
                    raise NeedsLogin(f"Schwab refuses the login for {what}: {LOGIN_AGAIN}")
                if response.status_code not in BUSY:
                    return response
                why, asked = f"HTTP {response.status_code}", _retry_after(response)
            if max(pause, asked) >= deadline.left():
                raise BrokerError(f"Schwab did not answer {what}: {why}")
            time.sleep(max(pause, asked))
            pause = min(2 * pause, LONGEST_WAIT)

    def send(
        self, action: Callable[[Any], Any], what: str, deadline: Deadline, *, authorized_anew: bool = False
    ) -> Any:
        """Do one request, whatever it changes, exactly once; return its response.

        Parameters
        ----------
        authorized_anew
            401 says that the request had no effect: then do it under a new access token.

        Raises
        ------
        NotSent
            There was no connection, or no time.
        BrokerError
            No answer: whether it has an effect is not known.
        NeedsLogin
            The login is too old, or was ended; the request was not sent.
        """
        for last in (not authorized_anew, True):
            client = self._ready(what, deadline)
            self.calls += 1
            with self._errors_of(what):
                response = self._caller.call(action, client, deadline.left(), client.session.close)
            if last or response.status_code != 401:
                break
            self._renew(what, deadline)
        return response

    @contextmanager
    def _errors_of(self, what: str) -> Generator[None]:
        """Raise the library's errors as ours."""
        httpx = load_httpx()
        try:
            yield
        except TimeoutError:
            self._client, self._caller = None, CallThread("schwab")
            raise _silent(what, self.timeout) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _NoConnection(f"no connection for {what}: {_words(error)}") from error
        except httpx.TimeoutException as error:
            raise _silent(what, self.timeout) from error
        except httpx.HTTPError as error:
            raise _Broken(f"Schwab did not answer {what}: {_words(error)}") from error
        except QuantError:
            raise
        except Exception as error:
            raise self._ended(error) from error

    def _ready(self, what: str, deadline: Deadline) -> Any:
        """Return the client, which gives up when the deadline is over."""
        if not (left := deadline.left()):
            raise NotSent(f"Schwab did not answer {what} within {deadline.seconds:g} s")
        if self._client is None:
            self._client = self._made()
        self._client.set_timeout(left)
        return self._client

    def _made(self) -> Any:
        login = self.login
        client = load_sdk().auth.client_from_access_functions(login.key, login.secret, login.tokens.read, self._written)
        client.session.event_hooks = {"request": [request_hook(login.sandbox)], "response": [self._overhear]}
        return client

    def _overhear(self, response: Any) -> None:
        """Keep an answer where they are kept."""
        if self.seen.keeps:
            response.read()
            if (exchange := exchange_of(response)) is not None:
                self.seen.overhear(*exchange)

    def _written(self, document: dict[str, Any], *_: object, **__: object) -> None:
        """Keep a refreshed token; what cannot be kept is good all the same, and the next process refreshes anew."""
        try:
            self.login.tokens.write(document)
        except QuantError as error:
            logger.error("the refreshed Schwab token was not written back: {}", error)

    def _renew(self, what: str, deadline: Deadline) -> None:
        """Have a new access token made, because Schwab refuses the one there is."""
        endpoint = load_sdk().auth.TOKEN_ENDPOINT
        self.send(lambda client: client.session.refresh_token(endpoint), what, deadline)

    def _ended(self, error: Exception) -> BrokerError:
        """Return what an error of the token's refresh means; any other is a defect, and is raised."""
        from authlib.common.errors import AuthlibBaseError

        if not isinstance(error, AuthlibBaseError):
            raise error
        end = ends_at(self.login.tokens.read())
        age = "ended" if end <= datetime.now(UTC) else "would end"  # noqa: TID251 - a login's age is real time
        self.close()
        return NeedsLogin(
            f"Schwab refuses to refresh the login, which {age} on {end:%Y-%m-%d %H:%M} UTC ({_words(error)}): "
            f"{LOGIN_AGAIN}"
        )


def _silent(what: str, seconds: float) -> BrokerError:
    return BrokerError(f"Schwab did not answer {what} within {seconds:g} s")


class _Broken(BrokerError):
    """A connection broke: a look-up is repeated."""


class _NoConnection(_Broken, NotSent):
    """There was none in the first place."""


def good(response: Any, what: str) -> Any:
    """Return a response that is one, `BrokerError` for an error."""
    if response.status_code >= 300:
        raise BrokerError(f"Schwab answered {what} with HTTP {response.status_code}{said(response)}")
    return response


def document_of(response: Any) -> object:
    """Return the document of an answer, its numbers exact; `BrokerError` if it is none."""
    try:
        return response.json(parse_float=Decimal)
    except ValueError as error:
        raise BrokerError("Schwab's answer is no JSON") from error


def said(response: Any) -> str:
    """Return what an error says, in front of it a colon; nothing if it is silent."""
    try:
        read = response.json()
    except ValueError:
        read = None
    document = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    errors: list[Any] = document.get("errors") or [""]
    text: Any = document.get("message") or errors[0]
    if isinstance(text, dict):
        text = cast("dict[str, Any]", text).get("detail")
    return f": {' '.join(str(text).split())[:200]}" if text else ""


def _retry_after(response: Any) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
