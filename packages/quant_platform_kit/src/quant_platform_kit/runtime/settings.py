"""The settings of a service: read once from the environment, frozen, and refused where they cannot be meant.

An app subclasses `ServiceSettings` with the fields of its platform, whose names in the environment begin with the
platform's own, such as ``IBKR_DRY_RUN_ONLY``.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, ClassVar, Literal, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from quant_platform_kit.adapters.notifier import check_urls
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.gates import PRICE_BASIS, PRICE_JUMP, PRICE_JUMP_ALONE
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.services.run.request import Handover

__all__ = ["NAME", "ServiceSettings", "read_part", "read_settings"]

_Settings = TypeVar("_Settings", bound="ServiceSettings")
_Part = TypeVar("_Part", bound=BaseSettings)
_Names = Annotated[tuple[str, ...], NoDecode]
NAME = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$"
"""A name that can be part of a key in a store."""


class ServiceSettings(BaseSettings):
    """What every service can be told. The names in the environment are those of the fields, in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=False)

    platform_prefix: ClassVar[str] = ""
    """What the names of the platform's own settings begin with, such as ``IBKR_``."""

    strategy_profile: str = Field(description="The profile to run, enabled for the platform.")
    strategy_config: str = Field("", description="Settings of the strategy, KEY=VALUE separated by commas.")
    cloud_run_service: str = Field("local", pattern=NAME, description="Name of the service; it owns its accounts.")
    store_url: SecretStr = Field(description="Ledger: file://, sqlite:///, postgresql+psycopg:// or gs://.")
    report_store_url: SecretStr = Field(description="Run reports and recorded inputs, an address as for STORE_URL.")
    storage_emulator_host: str | None = Field(None, description="Server of gs:// addresses instead of Google's.")
    live_trading: bool = Field(False, description="The second switch of live trading; the first is the platform's.")
    price_history_path: str = Field("", description="Price file whose history is used instead of the broker's.")
    allocation_fraction: Decimal = Field(Decimal(1), gt=0, le=1, description="Share of the account to manage.")
    handover: Handover = Field(Handover.REFUSE, description="Holdings that an earlier profile bought.")
    enter_now: bool = Field(False, description="A new account executes the decision in force, without waiting.")
    max_order_notional: Decimal | None = Field(None, gt=0, description="Largest order, in the account's currency.")
    max_turnover: Decimal | None = Field(None, gt=0, description="Largest turnover of a run, as a share of the base.")
    max_weight: Decimal | None = Field(None, gt=0, le=1, description="Largest weight of one symbol.")
    max_price_move: Decimal | None = Field(None, gt=0, description="Largest move since the decision, as a share.")
    price_jump: Decimal = Field(
        PRICE_JUMP,
        gt=0,
        lt=1,
        description="Move from the last close that blocks, where the venue's own agrees with it.",
    )
    price_jump_alone: Decimal = Field(
        PRICE_JUMP_ALONE, gt=0, lt=1, description="The same where the venue tells no previous close."
    )
    price_basis: Decimal = Field(
        PRICE_BASIS, gt=0, lt=1, description="Difference of the venue's previous close from the history's that blocks."
    )
    balance_tolerance_share: Decimal = Field(
        Decimal("0.005"), ge=0, lt=1, description="How far cash + positions may be from the broker's total, as a share."
    )
    balance_tolerance: Decimal = Field(
        Decimal(100), ge=0, description="The same in the broker's base currency; the larger of the two counts."
    )
    debit_accounts: _Names = Field((), description="Accounts that may owe cash, separated by commas.")
    cash_accounts: _Names = Field((), description="Accounts without margin whose broker does not say so, likewise.")
    max_price_age_seconds: float = Field(60, gt=0, le=604_800, description="Oldest price to trade at.")
    run_max_age_minutes: float = Field(
        30, gt=0, le=1440, description="Older triggers recover what is open and decide nothing."
    )
    fill_timeout_seconds: float = Field(120, gt=0, le=130, description="How long a phase waits for fills.")
    lease_seconds: float = Field(
        60, ge=1, le=3600, description="How long the right to act on an account lasts unrenewed."
    )
    notify_urls: SecretStr = Field(SecretStr(""), description="Whom to tell: Apprise URLs separated by spaces.")
    traces_url: SecretStr = Field(
        SecretStr(""), description="Where a collector takes traces, OTLP over HTTP; empty: nothing is traced."
    )
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

    @field_validator("oidc_readers", "debit_accounts", "cash_accounts", mode="before")
    @classmethod
    def _listed(cls, text: object) -> object:
        return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text

    @property
    def run_max_age(self) -> timedelta:
        """``RUN_MAX_AGE_MINUTES`` as a time."""
        return timedelta(minutes=self.run_max_age_minutes)

    @property
    def dry_run_only(self) -> bool:
        """The first switch of live trading, which is the platform's own: ``<PLATFORM>_DRY_RUN_ONLY``."""
        return bool(getattr(self, f"{self.platform_prefix.lower()}dry_run_only"))

    def of_platform(self, name: str) -> str:
        """Return a setting whose name begins with the platform's own; empty where it is not set."""
        return str(getattr(self, f"{self.platform_prefix.lower()}{name}", ""))

    def is_paper(self, account_id: str) -> bool:
        """Whether an account is one of the broker's own paper accounts; no account of this platform is."""
        del account_id
        return False

    def mode_of(self, account_id: str) -> Mode:
        """Return how far the runs of an account may go: live needs both switches, a paper account the first."""
        if self.dry_run_only:
            return Mode.DRY_RUN
        if self.is_paper(account_id):
            return Mode.PAPER
        return Mode.LIVE if self.live_trading else Mode.DRY_RUN

    @property
    def revision(self) -> str:
        """What runs: the deployed revision, else the commit."""
        return self.k_revision or self.commit_sha

    def secrets(self) -> list[str]:
        """Return every secret value among the settings, whole and in parts."""
        values = [value.get_secret_value().strip() for _, value in self if isinstance(value, SecretStr)]
        notify = self.notify_urls.get_secret_value().split()
        found = [text for text in values if "://" not in text] + notify
        for url in (part for text in values for part in text.split() if "://" in part):
            found += _passwords(url)
        for url in notify:
            found += [part for part in _DIVIDERS.split(url) if len(part) >= SHORTEST_TOKEN and "." not in part]
        return [form for text in found for form in (text, unquote(text)) if text]


