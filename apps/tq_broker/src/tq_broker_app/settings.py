"""The settings of a deployment: one portfolio, one futures account.

They are read once: from ``config.yaml``, then from the environment, whose names are those of the file's keys in
capitals, such as ``TQ_BROKER__REDIS__PASSWORD`` for ``redis.password``. A key that is not known is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, cast
from urllib.parse import quote, urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.ports.secrets import Secrets

__all__ = ["RunMode", "Settings", "Split", "read_settings"]

PREFIX = "TQ_BROKER__"
NAME = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$"
_BARE = re.compile(r"-?[0-9.]+")
_NAME = re.compile(r"(alias|anchor|handle|tag) .*", re.DOTALL)
"""What a YAML error quotes of a file: a password that begins with ``*``, ``&`` or ``!`` looks like such a name."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class RunMode(Enum):
    """Which account is traded: a futures company's, or the simulated one of the Tianqin account."""

    REAL = "real"
    SANDBOX = "sandbox"


class Split(Enum):
    """Which part of a position SHFE and INE orders to close take first."""

    TODAY = "today"
    HISTORY = "history"


def _is_loopback(url: str) -> str:
    if url and urlsplit(url).hostname not in LOOPBACK:
        raise ValueError("it is for a venue on this machine only, such as http://127.0.0.1:7000")
    return url


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, coerce_numbers_to_str=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise ValueError("yes, no, true and false are for what is on or off")
        return value


class TqSettings(_Section):
    """Who logs in."""

    username: str = Field(min_length=1, description="Tianqin account.")
    password: SecretStr = Field(min_length=1, description="Its password.")
    portfolio_id: str = Field(pattern=NAME, max_length=64, description="The one portfolio that this deployment trades.")
    run_mode: RunMode = Field(
        default=RunMode.SANDBOX, description="`real` trades the futures account, `sandbox` a simulation."
    )
    broker_id: str = Field(default="", description="Futures company, as Tianqin writes it; for `real`.")
    account_id: str = Field(default="", description="Account at the futures company; for `real`.")
    account_password: SecretStr = Field(default=SecretStr(""), description="Its password; for `real`.")
    service: str = Field(default="tq-broker", pattern=NAME, description="Name of the service that owns the account.")
    login_pause_seconds: float = Field(
        default=30, ge=0, le=600, description="Pause after a login that was refused, before the service ends."
    )
    clock_url: Annotated[str, AfterValidator(_is_loopback)] = Field(
        default="", description="HTTP address of a venue on this machine whose time counts; for tests."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        own = {name: getattr(self, name) for name in ("broker_id", "account_id", "account_password")}
        empty = [
            name for name, value in own.items() if not (value.get_secret_value() if name.endswith("rd") else value)
        ]
        if self.run_mode is RunMode.REAL and empty:
            raise ValueError(f"run_mode is real, and {', '.join(empty)} is not set")
        if self.run_mode is RunMode.REAL and self.clock_url:
            raise ValueError("run_mode is real, and clock_url is set; remove it")
        return self

    @property
    def mode(self) -> Mode:
        """Live for a real account, paper for the simulated one."""
        return Mode.LIVE if self.run_mode is RunMode.REAL else Mode.PAPER


class RedisSettings(_Section):
    """The cache."""

    host: str = Field(min_length=1, description="Host of Redis.")
    port: int = Field(default=6379, gt=0, lt=65536, description="Its port.")
    password: SecretStr = Field(default=SecretStr(""), description="Its password; empty for none.")
    db: int = Field(default=1, ge=0, description="Number of the database.")


class ExternalQueues(_Section):
    """What the engine sends to."""

    order_submit_queue: str = Field(default="tq_order_submit_requests", min_length=1, description="Orders.")
    order_cancel_queue: str = Field(default="tq_order_cancel_requests", min_length=1, description="Cancels.")
    order_exchange: str = Field(default="tq_order_request_exchange", min_length=1, description="Exchange of both.")


class InternalQueues(_Section):
    """What monitors tell handlers."""

    exchange: str = Field(default="tq_internal_exchange", min_length=1, description="Exchange of all three.")
    order_updates_queue: str = Field(default="tq_internal_order_updates", min_length=1, description="Orders.")
    position_updates_queue: str = Field(default="tq_internal_position_updates", min_length=1, description="Positions.")
    account_updates_queue: str = Field(default="tq_internal_account_updates", min_length=1, description="The account.")


class RabbitSettings(_Section):
    """The message broker."""

    url: SecretStr = Field(description="amqp://user:password@host:5672/vhost.")
    external: ExternalQueues = ExternalQueues()
    internal: InternalQueues = InternalQueues()
    dead_letter_queue: str = Field(default="tq_dead_letters", min_length=1, description="What could not be processed.")
    portfolio_queues: bool = Field(default=False, description="Queues and exchanges end in `_` and the portfolio's id.")
    heartbeat_seconds: int = Field(
        default=10, ge=2, le=60, description="A silent connection is given up after two of these."
    )

    @model_validator(mode="after")
    def _address(self) -> Self:
        address = urlsplit(self.url.get_secret_value())
        if address.scheme not in ("amqp", "amqps"):
            raise ValueError("url does not start with amqp:// or amqps://")
        try:
            port = address.port
        except ValueError:
            port = 0
        if port == 0 or not address.hostname:
            raise ValueError("url names no host, or a port that is no number from 1 to 65535")
        return self


class DatabaseSettings(_Section):
    """PostgreSQL: orders and events for readers, and the ledger."""

    host: str = Field(min_length=1, description="Host of PostgreSQL.")
    port: int = Field(default=5432, gt=0, lt=65536, description="Its port.")
    user: str = Field(min_length=1, description="User.")
    password: SecretStr = Field(description="Password.")
    dbname: str = Field(min_length=1, description="Database.")
    store_url: SecretStr = Field(
        default=SecretStr(""), description="Ledger of orders, halts and allow-list; the same database if empty."
    )

    @property
    def url(self) -> str:
        """The address of the database, as SQLAlchemy writes it."""
        secret = quote(self.password.get_secret_value(), safe="")
        return f"postgresql+psycopg://{quote(self.user, safe='')}:{secret}@{self.host}:{self.port}/{self.dbname}"

    @property
    def ledger_url(self) -> str:
        """The address of the store."""
        return self.store_url.get_secret_value() or self.url


class OrderSettings(_Section):
    """What an order may be."""

    max_volume: int = Field(default=100, gt=0, description="Largest volume of one order, in lots.")
    max_actions_per_second: int = Field(default=20, gt=0, description="Orders sent in one second; more wait.")
    max_actions_per_day: int = Field(
        default=5000, gt=0, description="Orders sent on one trading day; more are REJECTED."
    )
    price_band: Decimal | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Farthest limit price from the last price, as a share; default: the exchange's.",
    )
    max_net_position: int | None = Field(default=None, gt=0, description="Largest net position of one symbol, in lots.")
    max_age_seconds: float = Field(default=60, gt=0, le=86_400, description="An older request is REJECTED.")
    split_first: Split = Field(
        default=Split.TODAY, description="Part of a position that SHFE and INE orders close first."
    )
    split_first_by_product: Mapping[str, Split] = Field(
        default={}, description="The same for products, such as `rb: history`."
    )
    translate_closetoday: bool = Field(
        default=False, description="CLOSETODAY becomes CLOSE where the exchange has no such thing."
    )

    @property
    def max_age(self) -> timedelta:
        """How old a request may be."""
        return timedelta(seconds=self.max_age_seconds)

    def first_of(self, product: str) -> Split:
        """Return which part of a product's position is closed first."""
        return self.split_first_by_product.get(product, self.split_first)


