"""Settings: read once, frozen, and a start that stops with one line where they cannot be meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings
from quant_platform_kit.adapters.file_history import FileHistory
from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.domain import redaction
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.paper.platform import description
from quant_platform_kit.runtime.service import Account, configured
from quant_platform_kit.runtime.settings import ServiceSettings, read_part, read_settings
from quant_platform_kit.services.run.request import Handover

from ..adapters.test_file_history import Quoted
from ..web.test_service import House

CANARY = "canary-7f3a-secret!"
NEEDED = {"STRATEGY_PROFILE": "dual_momentum", "STORE_URL": "file:///s", "REPORT_STORE_URL": "file:///r"}
STORES = "file:///folder, sqlite:///file, postgresql+psycopg://user@host/database or gs://bucket/prefix"


class BrokerSettings(ServiceSettings):
    """The settings of a platform that does not exist."""

    platform_prefix: ClassVar[str] = "ACME_"

    acme_account: str = Field("A1", description="Account at Acme.")
    acme_token: SecretStr = Field(SecretStr("token-of-acme"), min_length=8, description="Token of Acme.")
    acme_feature_snapshot_path: str = Field("", description="Only for snapshot-backed profiles.")


@pytest.fixture(autouse=True)
def _needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a service what it needs and nothing else."""
    monkeypatch.setattr(redaction, "_known", [])
    for name in BrokerSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)


def refusal(monkeypatch: pytest.MonkeyPatch, **changes: str) -> str:
    """Return what a start with these settings says."""
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput) as refused:
        read_settings(BrokerSettings)
    text = str(refused.value)
    assert "\n" not in text
    assert CANARY not in text
    return text


# --- what is read ------------------------------------------------------------------------------------------


def test_a_service_with_nothing_but_what_it_needs_gets_the_defaults() -> None:
    settings = read_settings(ServiceSettings)
    assert (settings.strategy_profile, settings.cloud_run_service, settings.revision) == (
        "dual_momentum",
        "local",
        "unknown",
    )
    assert (settings.live_trading, settings.enter_now, settings.handover) == (False, False, Handover.REFUSE)
    assert (settings.allocation_fraction, settings.max_order_notional, settings.max_turnover) == (
        Decimal(1),
        None,
        None,
    )
    assert (settings.run_max_age, settings.port, settings.host) == (timedelta(minutes=30), 8080, "0.0.0.0")
    assert settings.oidc_audience is None


def test_settings_do_not_change_after_they_were_read() -> None:
    settings = read_settings(ServiceSettings)
    with pytest.raises(ValidationError, match="frozen"):
        settings.live_trading = True  # pyright: ignore[reportAttributeAccessIssue]


def test_an_empty_setting_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "MAX_TURNOVER", "OIDC_AUDIENCE", "NOTIFY_URLS"):
        monkeypatch.setenv(name, "")
    settings = read_settings(ServiceSettings)
    assert (settings.port, settings.max_turnover, settings.oidc_audience) == (8080, None, None)


def test_a_list_is_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_AUDIENCE", "https://x")
    monkeypatch.setenv("OIDC_SERVICE_ACCOUNT", "s@example.com")
    monkeypatch.setenv("OIDC_READERS", " ana@example.com ,, mira@example.com,")
    assert read_settings(ServiceSettings).oidc_readers == ("ana@example.com", "mira@example.com")


def test_the_revision_of_the_platform_goes_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMIT_SHA", "9d1e")
    assert read_settings(ServiceSettings).revision == "9d1e"
    monkeypatch.setenv("K_REVISION", "paper-00042")
    assert read_settings(ServiceSettings).revision == "paper-00042"


class Part(BaseSettings):
    """What a command needs of a service's settings."""

    acme_key: SecretStr = Field(description="Key at Acme.")
    acme_seconds: float = Field(20, gt=0, description="Patience.")


def test_a_part_is_read_without_the_settings_of_the_whole_and_its_secrets_are_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STORE_URL")
    monkeypatch.setenv("ACME_KEY", "key-nobody-may-see")
    assert read_part(Part).acme_seconds == 20
    assert redact("Acme refuses key-nobody-may-see") == "Acme refuses ***"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ACME_KEY", None, "ACME_KEY is not set. Key at Acme. Set it in the environment"),
        ("ACME_SECONDS", "0", "ACME_SECONDS is '0': Input should be greater than 0. Patience."),
    ],
)
def test_what_is_wrong_with_a_part_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, said: str
) -> None:
    monkeypatch.setenv("ACME_KEY", "key-nobody-may-see")
    monkeypatch.delenv(name, raising=False)
    if value is not None:
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput) as refused:
        read_part(Part)
    assert str(refused.value) == said