SHORTEST_TOKEN = 8
"""Longer parts of a notification URL may be tokens; names of hosts have a dot."""
_DIVIDERS = re.compile(r"[/?&=@:#]+")
_PASSWORD = re.compile(r"[?&][^=&#]*pass[^=&#]*=([^&#]+)", re.IGNORECASE)


def _passwords(url: str) -> list[str]:
    """Return what may be a password in an address, however it is read: the last @ may end it, or the first."""
    rest = url.partition("://")[2]
    users = (rest.rpartition("@")[0], rest.partition("@")[0] if "@" in rest else "")
    return [user.partition(":")[2] for user in users] + _PASSWORD.findall(url)


_STORES = re.compile(r"(file://(localhost)?/|sqlite:///|postgresql\+psycopg://|gs://[^/]).+")
_KEYS = re.compile(r"(https://|http://(localhost|127\.0\.0\.1)[:/])[^\s\[\]]+")
_OWN = (
    "ALLOCATION_",
    "BALANCE_",
    "CASH_ACCOUNTS",
    "DEBIT_ACCOUNTS",
    "FILL_TIMEOUT",
    "LEASE_",
    "LIVE_TRADING",
    "MAX_ORDER_",
    "MAX_PRICE_",
    "NOTIFY_",
    "OIDC_",
    "PRICE_BASIS",
    "PRICE_JUMP",
    "REPORT_STORE_",
    "RUN_MAX_",
    "STRATEGY_",
    "TRACES_",
)
"""What the names of settings begin with that no other program uses: an unknown one of these is a mistake."""
_OF_SYSTEMD = frozenset({"NOTIFY_SOCKET"})
"""What systemd gives its services, though it begins like a setting of ours."""
CLOSE, LONG = 0.85, 7
"""Other names are mistakes if they are so close to that of a setting, and so long."""


