"""The settings of the playbook, read once from the environment and frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, PrivateAttr, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.ports.secrets import Secrets
from quant_platform_kit.runtime.settings import NAME, read_part

__all__ = ["JOURNAL", "Config", "UnknownWriter", "checked_place"]

JOURNAL = "trades.csv"
CLOUD_OUTPUT, CLOUD_CACHE, CLOUD_STORE = "output/trades", "data/cache", "store"
WRITERS = ("csv", "gcs", "mongodb")
_FORMS = {"": "csv", "gs": "gcs", "mongodb": "mongodb", "mongodb+srv": "mongodb"}


class UnknownWriter(InvalidInput):
    """WRITER_TYPE names a writer that there is not."""


class Config(BaseSettings):
    """What the playbook can be told. The names in the environment are those of the fields, in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    alpaca_feed: Literal["sip", "iex"] | None = Field(None, description="The feed; sip for history if not set.")
    alpaca_dry_run_only: bool = Field(True, description="The first switch: nothing is sent while it is true.")
    live_trading: bool = Field(False, description="The second switch of live trading.")
    data_cache_dir: str = Field(
        "data/cache", description="Cached bars: a folder or gs://; in the cloud data/cache of the bucket."
    )
    output_dir: Path = Field(Path("output"), description="Where the journal is if OUTPUT_LOCATION is not set.")
    writer_type: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="csv, gcs, mongodb, or several with commas; csv if not set, in the cloud gcs."
    )
    output_location: str = Field(
        "", description="The journal: a file, gs://bucket/object or mongodb://..., no password."
    )
    gcs_bucket: str = Field("", description="The bucket of the journal; wins over OUTPUT_LOCATION.")
    mongodb_connection: SecretStr = Field(SecretStr(""), description="MongoDB's address; wins over OUTPUT_LOCATION.")
    mongodb_connection_secret_name: str = Field("", description="Secret that holds it instead.")
    store_url: SecretStr = Field(SecretStr(""), description="Attempts and notices; OUTPUT_DIR/store if not set.")
    storage_emulator_host: str | None = Field(None, description="Server of gs:// addresses instead of Google's.")
    notify_urls: SecretStr = Field(SecretStr(""), description="Whom to tell: Apprise URLs separated by spaces.")
    daily_summary: bool = Field(True, description="Send a summary after each session.")
    trade_alerts: bool = Field(False, description="Send a message for each trade.")
    playbook_symbol: str = Field("QQQ", pattern=r"^[A-Z0-9][A-Z0-9. -]{0,19}$", description="Symbol of the service.")
    cloud_run_service: str = Field("trading-playbook", pattern=NAME, description="Name of the service.")
    oidc_audience: str | None = Field(None, description="Requests need an identity token for this audience.")
    oidc_service_account: str | None = Field(None, description="Who may trigger runs, with OIDC_AUDIENCE.")
    oidc_readers: Annotated[tuple[str, ...], NoDecode] = Field((), description="Who else may read, with commas.")
    oidc_certs_url: str = Field("https://www.googleapis.com/oauth2/v3/certs", description="Keys of the tokens.")
    commit_sha: str = Field("unknown", description="The commit that the image was built from, baked in.")
    image: str = Field("unknown", description="The image that runs, by digest.")
    k_revision: str = Field("", description="Set by Cloud Run: the revision.")
    port: int = Field(8080, ge=0, le=65535, description="Where to listen; 0 takes a free port and prints it.")
    host: str = Field("0.0.0.0", description="Address to listen on.")
    log_format: Literal["json", "text"] = Field("text", description="How to log.")

    _cloud: bool = PrivateAttr(False)

    @field_validator("writer_type", "oidc_readers", mode="before")
    @classmethod
    def _listed(cls, text: object) -> object:
        return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text

    @classmethod
    def from_env(cls, *, cloud: bool = False) -> Self:
        """Read the settings, and hide their secrets from every text from now on.

        Parameters
        ----------
        cloud
            Whether journal, cache and store are those of the bucket where nothing else is said.

        Raises
        ------
        InvalidInput
            A setting cannot be meant, or contradicts another; the message names it, its value and what to do.
            `UnknownWriter` for WRITER_TYPE.
        """
        config = read_part(cls)
        config._cloud = cloud
        _hide_passwords(config)
        _check(config)
        return config

    @property
    def is_cloud(self) -> bool:
        """Whether journal, cache and store are those of the bucket where nothing else is said."""
        return self._cloud

    @property
    def revision(self) -> str:
        """What runs: the deployed revision, else the commit."""
        return self.k_revision or self.commit_sha

    @property
    def history_feed(self) -> str:
        """The feed of history: sip unless another is asked for."""
        return self.alpaca_feed or "sip"

    @property
    def cache(self) -> str:
        """Where bars are cached: a folder, or ``gs://bucket/data/cache``."""
        return f"gs://{self._bucket()}/{CLOUD_CACHE}" if self._cloud else self.data_cache_dir

    @property
    def store(self) -> str:
        """The address of the store of attempts and notices."""
        if url := self.store_url.get_secret_value():
            return url
        return (
            f"gs://{self._bucket()}/{CLOUD_STORE}" if self._cloud else (self.output_dir / "store").absolute().as_uri()
        )

    def places(self, secrets: Secrets, output: str | None = None) -> tuple[str, ...]:
        """Return where the journal is kept, a place for each writer.

        Parameters
        ----------
        output
            What wins over the settings; None for nothing.

        Raises
        ------
        InvalidInput
            The settings name no such place.
        """
        if output is not None:
            return (checked_place("--output", output),)
        return tuple(self._place(kind, secrets) for kind in self._writers())

    def _writers(self) -> tuple[str, ...]:
        if self.writer_type:
            return self.writer_type
        return (_form(self.output_location),) if self.output_location else ("gcs" if self._cloud else "csv",)

    def _place(self, kind: str, secrets: Secrets) -> str:
        location = self.output_location if self.output_location and _form(self.output_location) == kind else ""
        if kind == "csv":
            return location or str(self.output_dir / JOURNAL)
        if kind == "gcs":
            name = urlsplit(location).path.strip("/") or f"{CLOUD_OUTPUT}/{JOURNAL}"
            return f"gs://{self.gcs_bucket}/{name}" if self.gcs_bucket else location or f"gs://{self._bucket()}/{name}"
        if found := self._secret("mongodb_connection", secrets) or location:
            return found
        raise InvalidInput("WRITER_TYPE has mongodb, and MONGODB_CONNECTION is not set; set it to mongodb://...")

    def _bucket(self) -> str:
        if not self.gcs_bucket:
            why = "--cloud" if self._cloud else "WRITER_TYPE gcs"
            raise InvalidInput(f"{why} needs a bucket, and GCS_BUCKET is not set; set it to the name of the bucket")
        return self.gcs_bucket

    def _secret(self, name: str, secrets: Secrets) -> str:
        value, reference = getattr(self, name).get_secret_value(), getattr(self, f"{name}_secret_name")
        if value and reference:
            raise InvalidInput(f"{name.upper()} and {name.upper()}_SECRET_NAME are both set: set one of them")
        return secrets.read(reference) if reference else value


