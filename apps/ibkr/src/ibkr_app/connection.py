"""One login at a TWS or IB Gateway, shared by the accounts behind it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.services.record.seen import Seen

from ibkr_app.beliefs import TABLES
from ibkr_app.loop import LoopThread
from ibkr_app.sdk import load_sdk
from ibkr_app.tracking import Tracker
from ibkr_app.wire import WIRE, Tap

__all__ = ["Address", "Connection"]

_T = TypeVar("_T")
CLIENT_ID_IN_USE = 326
MOST_REQUESTS = 50
"""The Gateway takes so many messages a second, and cuts the connection after more."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the Gateway is, under which client id to log in, and how long it may take to answer (seconds)."""

    host: str
    port: int
    client_id: int
    timeout: float


class Connection:
    """A login, made anew by every `connect`; the same client id every time, so that its orders are found again.

    Attributes
    ----------
    tracker, tickers
        What this login was told of orders, and the prices it is subscribed to by symbol.
    seen
        Handed every document before it is read.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.seen = Seen(TABLES, WIRE)
        self.tracker = Tracker(self.seen)
        self._loop: LoopThread | None = None
        self._sdk: Any = None
        self._ib: Any = None
        self._refused: list[str] = []
        self._fresh = False
        self.tickers: dict[str, Any] = {}

    @property
    def sdk(self) -> Any:
        """The client library."""
        assert self._sdk is not None, "the library is loaded by the first login"
        return self._sdk

    def ensure(self) -> None:
        """Log in unless that was done; the next `connect` takes this login over."""
        if self._ib is None:
            self.connect()
            self._fresh = True

    def connect(self) -> None:
        """Log in anew.

        Raises
        ------
        BrokerError
            Nobody answers, or the client id is in use.
        """
        if self._fresh:
            self._fresh = False
            return
        if self._loop is None:
            self._loop = LoopThread()
            self._sdk = self._loop.run(_loaded(), self.address.timeout, "the import of its library")
        self._drop()
        self.tracker, self._refused, self.tickers = Tracker(self.seen), [], {}
        try:
            self._loop.run(self._login(), 2 * self.address.timeout, "a login")
        except BrokerError as error:
            self._drop()
            raise BrokerError(self._why(error)) from error

    def close(self) -> None:
        """Log out, and end the thread."""
        self._fresh = False
        if self._loop is not None:
            self._drop()
            self._loop.close()
            self._loop = None

    def ask(self, question: Callable[[Any], Coroutine[Any, Any, _T]], what: str) -> _T:
        """Ask the Gateway something, within its time.

        Parameters
        ----------
        question
            Given the library's ``IB``, in the library's thread.

        Raises
        ------
        BrokerError
            There is no connection, or no answer.
        """
        if self._loop is None or self._ib is None:
            raise BrokerError("not logged in at the Gateway")
        return self._loop.run(question(self._ib), self.address.timeout, what)

    def do(self, action: Callable[[Any], _T], what: str) -> _T:
        """Do something in the library's thread that does not wait."""

        async def act(ib: Any) -> _T:
            return action(ib)

        return self.ask(act, what)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts behind the login; every login has one, so `BrokerError` while the Gateway has told of none."""
        names = tuple(self.do(lambda ib: [name for name in ib.managedAccounts() if name], "its accounts"))
        if not names:
            raise BrokerError("the Gateway did not tell the accounts of the login")
        return names

    async def _login(self) -> None:
        ib = self._sdk.IB()
        ib.RaiseRequestErrors = False
        ib.client.MaxRequests = MOST_REQUESTS
        if self.seen.keeps:
            Tap(ib.client.conn, self.seen)
        tracker = self.tracker
        ib.openOrderEvent += tracker.on_trade
        ib.orderStatusEvent += tracker.on_trade
        ib.execDetailsEvent += tracker.on_execution
        ib.commissionReportEvent += tracker.on_commission
        ib.errorEvent += tracker.on_error
        ib.errorEvent += self._on_error
        self._ib = ib
        address = self.address
        await ib.connectAsync(address.host, address.port, clientId=address.client_id, timeout=address.timeout)

    def _on_error(self, request: int, code: int, text: str, *_: object) -> None:
        if request < 0 and not 2100 <= code < 2200:
            self._refused.append(f"{code} {' '.join(text.split())}")

    def _drop(self) -> None:
        ib, self._ib = self._ib, None
        if ib is None or self._loop is None:
            return

        async def leave() -> None:
            with suppress(OSError):
                ib.disconnect()

        with suppress(BrokerError):
            self._loop.run(leave(), self.address.timeout, "a logout")

    def _why(self, error: BrokerError) -> str:
        """Return why a login failed, and what to do about it."""
        where = f"{self.address.host}:{self.address.port}"
        said = f" ({'; '.join(self._refused)})" if self._refused else ""
        if any(line.startswith(str(CLIENT_ID_IN_USE)) for line in self._refused):
            return (
                f"the Gateway at {where} refuses client id {self.address.client_id}, which is in use{said}: stop the "
                "other session, or wait until it has gone"
            )
        return (
            f"the Gateway at {where} is not available: {error}{said}; start it, or correct IBKR_GATEWAY_HOST and "
            "IBKR_GATEWAY_PORT"
        )


async def _loaded() -> Any:
    return load_sdk()