def read_settings(kind: type[_Settings]) -> _Settings:
    """Read the settings of a service from the environment, and hide its secrets from every text from now on.

    Raises
    ------
    InvalidInput
        A setting is missing, unknown, out of its bounds or contradicts another; the message names it, its value and
        what to do.
    """
    _refuse_unknown(kind)
    settings = _read(kind)
    hide(settings.secrets())
    _check_addresses(settings)
    if settings.oidc_audience and not settings.oidc_service_account:
        raise InvalidInput(
            f"OIDC_AUDIENCE is {settings.oidc_audience} and OIDC_SERVICE_ACCOUNT is not set: nobody could trigger a "
            "run; set it to the scheduler's service account"
        )
    if not settings.oidc_audience and (settings.oidc_service_account or settings.oidc_readers):
        name = "OIDC_SERVICE_ACCOUNT" if settings.oidc_service_account else "OIDC_READERS"
        raise InvalidInput(f"{name} is set and OIDC_AUDIENCE is not: set it to the service's own URL")
    return settings


def read_part(kind: type[_Part]) -> _Part:
    """Read the settings of a command that needs a part of a service's only, and hide its secrets as `read_settings`.

    Raises
    ------
    InvalidInput
        A setting is missing or out of its bounds; the message names it, its value and what to do.
    """
    part = _read(kind)
    hide(value.get_secret_value() for _, value in part if isinstance(value, SecretStr))
    return part


def _read(kind: type[_Part]) -> _Part:
    try:
        return kind()  # the fields come from the environment
    except ValidationError as error:
        raise _refused(kind, error) from None


def _check_addresses(settings: ServiceSettings) -> None:
    """Refuse addresses that can be none; values are not shown, they may be secret."""
    for name, url in (("STORE_URL", settings.store_url), ("REPORT_STORE_URL", settings.report_store_url)):
        if not (_STORES.fullmatch(url.get_secret_value()) and _splits(url.get_secret_value())):
            known = "file:///folder, sqlite:///file, postgresql+psycopg://user@host/database or gs://bucket/prefix"
            raise InvalidInput(f"{name} is not the address of a store; write {known}")
    check_urls(settings.notify_urls.get_secret_value())
    if not _KEYS.fullmatch(settings.oidc_certs_url):
        raise InvalidInput(f"OIDC_CERTS_URL is {settings.oidc_certs_url!r}; keys are read from an https:// address")


def _splits(url: str) -> bool:
    try:
        return bool(urlsplit(url).scheme)
    except ValueError:
        return False


def _refuse_unknown(kind: type[ServiceSettings]) -> None:
    known = {name.upper() for name in kind.model_fields}
    prefixes = (*_OWN, kind.platform_prefix) if kind.platform_prefix else _OWN
    for name in sorted(os.environ):  # noqa: TID251 - this is where it is read
        if name.upper() in known or name in _OF_SYSTEMD:
            continue
        near = get_close_matches(name, known, 1, CLOSE)
        if name.startswith(prefixes) or (near and len(name) >= LONG):
            near = near or get_close_matches(name, known, 1)
            meant = f"; did you mean {near[0]}?" if near else "."
            raise InvalidInput(f"{name} is not a setting of this service{meant} Remove or correct it")


def _refused(kind: type[BaseSettings], error: ValidationError) -> InvalidInput:
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    info = kind.model_fields.get(field)
    meant = (info.description or "") if info else ""
    if first["type"] == "missing":
        return InvalidInput(f"{field.upper()} is not set. {meant} Set it in the environment")
    secret = info is not None and info.annotation is SecretStr
    value = "a secret" if secret else repr(first["input"])
    return InvalidInput(f"{field.upper()} is {value}: {first['msg']}. {meant}")