def checked_place(name: str, place: str) -> str:
    """Return the place of a journal, or refuse it.

    Parameters
    ----------
    name
        What told of it, for the message.

    Raises
    ------
    InvalidInput
        It is in no form of a place, or holds a password.
    """
    scheme, mark, rest = place.partition("://")
    user, at, _ = rest.rpartition("@")
    if mark and at and ":" in user:
        password = user.partition(":")[2]
        hide([password, unquote(password)])
        raise InvalidInput(f"{name} holds a password; set MONGODB_CONNECTION, or its _SECRET_NAME, instead")
    form = _FORMS.get(scheme if mark else "")
    bucket, _, blob = rest.partition("/")
    if form is None or not place.strip() or (form == "gcs" and not (bucket and blob.strip("/"))):
        raise InvalidInput(f"{name} is {place!r}; write a file, gs://bucket/object or mongodb://host")
    return place


def _form(place: str) -> str:
    scheme, mark, _ = place.partition("://")
    return _FORMS[scheme if mark else ""]


def _hide_passwords(config: Config) -> None:
    for value in (config.mongodb_connection, config.store_url):
        user, at, _ = value.get_secret_value().partition("://")[2].rpartition("@")
        if at and ":" in user:
            password = user.partition(":")[2]
            hide([password, unquote(password)])
    hide(config.notify_urls.get_secret_value().split())


def _check(config: Config) -> None:
    if unknown := [name for name in config.writer_type if name not in WRITERS]:
        raise UnknownWriter(f"WRITER_TYPE has {unknown[0]!r}; it is {', '.join(WRITERS)}, or several with commas")
    if len({*config.writer_type}) < len(config.writer_type):
        raise UnknownWriter(f"WRITER_TYPE is {','.join(config.writer_type)}; name each writer once")
    if location := config.output_location:
        form = _form(checked_place("OUTPUT_LOCATION", location))
        if config.writer_type and form not in config.writer_type:
            raise InvalidInput(
                f"OUTPUT_LOCATION is {location} and WRITER_TYPE {','.join(config.writer_type)}, which does not write "
                f"there; add {form} to WRITER_TYPE, or leave one of them out"
            )
    if config.oidc_audience and not config.oidc_service_account:
        raise InvalidInput(
            f"OIDC_AUDIENCE is {config.oidc_audience} and OIDC_SERVICE_ACCOUNT is not set: nobody could trigger a run; "
            "set it to the scheduler's service account"
        )