class SubmitterSettings(_Section):
    """How orders are sent."""

    lease_seconds: float = Field(
        default=15, gt=0, le=3600, description="How long the right to send lasts without being renewed."
    )
    visibility_seconds: float = Field(
        default=5, gt=0, le=3600, description="How long an order may take to appear in another login."
    )
    answer_seconds: float = Field(
        default=10, gt=0, le=3600, description="How long an exchange id or a refusal is waited for."
    )
    prefetch: int = Field(default=64, gt=0, le=1000, description="Requests under way at once.")


class CalendarSettings(_Section):
    """When the exchanges are open."""

    closed_days_file: str = Field(default="", description="JSON file with closed days and a later end of the calendar.")


class OperationsSettings(_Section):
    """How the services are watched."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Where /healthz and /metrics listen.")
    port: int = Field(
        default=8701, ge=0, lt=65528, description="Port of the first service, the others follow; 0: any free one."
    )
    notify_urls: SecretStr = Field(
        default=SecretStr(""), description="Whom `tq-broker watch` tells, as Apprise writes it."
    )
    log_path: str = Field(default="logs", min_length=1, description="Folder of the log files.")


class Settings(_Section):
    """All settings."""

    tq: TqSettings
    redis: RedisSettings
    rabbitmq: RabbitSettings
    database: DatabaseSettings
    orders: OrderSettings = OrderSettings()
    submitter: SubmitterSettings = SubmitterSettings()
    calendar: CalendarSettings = CalendarSettings()
    operations: OperationsSettings = OperationsSettings()


class _TextLoader(yaml.SafeLoader):
    """Reads a scalar as the text that it is, but for null and ``<<``: an account 00712345 is no octal number."""

    yaml_implicit_resolvers: ClassVar[Any] = {
        first: [each for each in resolvers if each[0].endswith((":null", ":merge"))]
        for first, resolvers in cast(dict[str, Any], yaml.SafeLoader.yaml_implicit_resolvers).items()
    }


def read_settings(path: Path, environment: Mapping[str, str], secrets: Secrets | None = None) -> Settings:
    """Return the settings of a file and an environment; secret values are hidden from every text from now on.

    Parameters
    ----------
    path
        A YAML file with the sections above.
    environment
        Such as ``os.environ``.
    secrets
        Where ``*_secret_name`` keys lead, in place of the key without the ending; Google's Secret Manager if None.

    Raises
    ------
    InvalidInput
        A key is not known, missing or wrong; the message names it.
    """
    document = _overridden(_document(path), environment)
    _resolve(document, secrets or GoogleSecrets(), f"{path}: ")
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(f"{path}: {_first_words(error, document)}") from None
    hide(_values(settings))
    hide(part for url in (settings.rabbitmq.url, settings.database.store_url) for part in _passwords(url))
    return settings


def _document(path: Path) -> dict[str, Any]:
    try:
        content: Any = yaml.load(path.read_text(encoding="utf-8"), _TextLoader)
    except OSError as error:
        raise InvalidInput(
            f"settings {path}: {error.strerror}; name the file with --config or TQ_BROKER_CONFIG"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"settings {path}: no YAML{_place(error)}") from None
    if not isinstance(content, dict):
        raise InvalidInput(f"settings {path}: it has no sections such as tq, redis, rabbitmq, database")
    sections = cast(dict[str, Any], content)
    return {name: {} if section in (None, "") else section for name, section in sections.items()}


def _place(error: Exception) -> str:
    """Return what is wrong with a YAML file, and where; never the line itself, which may hold a secret."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ""
    mark, problem = error.problem_mark, _NAME.sub(r"\1", str(error.problem))
    return f", line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _overridden(document: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    for name, value in environment.items():
        if not name.startswith(PREFIX):
            continue
        *sections, key = words = name.removeprefix(PREFIX).lower().split("__")
        if not all(words):
            raise InvalidInput(f"{name} names no setting; write {PREFIX}SECTION__KEY")
        place: dict[str, Any] = document
        for section in sections:
            if not isinstance(place.setdefault(section, {}), dict):
                raise InvalidInput(f"{name}: {section} is no section")
            place = place[section]
        place[key] = value
    return document


