"""The settings of the Interactive Brokers service."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from quant_platform_kit.runtime.settings import ServiceSettings

from ibkr_app.mapping import is_paper

__all__ = ["GatewaySettings", "IbkrSettings"]


class GatewaySettings(BaseSettings):
    """Where the Gateway is."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    ibkr_gateway_host: str = Field("127.0.0.1", description="Where TWS or IB Gateway runs.")
    ibkr_gateway_port: int = Field(4002, ge=1, le=65535, description="4002 Gateway paper, 4001 live; TWS 7497, 7496.")
    ibkr_client_id: int = Field(
        17, ge=1, le=999, description="Stable: orders are recovered under the id that sent them."
    )
    ibkr_timeout_seconds: float = Field(20, gt=0, le=25, description="How long the Gateway may take to answer.")


class IbkrSettings(GatewaySettings, ServiceSettings):
    """What this service can be told beyond what every service can."""

    platform_prefix: ClassVar[str] = "IBKR_"

    ibkr_dry_run_only: bool = Field(True, description="The first switch: nothing is sent while it is true.")
    ibkr_settle_seconds: float = Field(
        30, ge=0, le=60, description="How long an order may take to appear after it was sent."
    )
    account_group: str = Field("", description="Which accounts of the group configuration; none: the only account.")
    ib_account_group_config: SecretStr = Field(
        SecretStr(""), description='Accounts by group, as JSON: {"growth": ["U1234567"]}.'
    )
    ib_account_group_config_secret_name: str = Field("", description="Secret that holds it instead.")
    ibkr_feature_snapshot_path: str = Field("", description="Features of a snapshot-backed profile.")
    ibkr_feature_snapshot_manifest_path: str = Field("", description="Manifest of those features.")
    ibkr_strategy_config_path: str = Field("", description="Configuration file of a profile that needs one.")
    ibkr_reconciliation_output_path: str = Field("", description="Folder or gs:// address for reconciliations.")

    def is_paper(self, account_id: str) -> bool:
        """Whether Interactive Brokers calls the account a paper account."""
        return is_paper(account_id)
