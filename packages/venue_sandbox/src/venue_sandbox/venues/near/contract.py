"""The contract that settles: keys, balances, salts and nonces of accounts. All or nothing of a settlement happens."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.nonces import Nonce, nanoseconds
from venue_sandbox.venues.near.signatures import Signed

__all__ = ["Contract", "Salts"]

SALT_BYTES = 4
Noted = Callable[[str, Any], None]


def _nobody(*_: Any) -> None:
    """Hear nothing."""


@dataclass(slots=True)
class Salts:
    """The salt of new nonces, and those before it that are still good."""

    seed: int = 1
    number: int = 0
    good: list[bytes] = field(default_factory=list[bytes])

    def __post_init__(self) -> None:
        self.good = self.good or [self._draw()]

    @property
    def current(self) -> bytes:
        """The salt of new nonces."""
        return self.good[-1]

    def rotate(self, *, invalidate: bool) -> None:
        """Take another salt; those before it stay good unless they are to be invalid."""
        self.number += 1
        self.good = [*([] if invalidate else self.good), self._draw()]

    def _draw(self) -> bytes:
        return Random(f"{self.seed}/salt/{self.number}").randbytes(SALT_BYTES)


@dataclass(slots=True)
class Contract:
    """What stands on the chain.

    Attributes
    ----------
    used
        When a nonce of an account was used, by account and nonce in base64.
    finality
        Seconds until a look-up shows that a nonce is used.
    noted
        Hears each change, as `restore` takes it.
    """

    salts: Salts = field(default_factory=Salts)
    finality: float = 0.0
    keys: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    balances: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    used: dict[tuple[str, str], datetime] = field(default_factory=dict[tuple[str, str], datetime])
    noted: Noted = _nobody

    # --- what is asked ---------------------------------------------------------------------------

    def check(self, signed: Signed, now: datetime) -> None:
        """Raise `Rejected` unless an intent could be executed now, balances left aside."""
        if signed.public_key not in self.keys.get(signed.signer_id, ()):
            raise Rejected(f"public key {signed.public_key} is not registered for {signed.signer_id}")
        nonce = Nonce.read(signed.nonce)
        if nonce.salt not in self.salts.good:
            raise Rejected(f"invalid salt {nonce.salt.hex()}")
        if signed.deadline <= now:
            raise Rejected(f"deadline has expired: {signed.deadline.isoformat()}")
        if nonce.deadline_ns < nanoseconds(signed.deadline):
            raise Rejected("deadline of the intent is after that of its nonce")
        if (signed.signer_id, _written(signed.nonce)) in self.used:
            raise Rejected("nonce already used")

    def balance(self, account: str, token: str) -> int:
        """Return a balance, in the token's smallest unit."""
        return self.balances.get(account, {}).get(token, 0)

    def is_nonce_used(self, account: str, nonce: bytes, now: datetime) -> bool:
        """Whether a nonce is used and final."""
        at = self.used.get((account, _written(nonce)))
        return at is not None and now >= at + timedelta(seconds=self.finality)

    # --- what happens ----------------------------------------------------------------------------

    def register(self, account: str, keys: Iterable[str] = (), balances: Mapping[str, int] | None = None) -> None:
        """Add keys of an account, and set balances of it."""
        self.keys.setdefault(account, set()).update(keys)
        self.balances.setdefault(account, {}).update(balances or {})
        self.noted("account", [account, sorted(self.keys[account]), self.balances[account]])

    def rotate_salt(self, *, invalidate: bool) -> None:
        """Take another salt."""
        self.salts.rotate(invalidate=invalidate)
        self._note_salts()

    def execute(self, intents: Sequence[Signed], now: datetime) -> None:
        """Execute intents together; `Rejected`, and nothing has changed, where one of them cannot be."""
        for signed in intents:
            self.check(signed, now)
        nonces = [(signed.signer_id, _written(signed.nonce)) for signed in intents]
        if len(set(nonces)) < len(nonces):
            raise Rejected("nonce already used by another intent of the same settlement")
        changed = self._balanced(intents)
        self.used.update(dict.fromkeys(nonces, now))
        for (account, token), amount in changed.items():
            self.balances.setdefault(account, {})[token] = amount
        self.noted("executed", [nonces, now.isoformat(), [[*key, amount] for key, amount in changed.items()]])

    def _balanced(self, intents: Sequence[Signed]) -> dict[tuple[str, str], int]:
        """Return the balances after a settlement, by account and token."""
        net: dict[str, int] = {}
        changed: dict[tuple[str, str], int] = {}
        for signed in intents:
            for token, change in signed.diff.items():
                net[token] = net.get(token, 0) + change
                key = (signed.signer_id, token)
                changed[key] = changed.get(key, self.balance(*key)) + change
        if any(net.values()):
            raise Rejected(f"token_diff not balanced: { ({token: it for token, it in net.items() if it}) }")
        short = [f"{account} of {token}" for (account, token), amount in changed.items() if amount < 0]
        if short:
            raise Rejected(f"insufficient balance: {', '.join(short)}")
        return changed

    # --- what is kept ----------------------------------------------------------------------------

    def restore(self, kind: str, value: Any) -> None:
        """Take a change that was noted before."""
        match kind:
            case "account":
                account, keys, balances = value
                self.keys[account], self.balances[account] = set(keys), dict(balances)
            case "salts":
                self.salts.number, self.salts.good = value[0], [bytes.fromhex(text) for text in value[1]]
            case "executed":
                nonces, at, changed = value
                self.used.update({(account, nonce): datetime.fromisoformat(at) for account, nonce in nonces})
                for account, token, amount in changed:
                    self.balances.setdefault(account, {})[token] = amount
            case _:
                raise ValueError(f"{kind!r} is no change of the contract")

    def note_all(self) -> None:
        """Note the salts, which no change has told of yet."""
        self._note_salts()

    def _note_salts(self) -> None:
        self.noted("salts", [self.salts.number, [salt.hex() for salt in self.salts.good]])


def _written(nonce: bytes) -> str:
    return base64.b64encode(nonce).decode()
