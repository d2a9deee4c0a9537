"""The settings of a service: read once from the environment, frozen, and refused where they cannot be meant.

An app subclasses `ServiceSettings` with the fields of its platform, whose names in the environment begin with the
platform's own, such as ``IBKR_DRY_RUN_ONLY``.
"""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, ClassVar, Literal, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.services.run_request import Handover

__all__ = ["ServiceSettings", "read_settings"]

_Settings = TypeVar("_Settings", bound="ServiceSettings")
_Names = Annotated[tuple[str, ...], NoDecode]


class ServiceSettings(BaseSettings):
    """What every service can be told. The names in the environment are those of the fields, in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=False)

    platform_prefix: ClassVar[str] = ""
    """What the names of the platform's own settings begin with, such as ``IBKR_``."""

    strategy_profile: str = Field(description="The profile to run, enabled for the platform.")
    strategy_config: str = Field("", description="Settings of the strategy, KEY=VALUE separated by commas.")
    cloud_run_service: str = Field("local", description="Name of the service; it owns its accounts.")
    store_url: SecretStr = Field(description="Ledger: file://, sqlite:///, postgresql+psycopg:// or gs://.")
    report_store_url: SecretStr = Field(description="Run reports and recorded inputs, an address as for STORE_URL.")
    storage_emulator_host: str | None = Field(None, description="Server of gs:// addresses instead of Google's.")
    live_trading: bool = Field(False, description="The second switch of live trading; the first is the platform's.")
    allocation_fraction: Decimal = Field(Decimal(1), gt=0, le=1, description="Share of the account to manage.")
    handover: Handover = Field(Handover.REFUSE, description="Holdings that an earlier profile bought.")
    enter_now: bool = Field(False, description="A new account executes the decision in force, without waiting.")
    max_order_notional: Decimal | None = Field(None, gt=0, description="Largest order, in the account's currency.")
    max_turnover: Decimal | None = Field(None, gt=0, description="Largest turnover of a run, as a share of the base.")
    max_weight: Decimal | None = Field(None, gt=0, le=1, description="Largest weight of one symbol.")
    max_price_move: Decimal | None = Field(None, gt=0, description="Largest move since the decision, as a share.")
    max_price_age_seconds: float = Field(60, gt=0, description="Oldest price to trade at.")
    run_max_age_minutes: float = Field(30, gt=0, description="Older triggers recover what is open and decide nothing.")
    fill_timeout_seconds: float = Field(120, gt=0, le=270, description="How long a phase waits for fills.")
    lease_seconds: float = Field(60, ge=1, description="How long the right to act on an account lasts unrenewed.")
    notify_urls: SecretStr = Field(SecretStr(""), description="Whom to tell: Apprise URLs separated by spaces.")
    oidc_audience: str | None = Field(None, description="Requests need an identity token for this audience.")
    oidc_service_account: str | None = Field(None, description="Who may trigger runs, with OIDC_AUDIENCE.")
    oidc_readers: _Names = Field((), description="Who else may read reports, separated by commas.")
    oidc_certs_url: str = Field("https://www.googleapis.com/oauth2/v3/certs", description="Keys of the tokens.")
    commit_sha: str = Field("unknown", description="The commit that the image was built from, baked in.")
    image: str = Field("unknown", description="The image that runs, by digest.")
    k_revision: str = Field("", description="Set by Cloud Run: the revision.")
    port: int = Field(8080, ge=0, le=65535, description="Where to listen; 0 takes a free port and prints it.")
    host: str = Field("0.0.0.0", description="Address to listen on.")
    log_format: Literal["json", "text"] = Field("text", description="How to log.")

    @field_validator("oidc_readers", mode="before")
    @classmethod
    def _listed(cls, text: object) -> object:
        return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text

    @property
    def run_max_age(self) -> timedelta:
        """``RUN_MAX_AGE_MINUTES`` as a time."""
        return timedelta(minutes=self.run_max_age_minutes)

    @property
    def revision(self) -> str:
        """What runs: the deployed revision, else the commit."""
        return self.k_revision or self.commit_sha

    def secrets(self) -> list[str]:
        """Return every secret value among the settings, whole and in parts."""
        found = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        urls = [part for text in found for part in text.split()]
        parts = [urlsplit(url) for url in urls if "://" in url]
        found = [text for text in found if "://" not in text]
        for part in parts:
            found += [unquote(part.password)] if part.password else []
        found += [url for url in self.notify_urls.get_secret_value().split() if url]
        return [text for text in found if text]


_OWN = ("STRATEGY_", "REPORT_STORE_", "OIDC_", "NOTIFY_", "LIVE_TRADING", "RUN_MAX_", "MAX_ORDER_", "MAX_PRICE_")
"""What the names of settings begin with that no other program uses: an unknown one of these is a mistake."""


def read_settings(kind: type[_Settings]) -> _Settings:
    """Read the settings of a service from the environment, and hide its secrets from every text from now on.

    Raises
    ------
    InvalidInput
        A setting is missing, unknown, out of its bounds or contradicts another; the message names it, its value and
        what to do.
    """
    _refuse_unknown(kind)
    try:
        settings = kind()  # pyright: ignore[reportCallIssue] - the fields come from the environment
    except ValidationError as error:
        raise _refused(kind, error) from None
    hide(settings.secrets())
    if settings.oidc_audience and not settings.oidc_service_account:
        raise InvalidInput(
            f"OIDC_AUDIENCE is {settings.oidc_audience} and OIDC_SERVICE_ACCOUNT is not set: nobody could trigger a "
            "run; set it to the scheduler's service account"
        )
    if settings.oidc_service_account and not settings.oidc_audience:
        raise InvalidInput("OIDC_SERVICE_ACCOUNT is set and OIDC_AUDIENCE is not: set it to the service's own URL")
    return settings


def _refuse_unknown(kind: type[ServiceSettings]) -> None:
    known = {name.upper() for name in kind.model_fields}
    prefixes = (*_OWN, kind.platform_prefix) if kind.platform_prefix else _OWN
    for name in sorted(os.environ):  # noqa: TID251 - this is where it is read
        if name.startswith(prefixes) and name not in known:
            near = get_close_matches(name, known, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise InvalidInput(f"{name} is not a setting of this service{meant} Remove or correct it")


def _refused(kind: type[ServiceSettings], error: ValidationError) -> InvalidInput:
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    info = kind.model_fields.get(field)
    meant = (info.description or "") if info else ""
    if first["type"] == "missing":
        return InvalidInput(f"{field.upper()} is not set. {meant} Set it in the service's environment")
    secret = info is not None and info.annotation is SecretStr
    value = "a secret" if secret else repr(first["input"])
    return InvalidInput(f"{field.upper()} is {value}: {first['msg']}. {meant}")