# --- what stops the start ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NEEDED)
def test_a_setting_that_is_missing_is_named_with_what_it_means(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    text = refusal(monkeypatch)
    meaning = ServiceSettings.model_fields[name.lower()].description
    assert text == f"{name} is not set. {meaning} Set it in the environment"


UNKNOWN = {
    "OIDC_AUDENCE": "OIDC_AUDIENCE",
    "NOTIFY_URL": "NOTIFY_URLS",
    "STRATEGY_PROFIL": "STRATEGY_PROFILE",
    "REPORT_STORE": "REPORT_STORE_URL",
    "LIVE_TRADING_": "LIVE_TRADING",
    "RUN_MAX_AGE": "RUN_MAX_AGE_MINUTES",
    "MAX_ORDER_NOTIONL": "MAX_ORDER_NOTIONAL",
    "MAX_PRICE_AGE_SECS": "MAX_PRICE_AGE_SECONDS",
    "MAX_TURNOVR": "MAX_TURNOVER",
    "MAX_WEIGTH": "MAX_WEIGHT",
    "ALOCATION_FRACTION": "ALLOCATION_FRACTION",
    "ALLOCATION_FRAC": "ALLOCATION_FRACTION",
    "LEASE_SECOND": "LEASE_SECONDS",
    "FILL_TIMEOUT": "FILL_TIMEOUT_SECONDS",
    "STORE_URI": "STORE_URL",
    "HANDOVR": "HANDOVER",
    "ENTER_NOWW": "ENTER_NOW",
    "COMMIT_SHAH": "COMMIT_SHA",
    "ACME_ACOUNT": "ACME_ACCOUNT",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_misspelt_setting_is_named_with_the_one_that_was_meant(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    said = f"{name} is not a setting of this service; did you mean {UNKNOWN[name]}? Remove or correct it"
    assert refusal(monkeypatch, **{name: CANARY}) == said


@pytest.mark.parametrize("name", ["ACME_SOMETHING_ELSE_ALTOGETHER", "OIDC_X"])
def test_a_name_like_no_setting_in_the_family_of_the_service_is_refused_too(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    said = refusal(monkeypatch, **{name: "1"})
    assert said.startswith(f"{name} is not a setting of this service")
    assert said.endswith("Remove or correct it")


OF_CLOUD_RUN = ("K_SERVICE", "K_CONFIGURATION", "K_REVISION", "GOOGLE_CLOUD_PROJECT")
OF_SYSTEMD = (
    "CACHE_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "EXIT_STATUS",
    "FDSTORE",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LOGS_DIRECTORY",
    "MAINPID",
    "MANAGERPID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "NOTIFY_SOCKET",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "RUNTIME_DIRECTORY",
    "SERVICE_RESULT",
    "STATE_DIRECTORY",
    "SYSTEMD_EXEC_PID",
    "TRIGGER_PATH",
    "TRIGGER_UNIT",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
)
"""All that systemd.exec(5) says a service may be given."""


@pytest.mark.parametrize("name", ["PATH", "HOSTNAME", "PORTS", "LANG", "LOGNAME", "IMAGES", *OF_CLOUD_RUN, *OF_SYSTEMD])
def test_what_others_put_into_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "something")
    assert read_settings(BrokerSettings).acme_account == "A1"


BOUNDS = {
    "PORT=70000": "less than or equal to 65535",
    "PORT=-1": "greater than or equal to 0",
    "PORT=http": "a valid integer",
    "ALLOCATION_FRACTION=0": "greater than 0",
    "ALLOCATION_FRACTION=1.01": "less than or equal to 1",
    "ALLOCATION_FRACTION=NaN": "a finite number",
    "ALLOCATION_FRACTION=half": "a valid decimal",
    "MAX_ORDER_NOTIONAL=0": "greater than 0",
    "MAX_ORDER_NOTIONAL=-5": "greater than 0",
    "MAX_TURNOVER=Infinity": "a finite number",
    "MAX_WEIGHT=1.5": "less than or equal to 1",
    "MAX_PRICE_MOVE=0": "greater than 0",
    "MAX_PRICE_AGE_SECONDS=0": "greater than 0",
    "MAX_PRICE_AGE_SECONDS=inf": "less than or equal to 604800",
    "RUN_MAX_AGE_MINUTES=0": "greater than 0",
    "RUN_MAX_AGE_MINUTES=inf": "less than or equal to 1440",
    "FILL_TIMEOUT_SECONDS=131": "less than or equal to 130",
    "LEASE_SECONDS=0.5": "greater than or equal to 1",
    "LEASE_SECONDS=1e300": "less than or equal to 3600",
    "LEASE_SECONDS=nan": "less than or equal to 3600",
    "HANDOVER=give": "'refuse', 'sell' or 'keep'",
    "ENTER_NOW=perhaps": "a valid boolean",
    "LIVE_TRADING=maybe": "a valid boolean",
    "LOG_FORMAT=xml": "'json' or 'text'",
    "CLOUD_RUN_SERVICE=a/b": "should match pattern",
    "CLOUD_RUN_SERVICE=my service": "should match pattern",
}


@pytest.mark.parametrize("line", BOUNDS)
def test_a_setting_out_of_its_bounds_is_named_with_its_value_the_bound_and_its_meaning(
    monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    name, _, value = line.partition("=")
    said = refusal(monkeypatch, **{name: value})
    assert said.startswith(f"{name} is {value!r}: ")
    assert BOUNDS[line] in said
    assert said.endswith(str(ServiceSettings.model_fields[name.lower()].description))


def test_a_secret_out_of_its_bounds_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(monkeypatch, ACME_TOKEN="short")
    assert said.startswith("ACME_TOKEN is a secret: ")
    assert "short" not in said.replace("too_short", "")


@pytest.mark.parametrize("name", ["STORE_URL", "REPORT_STORE_URL"])
@pytest.mark.parametrize(
    "url",
    [
        CANARY,
        f"postgresql://quant:{CANARY}@db.example/ledger",
        f"postgresql+psycopg://quant:{CANARY}@[db.example/ledger",
        f"https://quant:{CANARY}@store.example/",
        "file://relative/folder",
        "file:///",
        "gs://",
        "sqlite:///",
    ],
)
def test_an_address_that_no_store_has_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    assert refusal(monkeypatch, **{name: url}) == f"{name} is not the address of a store; write {STORES}"


@pytest.mark.parametrize(
    "url",
    [
        "file:///folder",
        "file://localhost/folder",
        "sqlite:///ledger.db",
        "sqlite:////var/ledger.db",
        "postgresql+psycopg://quant:pw@db.example:5432/ledger?sslmode=verify-full",
        "postgresql+psycopg:///ledger?host=/cloudsql/project:region:instance",
        "gs://bucket",
        "gs://bucket/prefix",
    ],
)
def test_every_address_that_a_store_has_is_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("STORE_URL", url)
    assert read_settings(ServiceSettings).store_url.get_secret_value() == url


def test_a_notification_url_that_is_none_is_named_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(monkeypatch, NOTIFY_URLS=f"json://127.0.0.1/ {CANARY}")
    assert said == "NOTIFY_URLS: number 2 is no Apprise URL; write it as mailto://, slack://, json://"


CONTRADICTIONS = {
    "OIDC_AUDIENCE": "OIDC_AUDIENCE is https://x and OIDC_SERVICE_ACCOUNT is not set: nobody could trigger a run; set "
    "it to the scheduler's service account",
    "OIDC_SERVICE_ACCOUNT": "OIDC_SERVICE_ACCOUNT is set and OIDC_AUDIENCE is not: set it to the service's own URL",
    "OIDC_READERS": "OIDC_READERS is set and OIDC_AUDIENCE is not: set it to the service's own URL",
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_half_of_a_guarded_door_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert refusal(monkeypatch, **{name: "https://x"}) == CONTRADICTIONS[name]


@pytest.mark.parametrize("url", ["certs", "file:///etc/passwd", "http://keys.example/certs", "https://", "https://[x/"])
def test_keys_are_read_over_https_only(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    said = f"OIDC_CERTS_URL is {url!r}; keys are read from an https:// address"
    assert refusal(monkeypatch, OIDC_CERTS_URL=url) == said


@pytest.mark.parametrize("url", ["https://keys.example/certs", "http://127.0.0.1:40213/oauth2/v3/certs"])
def test_keys_of_this_machine_may_be_read_without(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OIDC_CERTS_URL", url)
    assert read_settings(ServiceSettings).oidc_certs_url == url


# --- secrets -----------------------------------------------------------------------------------------------

HIDDEN = {
    "a password": ("STORE_URL", f"postgresql+psycopg://quant:{CANARY}@db.example/ledger", CANARY),
    "a password, quoted": ("STORE_URL", "postgresql+psycopg://quant:a%2Fb!c%40d@db.example/ledger", "a/b!c@d"),
    "a quoted password as written": ("STORE_URL", "postgresql+psycopg://q:a%2Fb!c%40d@db.example/l", "a%2Fb!c%40d"),
    "a password with a slash": ("STORE_URL", "postgresql+psycopg://quant:pw/word@db.example/ledger", "pw/word"),
    "a password with an at sign": ("STORE_URL", "postgresql+psycopg://quant:pw@word@db.example/ledger", "pw@word"),
    "a password among the options": ("STORE_URL", f"postgresql+psycopg://db.example/l?password={CANARY}&x=1", CANARY),
    "a password before another at sign": ("STORE_URL", f"postgresql+psycopg://q:{CANARY}@db/l?options=a@b", CANARY),
    "a notification URL": ("NOTIFY_URLS", f"json://ana:{CANARY}@127.0.0.1/", f"json://ana:{CANARY}@127.0.0.1/"),
    "its password": ("NOTIFY_URLS", f"mailto://ana:{CANARY}@example.com", CANARY),
    "its token": ("NOTIFY_URLS", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "TIiajkdnlazkcOXrIdevi7FQ"),
    "its user": ("NOTIFY_URLS", "pover://uQiRzpo4DXghDmr9Qzzf@gznej3rKEVAvPUxu9vvNn", "uQiRzpo4DXghDmr9Qzzf"),
    "its option": ("NOTIFY_URLS", f"json://127.0.0.1/?token={CANARY}", CANARY),
    "the second of two": ("NOTIFY_URLS", f"json://127.0.0.1/ json://ana:{CANARY}@127.0.0.1/", CANARY),
    "a token of the platform": ("ACME_TOKEN", CANARY, CANARY),
    "a token with a line end": ("ACME_TOKEN", f"{CANARY}\n", CANARY),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value", "secret"), HIDDEN.values(), ids=HIDDEN)
def test_secrets_are_hidden_from_every_text_from_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, secret: str
) -> None:
    monkeypatch.setenv(name, value)
    settings = read_settings(BrokerSettings)
    assert redact(f"login with {secret} failed") == "login with *** failed"
    assert secret not in repr(settings)
    assert secret not in str(settings.model_dump())


@pytest.mark.parametrize("text", ["127.0.0.1", "hooks.example.com", "json", "file:///s", "ledger", "quant"])
def test_what_is_not_secret_stays_readable(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("STORE_URL", f"postgresql+psycopg://quant:{CANARY}@db.example/ledger")
    monkeypatch.setenv("NOTIFY_URLS", "json://127.0.0.1/ json://hooks.example.com:8080/")
    read_settings(ServiceSettings)
    assert redact(text) == text


# --- from settings to a service ----------------------------------------------------------------------------


def test_settings_become_limits_times_and_a_notifier(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "MAX_ORDER_NOTIONAL": "5000",
        "MAX_TURNOVER": "0.5",
        "MAX_WEIGHT": "0.4",
        "MAX_PRICE_MOVE": "0.1",
        "MAX_PRICE_AGE_SECONDS": "30",
        "ALLOCATION_FRACTION": "0.8",
        "FILL_TIMEOUT_SECONDS": "90",
        "LEASE_SECONDS": "45",
        "RUN_MAX_AGE_MINUTES": "20",
        "NOTIFY_URLS": "json://127.0.0.1/",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    service = configured(read_settings(ServiceSettings), House().service.platform, lambda: ())
    limits = service.policy.limits
    assert (limits.max_order_notional, limits.max_turnover, limits.max_weight, limits.max_price_move) == (
        Decimal(5000),
        Decimal("0.5"),
        Decimal("0.4"),
        Decimal("0.1"),
    )
    assert (limits.max_price_age, service.policy.allocation_fraction) == (timedelta(seconds=30), Decimal("0.8"))
    assert service.terms.execution.fill_timeout == timedelta(seconds=90)
    assert (service.terms.lease, service.terms.max_age) == (timedelta(seconds=45), timedelta(minutes=20))
    assert isinstance(service.notifier, AppriseNotifier)


def test_without_notification_urls_nobody_is_told() -> None:
    assert configured(read_settings(ServiceSettings), House().service.platform, lambda: ()).notifier is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STRATEGY_PROFILE", "nobody", "STRATEGY_PROFILE: profile 'nobody' is not known; known: "),
        ("STRATEGY_CONFIG", "x=1", "STRATEGY_CONFIG is 'x=1': config of dual_momentum: x is not known; known: "),
        ("STRATEGY_CONFIG", "/none.toml", "STRATEGY_CONFIG is '/none.toml': --config /none.toml: No such file"),
    ],
)
def test_a_strategy_that_is_not_known_or_not_configured_so_is_named_with_the_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput) as refused:
        configured(read_settings(ServiceSettings), House().service.platform, lambda: ())
    assert str(refused.value).startswith(said)


def test_a_profile_that_the_platform_does_not_enable_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    platform = replace(House().service.platform, enabled=())
    with pytest.raises(Refused, match=r"STRATEGY_PROFILE dual_momentum cannot run on paper: .+"):
        configured(read_settings(ServiceSettings), platform, lambda: ())
    assert description().is_file()


def test_settings_that_a_profile_does_not_use_are_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configured(read_settings(BrokerSettings), House().service.platform, lambda: ()).stale_settings == ()
    monkeypatch.setenv("ACME_FEATURE_SNAPSHOT_PATH", "/snapshots")
    service = configured(read_settings(BrokerSettings), House().service.platform, lambda: ())
    assert service.stale_settings == ("ACME_FEATURE_SNAPSHOT_PATH",)


# --- a price source ---------------------------------------------------------------------------------------

SPLIT_ONLY = frozenset({Adjustment.SPLIT})


def test_a_profile_whose_prices_the_platform_does_not_deliver_asks_for_a_price_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    platform = replace(
        House().service.platform, adjustments=SPLIT_ONLY, price_source=frozenset({Adjustment.TOTAL_RETURN})
    )
    with pytest.raises(InvalidInput, match="needs total_return prices, which paper does not deliver: set PRICE_HIST"):
        configured(read_settings(ServiceSettings), platform, lambda: ())
    monkeypatch.setenv("PRICE_HISTORY_PATH", "/data/prices.parquet")
    house = House()
    service = configured(
        read_settings(ServiceSettings), platform, lambda: (Account(house.desk, Quoted(), house.clock, Mode.PAPER),)
    )
    (account,) = service.accounts()
    assert isinstance(account.market, FileHistory)
    assert account.broker is house.desk


def test_a_price_file_for_a_platform_that_takes_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICE_HISTORY_PATH", "/data/prices.parquet")
    with pytest.raises(InvalidInput, match="PRICE_HISTORY_PATH is set, but paper takes no total_return prices"):
        configured(read_settings(ServiceSettings), House().service.platform, lambda: ())


@pytest.mark.parametrize(
    ("profile", "delivered", "history"),
    [
        ("dual_momentum", {Adjustment.TOTAL_RETURN, Adjustment.SPLIT}, Adjustment.TOTAL_RETURN),
        ("mega_cap_leader_rotation", {Adjustment.TOTAL_RETURN, Adjustment.SPLIT}, Adjustment.TOTAL_RETURN),
        ("mega_cap_leader_rotation", {Adjustment.SPLIT}, Adjustment.SPLIT),
    ],
)
def test_a_profile_that_reads_no_prices_takes_the_history_that_there_is(
    monkeypatch: pytest.MonkeyPatch, profile: str, delivered: set[Adjustment], history: Adjustment
) -> None:
    monkeypatch.setenv("STRATEGY_PROFILE", profile)
    platform = replace(House().service.platform, adjustments=frozenset(delivered), enabled=frozenset({profile}))
    service = configured(read_settings(ServiceSettings), platform, lambda: ())
    assert service.history is history
