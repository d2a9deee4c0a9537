"""How a service logs in, and what ends a login for good."""

from __future__ import annotations

import logging
from typing import Any

from tq_broker_app.errors import SessionOver
from tq_broker_app.settings import RunMode, TqSettings
from tq_broker_app.tq.library import Api, library

__all__ = ["Connections", "end_of", "log_in", "notices"]

LIBRARY_LOG = "TqApi"
CONNECTED, RECONNECTED, LOST = 2019112901, 2019112902, 2019112911


def log_in(settings: TqSettings) -> Api:
    """Return a TqApi that shows the account's orders, trades and positions; it takes up to a minute where it fails.

    Raises
    ------
    SessionOver
        It was refused, or there was no answer; the message has the exchange's last words.
    """
    real = settings.run_mode is RunMode.REAL
    password = settings.account_password.get_secret_value()
    tqsdk = library()
    account = tqsdk.TqAccount(settings.broker_id, settings.account_id, password) if real else tqsdk.TqKq()
    auth = tqsdk.TqAuth(settings.username, settings.password.get_secret_value())
    api = tqsdk.TqApi.__new__(tqsdk.TqApi)
    try:
        tqsdk.TqApi.__init__(api, account, auth=auth, debug=False, disable_print=True)
    except Exception as error:  # the library raises bare exceptions
        told = [str(notice.get("content", "")) for notice in notices(api).values()]
        last = f"; the exchange's last words: {told[-1]}" if told else ""
        raise SessionOver(f"login failed: {error}{last}") from error
    logging.getLogger(LIBRARY_LOG).setLevel(logging.INFO)  # it makes a record of every packet, for a file nobody keeps
    return api


def notices(api: Api) -> dict[str, Any]:
    """Return all notices of a login, oldest first, by id."""
    # TqNotify returns them in the order of a set and only once; what is shown here can be read again.
    shown: Any = getattr(api, "_data", {})
    found = shown.get("notify", {})
    return {name: found[name] for name in found if not name.startswith("_")}


class Connections:
    """The notices about connections, each read once: a login gets thousands of others in a day."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._read: set[str] = set()
        self._told: dict[str, Any] = {}

    def end(self) -> str | None:
        """Return why the login is over, None if it is not."""
        shown: Any = getattr(self._api, "_data", {})
        notify: Any = shown.get("notify", {})
        held: dict[str, Any] = getattr(notify, "__dict__", notify)
        for name in held.keys() - self._read:
            self._read.add(name)
            if not name.startswith("_") and held[name].get("conn_id"):
                self._told[name] = held[name]
        return end_of(self._told)


def end_of(told: dict[str, Any]) -> str | None:
    """Return why notices say that a login is over, None if it is not.

    After the server closed the connection in an orderly way, the library connects again and never logs in: nothing is
    told any more, and orders stay for ever where they are. All that shows is a second notice that it is connected.
    """
    codes = [(str(notice.get("conn_id", "")), notice.get("code")) for notice in told.values()]
    for connection in sorted({name for name, _ in codes if name}):
        seen = [code for name, code in codes if name == connection]
        if LOST in seen:
            return f"the connection {connection} was lost"
        if seen.count(CONNECTED) > 1 or RECONNECTED in seen:
            return f"the connection {connection} was made again, and without a login it tells nothing"
    return None
