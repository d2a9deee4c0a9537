"""Secrets of Google Cloud Secret Manager; its library is imported when a secret is needed."""

from __future__ import annotations

import re
from typing import Any

from quant_platform_kit.domain.errors import InvalidInput, StoreError
from quant_platform_kit.domain.redaction import hide

__all__ = ["GoogleSecrets"]

_NAME = re.compile(r"(projects/[^/]+/secrets/[A-Za-z0-9_-]+)(?:/versions/(latest|[1-9][0-9]*))?")
SECONDS = 10.0


class GoogleSecrets:
    """Secrets named ``projects/P/secrets/S`` (the newest version) or ``projects/P/secrets/S/versions/3``.

    Parameters
    ----------
    endpoint
        Address of a server to ask without credentials instead of Google's.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint
        self._client: Any = None

    def read(self, name: str) -> str:
        """Return a value, and hide it from every text from now on; see `Secrets.read`."""
        secret, version = _parts(name)
        answer = self._ask("access_secret_version", name, {"name": f"{secret}/versions/{version or 'latest'}"})
        value = answer.payload.data.decode()
        hide([value])
        return value

    def add(self, name: str, value: str) -> None:
        """Add a version; see `Secrets.add`."""
        secret, version = _parts(name)
        if version not in (None, "latest"):
            raise InvalidInput(f"secret {name} is pinned to a version; name it {secret} to write to it")
        hide([value])
        self._ask("add_secret_version", name, {"parent": secret, "payload": {"data": value.encode()}})

    def _ask(self, method: str, name: str, request: dict[str, Any]) -> Any:
        try:
            from google.api_core.exceptions import GoogleAPIError
            from google.auth.exceptions import GoogleAuthError
        except ImportError as error:
            raise InvalidInput(f"secret {name} needs quant-platform-kit[gcp]: install it") from error
        try:
            self._client = self._client or self._made()
            return getattr(self._client, method)(request=request, timeout=SECONDS, retry=None)
        except (GoogleAPIError, GoogleAuthError, OSError) as error:
            raise StoreError(
                f"secret {name}: {type(error).__name__}: {' '.join(str(error).split())}; check its name and that the "
                "service account may use it"
            ) from error

    def _made(self) -> Any:
        try:
            from google.cloud.secretmanager import SecretManagerServiceClient
        except ImportError as error:
            raise InvalidInput(
                "google-cloud-secret-manager is not installed: install quant-platform-kit[gcp]"
            ) from error
        if self._endpoint is None:
            return SecretManagerServiceClient()
        from google.auth.credentials import AnonymousCredentials

        options = {"api_endpoint": self._endpoint}
        anonymous: Any = AnonymousCredentials()
        return SecretManagerServiceClient(transport="rest", credentials=anonymous, client_options=options)


def _parts(name: str) -> tuple[str, str | None]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise InvalidInput(f"{name!r} names no secret; write projects/P/secrets/S, or with /versions/N to pin one")
    return found[1], found[2]
