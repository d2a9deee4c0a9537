"""The settings of a deployment: one account at one venue.

They are read once: from a YAML file, if one is named, then from the environment. A key of the file is called as in the
environment, in small letters and without ``EVENT_TRADING_``. A key that is not known is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self, cast
from urllib.parse import unquote, urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.events.bus import SESSION_SECONDS
from quant_platform_kit.events.bus import Settings as Bus
from quant_platform_kit.ports.secrets import Secrets

__all__ = ["CONFIG", "PREFIX", "Settings", "environment", "name_of", "read_settings"]

PREFIX = "EVENT_TRADING_"
SHARED = ("live_trading", "notify_urls", "store_url", "traces_url")
"""Settings that are called alike in all apps: without the prefix."""
CONFIG = f"{PREFIX}CONFIG"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
SANDBOX = "dusbx"
"""What the accounts of sandbox venues begin with."""
NAME = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$"
_JSON = ("kafka_extra", "quoter_settings")
_OWN_WORDS = frozenset({CONFIG})


class Settings(BaseModel):
    """All settings; a service reads the ones that it needs, and refuses to start without them."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    account: str = Field(pattern=NAME, max_length=128, description="The account whose inventory is traded.")
    service_name: str = Field(
        default="event-trading", pattern=NAME, description="Name of the deployment, by which halts stop it."
    )
    dry_run_only: bool = Field(default=True, description="Nothing is sent to the venue.")
    live_trading: bool = Field(default=False, description="The second switch of live trading, beside dry_run_only.")

    kafka_url: str = Field(description="The bus, host:port; several with commas between them.")
    kafka_extra: dict[str, str] = Field(default={}, description="Further settings of librdkafka, as JSON.")
    kafka_mock: bool = Field(default=False, description="The broker is librdkafka's own mock, for demonstrations.")
    partitions: int = Field(default=3, ge=1, le=1000, description="Partitions of each topic; never to be changed.")
    namespace: str = Field(
        default="",
        pattern=r"^([a-z0-9-]+\.)?$",
        description="Before the names of all topics; for replays, ends in `.`.",
    )
    store_url: SecretStr = Field(
        default=SecretStr(""), description="The ledger, halts and leases, as `postgresql+psycopg://...`."
    )
    at_once: int = Field(default=16, ge=1, le=1000, description="Commands of a partition under way at once.")

    near_ws_url: str = Field(default="", description="Solver bus, wss://...; needed by ingestor and executor.")
    near_node_url: str = Field(default="", description="A node's JSON-RPC; needed by executor, monitor, inventory.")
    near_token: SecretStr = Field(default=SecretStr(""), description="The solver's token for the bus.")
    near_key: SecretStr = Field(default=SecretStr(""), description="The account's key, `ed25519:...`; executor only.")
    near_standard: Literal["nep413", "raw_ed25519"] = Field(default="nep413", description="How answers are signed.")
    tokens: tuple[str, ...] = Field(default=(), description="Tokens whose balance is told, with commas between them.")

    quoter: Literal["dummy", "spread"] = Field(default="spread", description="Who decides on demands.")
    quoter_settings: dict[str, Any] = Field(default={}, description="Its settings, as JSON: limits, spread_bps ...")
    margin_ms: int = Field(
        default=200, ge=0, le=60_000, description="An answer is not sent in the last so many ms of an auction."
    )
    prices_file: str = Field(default="", description="JSON lines of reference prices that the prices service tells.")
    poll_seconds: float = Field(default=2.0, gt=0, le=3600, description="Between two looks at prices or balances.")

    lease_seconds: float = Field(
        default=SESSION_SECONDS, ge=1, le=SESSION_SECONDS, description="How long a partition is held unrenewed."
    )
    finality_seconds: float = Field(
        default=10.0, ge=0, le=3600, description="From an answer's deadline until the venue's word is final."
    )
    alert_seconds: float = Field(
        default=60.0, gt=0, le=86_400, description="A command that is UNKNOWN for so long after that is told of."
    )

    archive_url: str = Field(default="", description="Folder or bucket of the archive: file:///... or gs://...")
    archive_rows: int = Field(default=5000, ge=1, le=100_000, description="Events in one file of the archive at most.")
    archive_seconds: float = Field(default=30.0, gt=0, le=3600, description="A file is written after so long.")

    instance: str = Field(default="", description="Names this process among those of its service.")
    host: str = Field(default="127.0.0.1", min_length=1, description="Where /healthz and /metrics listen.")
    port: int = Field(
        default=8801, ge=0, lt=65520, description="Port of the first service, the others follow; 0: any free one."
    )
    notify_urls: SecretStr = Field(default=SecretStr(""), description="Whom alerts tell, as Apprise writes it.")
    traces_url: SecretStr = Field(
        default=SecretStr(""), description="Where a collector takes traces, OTLP over HTTP; empty: nothing is traced."
    )
    log_format: Literal["json", "text"] = Field(default="text", description="How to log.")

    @field_validator("tokens", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.live_trading and self.dry_run_only:
            raise ValueError("live_trading is true, and dry_run_only too; decide on one of them")
        if self.namespace and not self.dry_run_only:
            raise ValueError("namespace is for replays, which send nothing; leave dry_run_only true")
        return self

    @property
    def bus(self) -> Bus:
        """The bus."""
        return Bus(self.kafka_url, self.kafka_extra, mock=self.kafka_mock)

    @property
    def mode(self) -> Mode:
        """How far this goes: a sandbox account at a relay on this machine is paper, as it has nothing to lose."""
        if self.dry_run_only:
            return Mode.DRY_RUN
        if self.account.startswith(SANDBOX) and urlsplit(self.near_ws_url).hostname in LOOPBACK:
            return Mode.PAPER
        return Mode.LIVE if self.live_trading else Mode.DRY_RUN

    @property
    def margin(self) -> timedelta:
        """``margin_ms`` as a time."""
        return timedelta(milliseconds=self.margin_ms)

    def required(self, *names: str) -> None:
        """Raise `InvalidInput` unless settings are there that a service cannot do without."""
        for name in names:
            value = getattr(self, name)
            if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
                meant = type(self).model_fields[name].description or ""
                raise InvalidInput(f"{name_of(name)} is not set. {meant} Set it in the environment or in the file")


def name_of(field: str) -> str:
    """Return what a setting is called in the environment."""
    return field.upper() if field in SHARED else f"{PREFIX}{field.upper()}"


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ  # noqa: TID251 - read here only


def read_settings(path: Path | None, environment: Mapping[str, str], secrets: Secrets | None = None) -> Settings:
    """Return the settings of a file and an environment; secret values are hidden from every text from now on.

    Parameters
    ----------
    path
        A YAML file; if None, the one that ``EVENT_TRADING_CONFIG`` names, if any.
    secrets
        Where ``*_secret_name`` keys lead, in place of the key without the ending; Google's Secret Manager if None.

    Raises
    ------
    InvalidInput
        A setting is not known, missing, wrong or contradicts another; the message names it.
    """
    named = environment.get(CONFIG)
    file = path or (Path(named) if named else None)
    document = {**(_document(file) if file else {}), **_of_environment(environment)}
    _resolve(document, secrets or GoogleSecrets())
    for name in _JSON:
        document = _parsed(document, name)
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(_first_words(error)) from None
    hide(_secrets_of(settings))
    return settings


def _document(path: Path) -> dict[str, Any]:
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"settings {path}: {error.strerror}; name the file with --config or {CONFIG}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise InvalidInput(f"settings {path}: no YAML") from None
    if not isinstance(content, dict):
        raise InvalidInput(f"settings {path}: it has no keys such as account and kafka_url")
    return {str(key): value for key, value in cast(dict[Any, Any], content).items()}


def _of_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    known = {name_of(name): name for name in Settings.model_fields}
    for name, value in environment.items():
        plain = name.removesuffix("_SECRET_NAME")
        if name in known:
            found[known[name]] = value
        elif plain != name and plain in known:
            found[f"{known[plain]}_secret_name"] = value
        elif name.startswith(PREFIX) and name not in _OWN_WORDS:
            near = get_close_matches(name, known, 1)
            meant = f"; did you mean {near[0]}?" if near else "."
            raise InvalidInput(f"{name} is no setting{meant} Remove or correct it")
    return found


def _resolve(document: dict[str, Any], secrets: Secrets) -> None:
    """Put the values of secrets in place of their names."""
    for key in [key for key in document if key.endswith("_secret_name")]:
        plain = key.removesuffix("_secret_name")
        if plain in document:
            raise InvalidInput(f"{name_of(key)} and {name_of(plain)} are both set; keep one of them")
        document[plain] = secrets.read(str(document.pop(key)))


def _parsed(document: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(text := document.get(name), str):
        return document
    try:
        return {**document, name: json.loads(text)}
    except ValueError as error:
        raise InvalidInput(f"{name_of(name)} is no JSON: {error}; write an object") from None


def _first_words(error: ValidationError) -> str:
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    told = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        near = get_close_matches(field, Settings.model_fields, 1)
        return f"{field} is no setting{f'; did you mean {near[0]}?' if near else '.'} Remove or correct it"
    if not field:
        return told
    info = Settings.model_fields.get(field)
    meant = (info.description or "") if info else ""
    if first["type"] == "missing":
        return f"{name_of(field)} is not set. {meant} Set it in the environment or in the file"
    value = "a secret" if info is not None and info.annotation is SecretStr else repr(first["input"])
    return f"{name_of(field)} is {value}: {told}. {meant}"


def _secrets_of(settings: Settings) -> list[str]:
    values = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    passwords = [urlsplit(value).password or "" for value in values if "://" in value and " " not in value]
    plain = [value for value in values if "://" not in value]
    extra = [value for name, value in settings.kafka_extra.items() if "password" in name or "secret" in name]
    return [form for text in (*plain, *passwords, *extra) if text for form in (text, unquote(text))]
