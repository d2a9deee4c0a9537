"""Who asks: Google's identity tokens, verified by the service itself if the settings ask for it (extra ``oidc``)."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

from quant_platform_kit.domain.errors import InvalidInput, QuantError

__all__ = ["Forbidden", "IdentityCheck", "IdentitySettings", "Unauthenticated"]

ISSUERS = ("https://accounts.google.com", "accounts.google.com")
CERTS_SECONDS = 10
SKEW_SECONDS = 40
"""How far the issuer's clock and this one's may be apart."""
ODD = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)
"""What claims of the wrong type raise while they are read."""


class Unauthenticated(QuantError):
    """The request has no identity token, or one that is not valid here."""


class Forbidden(QuantError):
    """The token is valid, and whose it is may not do this."""


class KeysUnavailable(QuantError):
    """Whose token it is cannot be found out now."""


class IdentitySettings(Protocol):
    """Who may ask, as settings say it; without an audience, everybody may."""

    @property
    def oidc_audience(self) -> str | None:
        """For whom tokens are made out: the service's own URL."""
        ...

    @property
    def oidc_service_account(self) -> str | None:
        """Who may trigger runs."""
        ...

    @property
    def oidc_readers(self) -> tuple[str, ...]:
        """Who else may read."""
        ...

    @property
    def oidc_certs_url(self) -> str:
        """Where the keys of tokens are."""
        ...


class IdentityCheck:
    """Lets the scheduler's service account trigger runs, and it and the named readers read reports."""

    def __init__(self, settings: IdentitySettings) -> None:
        self._settings = settings
        if self.required:
            _ = self._keys

    @property
    def required(self) -> bool:
        """Whether requests need a token at all."""
        return self._settings.oidc_audience is not None

    def may_trigger(self, authorization: str | None) -> None:
        """Check a request that would start a run.

        Raises
        ------
        Unauthenticated, Forbidden
            It may not.
        """
        self._check(authorization, {self._settings.oidc_service_account})

    def may_read(self, authorization: str | None) -> None:
        """Check a request that reads reports; raises as `may_trigger`."""
        self._check(authorization, {self._settings.oidc_service_account, *self._settings.oidc_readers})

    def _check(self, authorization: str | None, accounts: set[str | None]) -> None:
        if not self.required:
            return
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("the request has no identity token; send it as Authorization: Bearer TOKEN")
        claims = self._claims(token.strip())
        email = claims.get("email")
        verified = claims.get("email_verified", False)
        if not isinstance(email, str | None) or not isinstance(verified, bool):
            raise Unauthenticated("the identity token is not valid here: email is text, email_verified true or false")
        if not verified or email not in accounts:
            raise Forbidden(f"the token is of {email or 'nobody'}, who may not do this")

    def _claims(self, token: str) -> dict[str, Any]:
        import jwt

        key = self._key(token)
        try:
            return jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._settings.oidc_audience,
                issuer=list(ISSUERS),
                leeway=SKEW_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss"]},
            )
        except (jwt.PyJWTError, *ODD) as error:
            raise Unauthenticated(f"the identity token is not valid here: {error}") from error

    def _key(self, token: str) -> Any:
        """Return the key that a token says it was signed with."""
        import jwt

        try:
            name = jwt.get_unverified_header(token).get("kid")
        except (jwt.PyJWTError, *ODD) as error:
            raise Unauthenticated(f"the identity token is not valid here: {error}") from error
        if not isinstance(name, str):
            raise Unauthenticated("the identity token is not valid here: it does not name its key")
        try:
            return self._keys.get_signing_key(name)
        except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, OSError, ValueError) as error:
            raise KeysUnavailable(f"the keys of identity tokens cannot be read: {error}") from error
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"the identity token is not valid here: {error}") from error

    @cached_property
    def _keys(self) -> Any:
        try:
            from jwt import PyJWKClient
        except ImportError as error:
            raise InvalidInput("OIDC_AUDIENCE needs PyJWT: install quant-platform-kit[oidc]") from error
        return PyJWKClient(self._settings.oidc_certs_url, timeout=CERTS_SECONDS)