def _resolve(document: dict[Any, Any], secrets: Secrets, file: str, section: str = "") -> None:
    """Put the values of secrets in place of their names."""
    for key, value in list(document.items()):
        if not isinstance(key, str):
            raise InvalidInput(f"{file}{section}{key}: this key is no text; put it in quotes, or leave it out")
        if isinstance(value, dict):
            _resolve(cast(dict[Any, Any], value), secrets, file, f"{section}{key}.")
        elif key.endswith("_secret_name"):
            plain = key.removesuffix("_secret_name")
            if plain in document:
                raise InvalidInput(f"{file}{section}{key} and {section}{plain} are both set; keep one of them")
            document[plain] = secrets.read(str(value))
            del document[key]


def _first_words(error: ValidationError, document: Mapping[str, Any]) -> str:
    """Return what is wrong first, with its value unless that may be a secret."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    told = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"{where} is no setting; see docs/reference/tq-broker.md"
    value = first.get("input")
    # A whole section that was given as text may have a password anywhere in it.
    is_section = len(first["loc"]) < 2 or first["type"] in ("model_type", "model_attributes_type", "dict_type")
    secret = is_section or any(word in where for word in ("password", "url"))
    plain = isinstance(value, (int, float, bool, str)) and not secret
    shown = value if isinstance(value, str) and _BARE.fullmatch(value) else repr(value)
    return f"{where} is {shown}: {told}" if plain and first["type"] != "missing" else f"{where}: {told}"


def _values(section: BaseModel) -> list[str]:
    found: list[str] = []
    for _, value in section:
        if isinstance(value, SecretStr):
            found.append(value.get_secret_value())
        elif isinstance(value, BaseModel):
            found += _values(value)
    return found


def _passwords(url: SecretStr) -> list[str]:
    password = urlsplit(url.get_secret_value()).password
    return [password] if password else []


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ  # noqa: TID251 - read here only
