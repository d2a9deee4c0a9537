"""Settings: read once, refused with one clear line, and never live by accident."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from event_trading_app.settings import Settings, read_settings
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.redaction import redact

NEEDED = {"EVENT_TRADING_ACCOUNT": "solver.near", "EVENT_TRADING_KAFKA_URL": "127.0.0.1:9092"}
SANDBOX = {
    "EVENT_TRADING_ACCOUNT": "dusbx000001.near",
    "EVENT_TRADING_NEAR_WS_URL": "ws://127.0.0.1:1/ws",
    "EVENT_TRADING_DRY_RUN_ONLY": "false",
}


class Vault:
    """Secrets."""

    def read(self, name: str) -> str:
        return f"value of {name}"


def read(**names: str) -> Settings:
    return read_settings(None, {**NEEDED, **names}, Vault())


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quant_platform_kit.domain.redaction._known", [])


def test_the_default_is_a_dry_run() -> None:
    assert read().mode is Mode.DRY_RUN


def test_live_needs_both_switches() -> None:
    assert read(EVENT_TRADING_DRY_RUN_ONLY="false").mode is Mode.DRY_RUN
    assert read(EVENT_TRADING_DRY_RUN_ONLY="false", LIVE_TRADING="true").mode is Mode.LIVE
    with pytest.raises(InvalidInput, match="live_trading is true, and dry_run_only too"):
        read(LIVE_TRADING="true")


def test_only_a_sandbox_account_at_a_relay_of_this_machine_is_paper() -> None:
    assert read(**SANDBOX).mode is Mode.PAPER
    assert read(**{**SANDBOX, "EVENT_TRADING_ACCOUNT": "solver.near"}).mode is Mode.DRY_RUN
    assert read(**{**SANDBOX, "EVENT_TRADING_NEAR_WS_URL": "wss://relay.example/ws"}).mode is Mode.DRY_RUN


def test_a_file_has_the_same_settings_and_the_environment_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("account: other.near\nkafka_url: bus:9092\npartitions: 7\nquoter_settings: {spread_bps: 5}\n")
    settings = read_settings(None, {"EVENT_TRADING_CONFIG": str(file), "EVENT_TRADING_ACCOUNT": "solver.near"})
    assert (settings.account, settings.partitions, settings.quoter_settings) == ("solver.near", 7, {"spread_bps": 5})


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"EVENT_TRADING_PARTITONS": "3"}, "EVENT_TRADING_PARTITONS is no setting; did you mean EVENT_TRADING_PART"),
        ({"EVENT_TRADING_PARTITIONS": "0"}, "EVENT_TRADING_PARTITIONS is '0': Input should be greater"),
        (
            {"EVENT_TRADING_LEASE_SECONDS": "7"},
            "EVENT_TRADING_LEASE_SECONDS is '7': Input should be less than or equal to 6",
        ),
        ({"EVENT_TRADING_QUOTER_SETTINGS": "{"}, "EVENT_TRADING_QUOTER_SETTINGS is no JSON"),
        ({"EVENT_TRADING_ACCOUNT": "a/b"}, "EVENT_TRADING_ACCOUNT is 'a/b'"),
        ({"EVENT_TRADING_NAMESPACE": "replay"}, "EVENT_TRADING_NAMESPACE is 'replay'"),
        (
            {"EVENT_TRADING_NAMESPACE": "replay.", "EVENT_TRADING_DRY_RUN_ONLY": "false"},
            "namespace is for replays, which send nothing",
        ),
        (
            {"EVENT_TRADING_NEAR_KEY": "x", "EVENT_TRADING_NEAR_KEY_SECRET_NAME": "y"},
            "EVENT_TRADING_NEAR_KEY_SECRET_NAME and EVENT_TRADING_NEAR_KEY are both set",
        ),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_in_one_line(names: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(**names)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_setting_is_named_with_what_it_is_for() -> None:
    with pytest.raises(InvalidInput, match=r"EVENT_TRADING_KAFKA_URL is not set\. The bus, host:port"):
        read_settings(None, {"EVENT_TRADING_ACCOUNT": "solver.near"})
    with pytest.raises(InvalidInput, match="STORE_URL is not set"):
        read().required("store_url")


def test_a_file_that_is_none_or_has_an_unknown_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    cases: dict[str, Any] = {"- 1\n": "it has no keys", "a: [": "no YAML", "acount: x\n": "did you mean account?"}
    for text, told in cases.items():
        file.write_text(text)
        with pytest.raises(InvalidInput) as refused:
            read_settings(file, NEEDED)
        assert told in str(refused.value)
    with pytest.raises(InvalidInput, match="No such file"):
        read_settings(tmp_path / "none.yaml", NEEDED)


def test_secrets_come_by_name_and_are_in_no_text() -> None:
    settings = read(
        EVENT_TRADING_NEAR_KEY_SECRET_NAME="near-key",
        STORE_URL="postgresql+psycopg://me:password-of-mine@127.0.0.1/x",
        EVENT_TRADING_KAFKA_EXTRA='{"sasl.password": "password-of-the-bus"}',
    )
    assert settings.near_key.get_secret_value() == "value of near-key"
    assert "value of near-key" not in repr(settings)
    for secret in ("value of near-key", "password-of-mine", "password-of-the-bus"):
        assert secret not in redact(f"a text with {secret} in it")
