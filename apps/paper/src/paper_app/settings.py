"""The settings of the paper service."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from quant_platform_kit.runtime.settings import NAME, ServiceSettings

__all__ = ["PaperSettings"]


class PaperSettings(ServiceSettings):
    """What the paper service can be told beyond what every service can."""

    platform_prefix: ClassVar[str] = "PAPER_"

    host: str = Field("127.0.0.1", description="Address to listen on: this machine only.")
    paper_account: str = Field(pattern=NAME, description="Account at the paper venue.")
    paper_venue_port: int = Field(ge=1, le=65535, description="Where the paper venue listens on 127.0.0.1.")
    paper_prices: Path = Field(description="Price file for the history; quotes come from the venue.")
    paper_price_field: Literal["close", "adj_close"] = Field("adj_close", description="The series of the price file.")
    paper_strategy: str = Field(
        "", description="FILE.py:CLASS that has STRATEGY_PROFILE: a strategy of your own, not installed."
    )
    paper_settle_seconds: float = Field(
        2, ge=0, le=600, description="How long an order may take to appear at the venue."
    )
    paper_timeout_seconds: float = Field(5, gt=0, le=600, description="How long the venue may take to answer.")
    paper_feature_snapshot_path: str = Field("", description="Features of a snapshot-backed profile.")
    paper_feature_snapshot_manifest_path: str = Field("", description="Manifest of those features.")
    paper_strategy_config_path: str = Field("", description="Configuration file of a profile that needs one.")
