"""View calls of the contract, as an RPC node of NEAR answers them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.venues.near.contract import Contract
from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.nonces import nonce_bytes
from venue_sandbox.venues.near.signatures import CONTRACT

__all__ = ["Chain"]

GENESIS = 100_000_000
BLOCK_SECONDS = 1.0
BLOCK_HASH = "1" * 32

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chain:
    """The node."""

    contract: Contract
    clock: VenueClock

    def query(self, params: Params) -> dict[str, Any]:
        """Return the result of ``query``; a call that fails is told as the node tells it.

        Raises
        ------
        Rejected
            It is no view call of the contract.
        """
        if params.get("request_type") != "call_function" or params.get("account_id") != CONTRACT:
            raise Rejected(f"this node has view calls of {CONTRACT} only: request_type call_function")
        block = {"block_height": self._height(), "block_hash": BLOCK_HASH, "logs": list[str]()}
        try:
            value = self._view(str(params.get("method_name")), _arguments(params))
        except (KeyError, TypeError, ValueError) as error:
            return {**block, "error": f"wasm execution failed with error: {type(error).__name__}: {error}"}
        return {**block, "result": list(json.dumps(value).encode())}

    def _view(self, method: str, given: Params) -> Any:
        contract = self.contract
        match method:
            case "current_salt":
                return contract.salts.current.hex()
            case "is_valid_salt":
                return bytes.fromhex(given["salt"]) in contract.salts.good
            case "is_nonce_used":
                return contract.is_nonce_used(given["account_id"], nonce_bytes(given["nonce"]), self.clock.now())
            case "mt_balance_of":
                return str(contract.balance(given["account_id"], given["token_id"]))
            case "mt_batch_balance_of":
                return [str(contract.balance(given["account_id"], token)) for token in given["token_ids"]]
            case _:
                raise ValueError("MethodResolveError(MethodNotFound)")

    def _height(self) -> int:
        return GENESIS + int(self.clock.now().timestamp() / BLOCK_SECONDS) % GENESIS


def _arguments(params: Params) -> Params:
    return json.loads(base64.b64decode(params.get("args_base64") or "e30="))
