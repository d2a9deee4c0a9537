"""Settings: names, defaults, and what is refused with which words."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from quant_platform_kit.domain.redaction import redact
from trading_playbook.attempts import Ending
from trading_playbook.compose import Asked, compose_playbook
from trading_playbook.config import Config, UnknownWriter, checked_place
from trading_playbook.sources.port import BarSource

CANARY = "canary-90210"
SECRET = "projects/p/secrets/s"


class Vault:
    """Holds every secret under its name."""

    def read(self, name: str) -> str:
        return f"value of {name}"

    def add(self, name: str, value: str) -> None:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return how the environment is changed; none of the settings is in it."""
    for name in Config.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def config(patch: pytest.MonkeyPatch, *, cloud: bool = False, **given: str) -> Config:
    for name, value in given.items():
        patch.setenv(name, value)
    return Config.from_env(cloud=cloud)


def places(found: Config, output: str | None = None) -> tuple[str, ...]:
    return found.places(Vault(), output)


def test_the_defaults_are_those_of_a_laptop(bare: pytest.MonkeyPatch) -> None:
    found = config(bare)
    assert places(found) == ("output/trades.csv",)
    assert (found.cache, found.history_feed) == ("data/cache", "sip")
    assert (found.alpaca_dry_run_only, found.live_trading, found.playbook_symbol) == (True, False, "QQQ")
    assert found.store == (Path.cwd() / "output" / "store").as_uri()


def test_in_the_cloud_everything_is_in_the_bucket(bare: pytest.MonkeyPatch) -> None:
    found = config(bare, cloud=True, GCS_BUCKET="bars")
    assert places(found) == ("gs://bars/output/trades/trades.csv",)
    assert (found.cache, found.store) == ("gs://bars/data/cache", "gs://bars/store")


MONGO = f"mongodb://me:{CANARY}@db.example/"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"OUTPUT_DIR": "out"}, ("out/trades.csv",)),
        ({"OUTPUT_LOCATION": "a/b.csv"}, ("a/b.csv",)),
        ({"OUTPUT_LOCATION": "gs://bars/a/b.csv"}, ("gs://bars/a/b.csv",)),
        ({"OUTPUT_LOCATION": "gs://bars/a/b.csv", "GCS_BUCKET": "other"}, ("gs://other/a/b.csv",)),
        ({"OUTPUT_LOCATION": "mongodb://db.example"}, ("mongodb://db.example",)),
        ({"OUTPUT_LOCATION": "mongodb://db.example", "MONGODB_CONNECTION": MONGO}, (MONGO,)),
        ({"WRITER_TYPE": "mongodb", "MONGODB_CONNECTION": MONGO}, (MONGO,)),
        ({"WRITER_TYPE": "mongodb", "MONGODB_CONNECTION_SECRET_NAME": SECRET}, (f"value of {SECRET}",)),
        (
            {"WRITER_TYPE": "gcs, mongodb", "GCS_BUCKET": "bars", "MONGODB_CONNECTION": MONGO},
            ("gs://bars/output/trades/trades.csv", MONGO),
        ),
        ({"WRITER_TYPE": "csv,gcs", "OUTPUT_LOCATION": "a.csv", "GCS_BUCKET": "bars"}, ("a.csv", "gs://bars/output/trades/trades.csv")),
    ],
)  # fmt: skip
def test_writers_and_places_follow_from_the_settings(
    bare: pytest.MonkeyPatch, given: dict[str, str], expected: tuple[str, ...]
) -> None:
    found = config(bare, **given)
    assert places(found) == expected
    assert places(found, "mine.csv") == ("mine.csv",)


@pytest.mark.parametrize(
    ("given", "cloud", "said"),
    [
        ({"OUTPUT_LOCATION": MONGO}, False, "OUTPUT_LOCATION holds a password; set MONGODB_CONNECTION"),
        ({"OUTPUT_LOCATION": "s3://bars/a"}, False, "OUTPUT_LOCATION is 's3://bars/a'; write a file, gs://"),
        ({"OUTPUT_LOCATION": "gs://bars"}, False, "OUTPUT_LOCATION is 'gs://bars'; write a file, gs://"),
        ({"OUTPUT_LOCATION": "a.csv", "WRITER_TYPE": "gcs"}, False, "OUTPUT_LOCATION is a.csv and WRITER_TYPE gcs"),
        ({"WRITER_TYPE": "gcs"}, False, "WRITER_TYPE gcs needs a bucket, and GCS_BUCKET is not set"),
        ({}, True, "--cloud needs a bucket, and GCS_BUCKET is not set"),
        ({"WRITER_TYPE": "mongodb"}, False, "MONGODB_CONNECTION is not set"),
        (
            {"WRITER_TYPE": "mongodb", "MONGODB_CONNECTION": MONGO, "MONGODB_CONNECTION_SECRET_NAME": SECRET},
            False,
            "MONGODB_CONNECTION and MONGODB_CONNECTION_SECRET_NAME are both set",
        ),
        ({"ALPACA_FEED": "otc"}, False, "ALPACA_FEED is 'otc'"),
        ({"DAILY_SUMMARY": "maybe"}, False, "DAILY_SUMMARY is 'maybe'"),
        ({"OIDC_AUDIENCE": "https://me.example"}, False, "OIDC_SERVICE_ACCOUNT is not set"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_the_password(
    bare: pytest.MonkeyPatch, given: dict[str, str], cloud: bool, said: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        places(config(bare, cloud=cloud, **given))
    assert said in str(raised.value)
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize("kind", ["mongo", "csv,xls", "csv,csv"])
def test_a_writer_that_there_is_not_is_named(bare: pytest.MonkeyPatch, kind: str) -> None:
    with pytest.raises(UnknownWriter, match="WRITER_TYPE"):
        config(bare, WRITER_TYPE=kind)


def test_secrets_are_in_no_text_from_then_on(bare: pytest.MonkeyPatch) -> None:
    found = config(
        bare,
        STORE_URL=f"gs://me:{CANARY}@b",
        MONGODB_CONNECTION="mongodb://me:canary-4@db",
        NOTIFY_URLS="json://canary-5",
    )
    assert CANARY not in repr(found) + redact(f"{CANARY} canary-4 json://canary-5")
    assert "canary" not in redact(f"{CANARY} canary-4 json://canary-5")


def test_a_place_is_a_file_an_object_or_a_database() -> None:
    for place in ("a.csv", "/a/b@c:d.csv", "gs://b/o", "mongodb://h:27017/x", "mongodb+srv://h"):
        assert checked_place("--output", place) == place
    with pytest.raises(InvalidInput, match="--output is ' '"):
        checked_place("--output", " ")


def test_a_journal_whose_secret_cannot_be_read_is_the_matter_of_the_run(
    bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare.setenv("WRITER_TYPE", "mongodb")
    bare.setenv("MONGODB_CONNECTION_SECRET_NAME", SECRET)
    bare.setenv("OUTPUT_DIR", str(tmp_path))

    class Gone:
        def read(self, name: str) -> str:
            raise StoreError(f"secret {name} cannot be read")

    bare.setattr("trading_playbook.writers.places.GoogleSecrets", Gone)
    playbook = compose_playbook(Config.from_env(), Asked("QQQ"), _never)
    attempt, _ = playbook.run(datetime(2025, 9, 15, 21, 0, tzinfo=UTC))
    assert (attempt.ending, attempt.reason) == (Ending.ERROR, f"secret {SECRET} cannot be read")
    assert playbook.log.between(attempt.session, attempt.session) == [attempt]


def _never() -> AbstractContextManager[BarSource]:
    raise AssertionError("no bars are asked for")
