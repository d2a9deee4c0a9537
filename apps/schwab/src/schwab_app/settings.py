"""The settings of the Schwab service, and the part of them that a login and prices need."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from quant_platform_kit.runtime.settings import ServiceSettings

from schwab_app.redirect import SANDBOX_PREFIX

__all__ = ["SchwabAccess", "SchwabSettings"]


class SchwabAccess(BaseSettings):
    """How Schwab is reached: the registered application, and where the login's token is kept."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    schwab_app_key: SecretStr = Field(description="Key of the application registered with Schwab.")
    schwab_app_secret: SecretStr = Field(description="Its secret.")
    schwab_callback_url: str = Field("https://127.0.0.1:8182", description="Its callback, exactly as registered.")
    schwab_token_path: str = Field("", description="File that holds the login's token, and is written back.")
    schwab_token_secret_name: str = Field("", description="Secret that holds it instead: projects/P/secrets/S.")
    schwab_api_url: str = Field("", description="A venue of the sandbox on this machine instead of Schwab.")
    schwab_timeout_seconds: float = Field(20, gt=0, le=25, description="How long Schwab may take to answer.")


class SchwabSettings(SchwabAccess, ServiceSettings):
    """What this service can be told beyond what every service can."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=False)

    platform_prefix: ClassVar[str] = "SCHWAB_"

    schwab_dry_run_only: bool = Field(True, description="The first switch: nothing is sent while it is true.")
    schwab_account: str = Field("", description="Account number to run on; none: the login's only account.")
    schwab_settle_seconds: float = Field(
        30, ge=0, description="How long an order may take to appear after it was sent."
    )
    schwab_feature_snapshot_path: str = Field("", description="Features of a snapshot-backed profile.")
    schwab_feature_snapshot_manifest_path: str = Field("", description="Manifest of those features.")
    schwab_strategy_config_path: str = Field("", description="Configuration file of a profile that needs one.")

    def is_paper(self, account_id: str) -> bool:
        """Whether the account is one of the sandbox: Schwab itself has no paper accounts."""
        return bool(self.schwab_api_url) and account_id.startswith(SANDBOX_PREFIX)
