"""Access tokens, one for each account; kept by the journal."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from venue_sandbox.exchange.exchange import Exchange

__all__ = ["Credentials", "Tokens"]

NOTE = "longbridge.tokens"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The application's key and secret."""

    key: str
    secret: str


@dataclass(frozen=True, slots=True)
class _State:
    serial: int = 1
    expired: bool = False


_ADAPTER = TypeAdapter(dict[str, _State])


class Tokens:
    """The access token of every account: ``sandbox-token-DUSBX1-1``, the next one ``-2``; only the newest is good."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def current(self) -> dict[str, str]:
        """Return the newest token of every account."""
        states = self._states()
        accounts = self._exchange.book.accounts
        return {account: _text(account, states.get(account, _State())) for account in accounts}

    def owner(self, token: str) -> str | None:
        """Return the account of a token; None if it is nobody's newest."""
        return next((account for account, text in self.current().items() if text == token), None)

    def is_expired(self, account: str) -> bool:
        """Whether an account's token has expired."""
        return self._states().get(account, _State()).expired

    def expire(self, account: str | None) -> None:
        """Let a token expire, or all."""
        accounts = self._exchange.book.accounts if account is None else [account]
        states = self._states()
        self._keep({**states, **{name: _State(states.get(name, _State()).serial, expired=True) for name in accounts}})

    def renew(self, account: str) -> str:
        """Replace an account's token; return the new one."""
        states = self._states()
        state = _State(states.get(account, _State()).serial + 1)
        self._keep({**states, account: state})
        return _text(account, state)

    def _states(self) -> dict[str, _State]:
        note = self._exchange.book.notes.get(NOTE)
        return {} if note is None else _ADAPTER.validate_json(note)

    def _keep(self, states: dict[str, _State]) -> None:
        self._exchange.note(NOTE, _ADAPTER.dump_json(states).decode())


def _text(account: str, state: _State) -> str:
    return f"sandbox-token-{account}-{state.serial}"
