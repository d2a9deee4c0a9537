"""Looking: view calls of the contract, over a node of the chain."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

from aiohttp import ClientError, ClientSession, ClientTimeout
from quant_platform_kit.domain.redaction import redact

from event_trading_app.errors import VenueDown
from event_trading_app.venues.near_intents.execute.signing import CONTRACT, SALT_BYTES

__all__ = ["Node"]

TOLD = 200
"""So many characters of what a node says are told."""


class Node:
    """A node of the chain.

    Parameters
    ----------
    url
        Of its JSON-RPC.
    seconds
        How long an answer is waited for.
    session
        Makes the HTTP client, once, when it is needed first.
    """

    def __init__(self, url: str, seconds: float = 5.0, session: Callable[[], ClientSession] = ClientSession) -> None:
        self._url, self._timeout = url, ClientTimeout(total=seconds)
        self._new_session = session
        self._session: ClientSession | None = None

    async def salt(self) -> bytes:
        """Return the salt of new nonces; `VenueDown` where the node does not say."""
        said = await self._view("current_salt", {})
        try:
            salt = bytes.fromhex(said) if isinstance(said, str) else b""
        except ValueError:
            salt = b""
        if len(salt) != SALT_BYTES:
            raise VenueDown(f"current_salt: {_cut(said)} is not {SALT_BYTES} bytes in hexadecimal digits")
        return salt

    async def used(self, account: str, nonce: str) -> bool:
        """Return whether a nonce, in base64, is used; `VenueDown` where the node does not say."""
        said = await self._view("is_nonce_used", {"account_id": account, "nonce": nonce})
        if not isinstance(said, bool):
            raise VenueDown(f"is_nonce_used: {_cut(said)} is neither true nor false")
        return said

    async def balances(self, account: str, tokens: Collection[str]) -> dict[str, int]:
        """Return what an account has of each token; `VenueDown` where the node does not say."""
        named = list(tokens)
        if not named:
            return {}
        said = cast(object, await self._view("mt_batch_balance_of", {"account_id": account, "token_ids": named}))
        amounts = _list(said)
        if len(amounts) != len(named) or not all(map(_is_amount, amounts)):
            raise VenueDown(f"mt_batch_balance_of: {_cut(said)} is no list of {len(named)} amounts")
        return {token: int(str(amount)) for token, amount in zip(named, amounts, strict=True)}

    async def close(self) -> None:
        """Close the client."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _view(self, method: str, arguments: Mapping[str, Any]) -> Any:
        params = {
            "request_type": "call_function",
            "finality": "final",
            "account_id": CONTRACT,
            "method_name": method,
            "args_base64": base64.b64encode(json.dumps(arguments).encode()).decode(),
        }
        document = await self._ask(method, {"jsonrpc": "2.0", "id": method, "method": "query", "params": params})
        result: object = document.get("result")
        said: Any = cast(dict[str, Any], result).get("result") if isinstance(result, dict) else None
        try:
            return json.loads(bytes(said))
        except (TypeError, ValueError):
            raise VenueDown(f"{method}: the node answered {_cut(document)}") from None

    async def _ask(self, method: str, call: Mapping[str, Any]) -> dict[str, Any]:
        if self._session is None:
            self._session = self._new_session()
        try:
            async with self._session.post(self._url, json=call, timeout=self._timeout) as answer:
                text = await answer.text()
        except (ClientError, OSError, UnicodeError) as error:
            raise VenueDown(redact(f"{method}: the node gave no answer: {type(error).__name__}: {error}")) from None
        try:
            document: Any = json.loads(text)
        except ValueError:
            document = None
        if answer.status != 200 or not isinstance(document, dict):
            raise VenueDown(redact(f"{method}: the node answered {answer.status}: {text[:TOLD]}"))
        return cast(dict[str, Any], document)


def _list(value: object) -> list[object]:
    return cast(list[object], value) if isinstance(value, list) else []


def _is_amount(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdecimal()


def _cut(value: object) -> str:
    return redact(repr(value))[:TOLD]
