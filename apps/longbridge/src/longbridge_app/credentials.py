"""How to log in at LongBridge, or at a venue of the sandbox: from the secret or from the settings."""

from __future__ import annotations

import json
from typing import cast

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.ports.secrets import Secrets

from longbridge_app.addresses import check_addresses
from longbridge_app.rows import Credentials
from longbridge_app.sdk import installed_library
from longbridge_app.settings import LongBridgeAccess

__all__ = ["credentials_of", "is_sandbox"]

KEYS = ("app_key", "app_secret", "access_token")


def is_sandbox(access: LongBridgeAccess) -> bool:
    """Return whether the addresses are those of a venue of the sandbox; raises as `check_addresses`."""
    return check_addresses(
        {
            "LONGBRIDGE_HTTP_URL": access.longbridge_http_url,
            "LONGBRIDGE_QUOTE_WS_URL": access.longbridge_quote_ws_url,
            "LONGBRIDGE_TRADE_WS_URL": access.longbridge_trade_ws_url,
        }
    )


def credentials_of(access: LongBridgeAccess, secrets: Secrets) -> Credentials:
    """Return how to log in, from the secret or from the access.

    Raises
    ------
    InvalidInput
        Both are given, or neither whole.
    StoreError
        The secret cannot be read.
    """
    given = {name: getattr(access, f"longport_{name}").get_secret_value() for name in KEYS}
    secret = access.longport_secret_name
    if secret and any(given.values()):
        raise InvalidInput("LONGPORT_SECRET_NAME is set, and LONGPORT_APP_KEY and its like too: set one of them")
    if secret:
        given = _parsed(secret, secrets.read(secret))
    absent = [name for name in KEYS if not given.get(name)]
    if absent:
        where = f"secret {secret} lacks" if secret else "set LONGPORT_SECRET_NAME, or for this machine LONGPORT_"
        raise InvalidInput(
            f"{where} {', '.join(absent)}" if secret else where + ", LONGPORT_".join(map(str.upper, KEYS))
        )
    hide([given[name] for name in KEYS])
    urls = (access.longbridge_http_url, access.longbridge_quote_ws_url, access.longbridge_trade_ws_url)
    http, quote, trade = (url or None for url in urls)
    return Credentials(
        installed_library(), given["app_key"], given["app_secret"], given["access_token"], http, quote, trade
    )


def _parsed(name: str, text: str) -> dict[str, str]:
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise InvalidInput(f"secret {name} is no JSON object with {', '.join(KEYS)}")
    return {key: str(value) for key, value in cast("dict[str, object]", read).items()}
