"""One login at Schwab: every request has a hard limit, look-ups are repeated, what changes something is sent once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, cast

from loguru import logger
from quant_platform_kit.domain.errors import BrokerError, NeedsLogin, QuantError, Refused

from schwab_app.redirect import check_accounts, request_hook
from schwab_app.sdk import load_httpx, load_sdk
from schwab_app.tokens import LOGIN_AGAIN, Tokens, ends_at

__all__ = ["Connection", "Deadline", "Login", "NotSent", "good", "said"]

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


class Deadline:
    """Seconds that several requests have together."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, what: str) -> float:
        """Return the seconds that are left; `NotSent` if none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise NotSent(f"Schwab did not answer {what} within {self._seconds:g} s")
        return left


class Connection:
    """A login's session, made anew by every `connect`, shared by the accounts behind it.

    Parameters
    ----------
    timeout
        Seconds that one call of the kit may take, whatever it asks for.
    """

    def __init__(self, login: Login, timeout: float) -> None:
        self.login, self.timeout = login, timeout
        self._client: Any = None
        self._caller = _Caller()
        self._hashes: dict[str, str] = {}
        self._turn = threading.RLock()

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
            hashes = {entry["accountNumber"]: entry["hashValue"] for entry in good(numbers, "its accounts").json()}
            check_accounts(self.login.sandbox, tuple(hashes))
            self._hashes = hashes

    def close(self) -> None:
        """End the session."""
        client, self._client = self._client, None
        if client is not None:
            client.session.close()
        caller, self._caller = self._caller, _Caller()
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

    @contextmanager
    def turn(self, what: str) -> Generator[Deadline]:
        """Be the only one that asks, for as long as one call may take."""
        deadline = Deadline(self.timeout)
        if not self._turn.acquire(timeout=self.timeout):
            raise BrokerError(f"Schwab did not answer {what} within {self.timeout:g} s")
        try:
            yield deadline
        finally:
            self._turn.release()

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
            if max(pause, asked) >= deadline.left(what):
                raise BrokerError(f"Schwab did not answer {what}: {why}")
            time.sleep(max(pause, asked))
            pause = min(2 * pause, LONGEST_WAIT)

    def send(self, action: Callable[[Any], Any], what: str, deadline: Deadline) -> Any:
        """Do one request, whatever it changes, exactly once; return its response.

        Raises
        ------
        NotSent
            There was no connection.
        BrokerError
            No answer: whether it has an effect is not known.
        NeedsLogin
            The login is too old, or was ended; the request was not sent.
        """
        httpx = load_httpx()
        left = deadline.left(what)
        client = self._ready(left)
        try:
            return self._caller.call(lambda: action(client), left, client.session.close)
        except TimeoutError:
            self._client, self._caller = None, _Caller()
            raise BrokerError(f"Schwab did not answer {what} within {self.timeout:g} s") from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _NoConnection(f"no connection for {what}: {_words(error)}") from error
        except httpx.TimeoutException as error:
            raise BrokerError(f"Schwab did not answer {what} within {self.timeout:g} s") from error
        except httpx.HTTPError as error:
            raise _Broken(f"Schwab did not answer {what}: {_words(error)}") from error
        except QuantError:
            raise
        except Exception as error:
            raise self._ended(error) from error

    def send_authorized(self, action: Callable[[Any], Any], what: str, deadline: Deadline) -> Any:
        """Do one request as `send` does; 401 says that it had no effect, and it is done under a new access token."""
        response = self.send(action, what, deadline)
        if response.status_code != 401:
            return response
        self._renew(what, deadline)
        return self.send(action, what, deadline)

    def _ready(self, left: float) -> Any:
        if self._client is None:
            self._client = self._made()
        self._client.set_timeout(left)
        return self._client

    def _made(self) -> Any:
        login = self.login
        client = load_sdk().auth.client_from_access_functions(login.key, login.secret, login.tokens.read, self._written)
        client.session.event_hooks = {"request": [request_hook(login.sandbox)]}
        return client

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


class _Caller:
    """A thread that makes one call after another, started with the first; nobody has to wait for it to end."""

    def __init__(self) -> None:
        self._calls = SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]()
        self._started = False

    def call(self, call: Callable[[], Any], seconds: float, late: Callable[[], None]) -> Any:
        """Return what a call returns.

        Raises
        ------
        TimeoutError
            It takes longer: this is the last call, and ``late`` is called when it has ended.
        """
        if not self._started:
            self._started = True
            threading.Thread(target=self._work, name="schwab", daemon=True).start()
        future: Future[Any] = Future()
        self._calls.put((call, future))
        if not wait([future], seconds).done:
            future.add_done_callback(lambda _: late())
            self.end()
            raise TimeoutError
        return future.result()

    def end(self) -> None:
        """End the thread when its call has ended."""
        self._calls.put(None)

    def _work(self) -> None:
        while (asked := self._calls.get()) is not None:
            call, future = asked
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                future.set_exception(error)


class _Broken(BrokerError):
    """A connection broke: a look-up is repeated."""


class _NoConnection(_Broken, NotSent):
    """There was none in the first place."""


def good(response: Any, what: str) -> Any:
    """Return a response that is one, `BrokerError` for an error."""
    if response.status_code >= 300:
        raise BrokerError(f"Schwab answered {what} with HTTP {response.status_code}{said(response)}")
    return response


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
