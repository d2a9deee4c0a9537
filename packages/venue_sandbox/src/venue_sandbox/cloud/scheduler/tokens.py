"""Identity tokens in the name of service accounts, and the keys to check them with.

PyJWT and cryptography are imported only when a token is wanted.
"""

from __future__ import annotations

import hashlib
import importlib.util
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from venue_sandbox.cloud.rest import unserved
from venue_sandbox.cloud.scheduler.jobs import Identity

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["Tokens"]

ISSUER = "https://accounts.google.com"
ALGORITHM = "RS256"
LIFE_SECONDS = 3600
KEY_BITS = 2048
PUBLIC_EXPONENT = 65537
SUBJECT_DIGITS = 21
PACKAGES = ("jwt", "cryptography")


@dataclass(frozen=True, slots=True)
class _Key:
    private: RSAPrivateKey
    document: dict[str, Any]


class Tokens:
    """Mints tokens with a key of its own. Their times are real ones, also under a virtual clock."""

    @staticmethod
    def check() -> None:
        """Raise `ApiError` unless tokens can be minted here."""
        if any(importlib.util.find_spec(package) is None for package in PACKAGES):
            raise unserved("Tokens need PyJWT and cryptography, which are not installed: pip install 'pyjwt[crypto]'.")

    def mint(self, identity: Identity, *, expired: bool = False, with_email: bool = True) -> str:
        """Return a token; one that is expired was valid until a life ago.

        Parameters
        ----------
        with_email
            Whether it names the account by its address, and not by its number alone.
        """
        self.check()
        import jwt

        subject = str(int(hashlib.sha256(identity.email.encode()).hexdigest(), 16))[:SUBJECT_DIGITS]
        issued = int(time.time()) - (2 * LIFE_SECONDS if expired else 0)
        claims = {
            "iss": ISSUER,
            "aud": identity.audience,
            "azp": subject,
            "sub": subject,
            "iat": issued,
            "exp": issued + LIFE_SECONDS,
        }
        if with_email:
            claims |= {"email": identity.email, "email_verified": True}
        return jwt.encode(claims, self._key.private, ALGORITHM, {"kid": self._key.document["kid"]})

    def keys(self) -> dict[str, Any]:
        """Return the public keys, as a JSON Web Key Set."""
        self.check()
        return {"keys": [self._key.document]}

    @cached_property
    def _key(self) -> _Key:
        from cryptography.hazmat.primitives.asymmetric import rsa
        from jwt.algorithms import RSAAlgorithm

        private = rsa.generate_private_key(PUBLIC_EXPONENT, KEY_BITS)
        public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
        kid = hashlib.sha256(str(public["n"]).encode()).hexdigest()[:40]
        shown = {"kty": public["kty"], "n": public["n"], "e": public["e"]}
        return _Key(private, {**shown, "kid": kid, "use": "sig", "alg": ALGORITHM})
