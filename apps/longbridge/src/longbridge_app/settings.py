"""The settings of the LongBridge service, and the part of them that prices need."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from quant_platform_kit.runtime.settings import ServiceSettings

from longbridge_app.addresses import SANDBOX_PREFIX

__all__ = ["LongBridgeAccess", "LongBridgeSettings"]


class LongBridgeAccess(BaseSettings):
    """How LongBridge is reached: with which keys, and where."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    longport_secret_name: str = Field("", description="Secret with app_key, app_secret and access_token, as JSON.")
    longport_app_key: SecretStr = Field(SecretStr(""), description="Key of the application, without a secret.")
    longport_app_secret: SecretStr = Field(SecretStr(""), description="Its secret.")
    longport_access_token: SecretStr = Field(SecretStr(""), description="The account's access token.")
    longbridge_http_url: str = Field("", description="A venue of the sandbox on this machine instead of LongBridge.")
    longbridge_quote_ws_url: str = Field("", description="Its websocket of quotes.")
    longbridge_trade_ws_url: str = Field("", description="Its websocket of orders.")
    longbridge_timeout_seconds: float = Field(20, gt=0, le=25, description="How long LongBridge may take to answer.")


class LongBridgeSettings(LongBridgeAccess, ServiceSettings):
    """What this service can be told beyond what every service can."""

    platform_prefix: ClassVar[str] = "LONGBRIDGE_"

    longbridge_dry_run_only: bool = Field(True, description="The first switch: nothing is sent while it is true.")
    account_prefix: Literal["HK", "SG"] = Field(description="What the account's id begins with in ledger and reports.")
    account_region: Literal["HK", "SG"] = Field(description="Where the account is kept; the same as ACCOUNT_PREFIX.")
    longbridge_account: str = Field(
        "", pattern=r"^[A-Za-z0-9_-]*$", description="The account's number: LongBridge tells it to nobody who asks."
    )
    longbridge_settle_seconds: float = Field(30, ge=0, description="How long an order may take to appear.")
    longbridge_trade_calls: int = Field(
        30,
        ge=0,
        le=30,
        description="Calls about orders and the account in 30 seconds; fewer where another program makes some of the "
        "30 that LongBridge takes. 0, for a venue of the sandbox only: any number.",
    )
    longbridge_feature_snapshot_path: str = Field("", description="Features of a snapshot-backed profile.")
    longbridge_feature_snapshot_manifest_path: str = Field("", description="Manifest of those features.")
    longbridge_strategy_config_path: str = Field("", description="Configuration file of a profile that needs one.")

    def is_paper(self, account_id: str) -> bool:
        """Whether the account is one of the sandbox: a paper account of LongBridge looks like any other."""
        return bool(self.longbridge_http_url) and account_id.startswith(SANDBOX_PREFIX)
