"""How Alpaca is reached, and with which keys."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.ports.secrets import Secrets
from quant_platform_kit.runtime.settings import ServiceSettings
from trading_playbook.sources.installed import Feed

__all__ = ["AlpacaAccess", "AlpacaSettings", "Keys", "keys_of"]

KEYS = ("alpaca_api_key", "alpaca_secret_key")


class AlpacaAccess(BaseSettings):
    """What the environment says of Alpaca, and of the cache of its bars."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    alpaca_api_key: SecretStr = Field(SecretStr(""), description="The key's id, without a secret.")
    alpaca_api_key_secret_name: str = Field("", description="Secret that holds it: projects/P/secrets/S.")
    alpaca_secret_key: SecretStr = Field(SecretStr(""), description="The key's secret part, without a secret.")
    alpaca_secret_key_secret_name: str = Field("", description="Secret that holds it: projects/P/secrets/S.")
    alpaca_paper: bool = Field(True, description="Whether the keys are those of a paper account.")
    alpaca_feed: Feed = Field(Feed.SIP, description="Whose trades the history is made of.")
    alpaca_data_url: str = Field("", description="A venue of the sandbox on this machine instead of Alpaca.")
    alpaca_trading_url: str = Field("", description="The same for the calendar, where it is another.")
    alpaca_timeout_seconds: float = Field(20, gt=0, le=60, description="How long Alpaca may take to answer.")
    data_cache_dir: str = Field("data/cache", description="Where finished sessions are kept: folder or gs://.")
    storage_emulator_host: str | None = Field(None, description="Server of gs:// addresses instead of Google's.")


class AlpacaSettings(AlpacaAccess, ServiceSettings):
    """What this service can be told beyond what every service can."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=False)

    platform_prefix: ClassVar[str] = "ALPACA_"

    alpaca_dry_run_only: bool = Field(True, description="The first switch: nothing is sent while it is true.")
    alpaca_account: str = Field("", description="Number of the account that the keys have to be of; none: any.")
    alpaca_timeout_seconds: float = Field(20, gt=0, le=25, description="How long Alpaca may take to answer.")
    alpaca_settle_seconds: float = Field(
        30, ge=0, description="How long an order may take to appear after it was sent."
    )
    alpaca_feature_snapshot_path: str = Field("", description="Features of a snapshot-backed profile.")
    alpaca_feature_snapshot_manifest_path: str = Field("", description="Manifest of those features.")
    alpaca_strategy_config_path: str = Field("", description="Configuration file of a profile that needs one.")

    def is_paper(self, account_id: str) -> bool:
        """Whether the account is one of Alpaca's paper accounts: they are at an address of their own."""
        del account_id
        return self.alpaca_paper


class Keys(NamedTuple):
    """Both parts of a key."""

    api_key: str
    secret_key: str


def keys_of(access: AlpacaAccess, secrets: Secrets) -> Keys:
    """Return the keys, from the settings or from the secrets that they name; no text shows them from now on.

    Raises
    ------
    InvalidInput
        One of them is given twice, or not at all.
    StoreError
        A secret cannot be read.
    """
    keys = Keys(*(_key(access, name, secrets) for name in KEYS))
    hide(keys)
    return keys


def _key(access: AlpacaAccess, field: str, secrets: Secrets) -> str:
    name = field.upper()
    plain, reference = getattr(access, field).get_secret_value().strip(), getattr(access, f"{field}_secret_name")
    if plain and reference:
        raise InvalidInput(f"{name}_SECRET_NAME and {name} are both set: remove one of them")
    if value := plain or (secrets.read(reference).strip() if reference else ""):
        return value
    raise InvalidInput(f"{name} is not set: set it, or {name}_SECRET_NAME to the secret that holds it")
