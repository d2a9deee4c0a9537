"""Settings: what is wrong is told with its key, and no secret is in any text."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.redaction import redact
from tq_broker_app.settings import RunMode, Settings, Split, read_settings

from .frame import document

REAL = {"run_mode": "real", "broker_id": "H宏源期货", "account_id": "103", "account_password": "account-password"}
EVERYTHING = """
tq:
  {username: demo, password: tianqin-password, portfolio_id: "7", run_mode: real, broker_id: b, account_id: 103,
   account_password: account-password, service: tq-7}
redis: {host: redis.local, port: 6380, password: redis-password, db: 3}
rabbitmq:
  url: amqps://user:rabbit-password@mq:5671/v
  external: {order_submit_queue: s, order_cancel_queue: c, order_exchange: e}
  internal: {exchange: i, order_updates_queue: o, position_updates_queue: p, account_updates_queue: a}
  dead_letter_queue: d
  portfolio_queues: true
  heartbeat_seconds: 20
database:
  {host: pg, port: 5433, user: u, password: "p@ss/word", dbname: d, store_url: "postgresql+psycopg://u:store-word@x/y"}
orders:
  max_volume: 7
  max_actions_per_second: 3
  max_actions_per_day: 9
  price_band: 0.02
  max_net_position: 11
  max_age_seconds: 2.5
  split_first: history
  split_first_by_product: {rb: today}
  translate_closetoday: true
submitter: {lease_seconds: 5, visibility_seconds: 1, answer_seconds: 2, prefetch: 8}
calendar: {closed_days_file: /etc/closed.json}
operations: {host: 0.0.0.0, port: 0, notify_urls: "mailto://x:mail-word@y", log_path: /var/log/tq}
"""


class Names:
    """A vault whose values are the names, turned round."""

    def read(self, name: str) -> str:
        return name[::-1]


def read(tmp_path: Path, content: Any, environment: dict[str, str] | None = None) -> Settings:
    path = tmp_path / "config.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True))
    return read_settings(path, environment or {}, Names())


def refused(tmp_path: Path, content: Any, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(tmp_path, content, environment)
    return str(caught.value)


def test_every_section_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, EVERYTHING)
    assert (found.tq.run_mode, found.tq.mode, found.tq.account_id) == (RunMode.REAL, Mode.LIVE, "103")
    assert (found.redis.host, found.redis.port, found.redis.db) == ("redis.local", 6380, 3)
    assert found.rabbitmq.external.order_exchange == "e"
    assert found.rabbitmq.internal.account_updates_queue == "a"
    assert found.database.url == "postgresql+psycopg://u:p%40ss%2Fword@pg:5433/d"
    assert found.database.ledger_url == "postgresql+psycopg://u:store-word@x/y"
    assert found.orders.price_band == Decimal("0.02")
    assert (found.orders.first_of("rb"), found.orders.first_of("cu")) == (Split.TODAY, Split.HISTORY)
    assert found.orders.max_age.total_seconds() == 2.5
    assert found.submitter.prefetch == 8
    assert found.calendar.closed_days_file == "/etc/closed.json"
    assert found.operations.port == 0


def test_what_is_left_out_is_as_documented(tmp_path: Path) -> None:
    found = read(tmp_path, document())
    assert (found.tq.run_mode, found.tq.mode) == (RunMode.SANDBOX, Mode.PAPER)
    assert (found.redis.port, found.redis.db) == (6379, 1)
    assert found.database.ledger_url == found.database.url
    assert (found.rabbitmq.portfolio_queues, found.orders.split_first) == (False, Split.TODAY)
    assert found.operations.log_path == "logs"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tq.username", ""),
        ("tq.password", None),
        ("tq.portfolio_id", "a b"),
        ("tq.portfolio_id", "x" * 65),
        ("tq.run_mode", "live"),
        ("tq.service", "a/b"),
        ("tq.clock_url", "http://example.com"),
        ("redis.host", ""),
        ("redis.port", "six"),
        ("redis.port", 0),
        ("redis.port", True),
        ("redis.db", -1),
        ("rabbitmq.url", "http://localhost"),
        ("rabbitmq.portfolio_queues", "perhaps"),
        ("rabbitmq.heartbeat_seconds", 1),
        ("rabbitmq.internal.exchange", ""),
        ("rabbitmq.external", "orders"),
        ("database.port", 70000),
        ("database.user", ""),
        ("orders.max_volume", 0),
        ("orders.max_volume", 2.5),
        ("orders.max_volume", True),
        ("orders.max_actions_per_second", -1),
        ("orders.price_band", 1),
        ("orders.price_band", "NaN"),
        ("orders.max_net_position", 0),
        ("orders.max_age_seconds", 0),
        ("orders.max_age_seconds", float("inf")),
        ("orders.split_first", "yesterday"),
        ("orders.split_first_by_product", {"rb": "first"}),
        ("submitter.lease_seconds", 0),
        ("submitter.lease_seconds", float("nan")),
        ("submitter.prefetch", 1001),
        ("operations.port", 65535),
        ("operations.log_path", ""),
    ],
)
def test_a_wrong_value_is_refused_and_its_key_named(tmp_path: Path, path: str, value: Any) -> None:
    content = document()
    place = content
    *sections, key = path.split(".")
    for section in sections:
        place = place.setdefault(section, {})
    place[key] = value
    told = refused(tmp_path, content)
    assert (path if path != "rabbitmq.url" else "rabbitmq: url") in told
    assert str(tmp_path / "config.yaml") in told


@pytest.mark.parametrize("path", ["tq.colour", "redis.hosts", "rabbitmq.external.queue", "orders.max", "colour", "a.b"])
def test_an_unknown_key_is_refused_and_named(tmp_path: Path, path: str) -> None:
    content = document()
    place = content
    *sections, key = path.split(".")
    for section in sections:
        place = place.setdefault(section, {})
    place[key] = "x"
    assert f"{path.partition('.b')[0]} is no setting; see docs/reference/tq-broker.md" in refused(tmp_path, content)


@pytest.mark.parametrize("path", ["tq.password", "redis.host", "rabbitmq.url", "database.dbname", "tq", "database"])
def test_a_missing_key_is_named(tmp_path: Path, path: str) -> None:
    content = document()
    place = content
    *sections, key = path.split(".")
    for section in sections:
        place = place[section]
    del place[key]
    assert f"{path}: Field required" in refused(tmp_path, content)


@pytest.mark.parametrize("content", ["", "just text", "[1, 2]", "tq: {", "a: b: c", "\t"])
def test_a_file_that_is_no_document_is_refused(tmp_path: Path, content: str) -> None:
    assert str(tmp_path / "config.yaml") in refused(tmp_path, content)


@pytest.mark.parametrize("content", ["7: 8", "tq: {1: 2}", "2025-01-01: x", "null: x"])
def test_a_key_that_is_no_text_is_refused(tmp_path: Path, content: str) -> None:
    assert str(tmp_path / "config.yaml") in refused(tmp_path, content)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="name the file with --config or TQ_BROKER_CONFIG"):
        read_settings(tmp_path / "none.yaml", {})


@pytest.mark.parametrize(
    "line",
    [
        "password: hunter22: x",
        "password: *hunter22",
        "password: !hunter22 x",
        "password: !hunter22!y x",
        "password: {hunter22",
        "password: @hunter22",
        "password: 'hunter22",
        'password: "hunter22\\q"',
        "password: [hunter22, &hunter22 x, &hunter22 y",
        "password: |hunter22",
    ],
)
def test_a_broken_line_is_told_by_its_place_and_never_by_what_it_says(tmp_path: Path, line: str) -> None:
    told = refused(tmp_path, f"tq:\n  {line}\n")
    assert re.search(r"no YAML, line [23], column \d+: \w", told)
    assert "hunter" not in told


def test_numbers_are_read_as_they_are_written(tmp_path: Path) -> None:
    content = yaml.safe_dump(document(tq=REAL))
    for name, value in (("account_id", "00712345"), ("password", "0123456"), ("portfolio_id", "1e5")):
        content = re.sub(f"(?m)^  {name}: .*$", f"  {name}: {value}", content)
    found = read(tmp_path, content).tq
    assert (found.account_id, found.password.get_secret_value(), found.portfolio_id) == ("00712345", "0123456", "1e5")


def test_words_that_yaml_takes_for_something_else_are_text_and_a_section_may_merge_another(tmp_path: Path) -> None:
    content = yaml.safe_dump(document(tq={"username": "USER"}, orders={"split_first_by_product": {"y": "today"}}))
    content = content.replace("USER", "yes").replace("'y'", "y")
    found = read(tmp_path, content)
    assert (found.tq.username, found.orders.first_of("y")) == ("yes", Split.TODAY)
    host = "redis:\n  host: 127.0.0.1\n"
    merged = yaml.safe_dump(document()).replace(host, "redis:\n  <<: {host: 127.0.0.2}\n")
    assert read(tmp_path, merged).redis.host == "127.0.0.2"


def test_numbers_where_text_is_expected_are_text(tmp_path: Path) -> None:
    content = document(tq={"portfolio_id": 7, "password": 123456, "username": 5})
    found = read(tmp_path, content)
    assert (found.tq.portfolio_id, found.tq.password.get_secret_value(), found.tq.username) == ("7", "123456", "5")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    environment = {
        "TQ_BROKER__REDIS__PORT": "7000",
        "TQ_BROKER__RABBITMQ__EXTERNAL__ORDER_EXCHANGE": "other",
        "TQ_BROKER__ORDERS__MAX_VOLUME": "5",
        "TQ_BROKER_CONFIG": "/somewhere",
        "PATH": "/bin",
    }
    found = read(tmp_path, document(redis={"port": 1}), environment)
    assert (found.redis.port, found.rabbitmq.external.order_exchange, found.orders.max_volume) == (7000, "other", 5)


def test_an_empty_section_of_the_file_may_be_filled_by_the_environment(tmp_path: Path) -> None:
    content = yaml.safe_dump(document()) + "\noperations:\n"
    assert read(tmp_path, content, {"TQ_BROKER__OPERATIONS__PORT": "9000"}).operations.port == 9000


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("TQ_BROKER__REDIS__COLOUR", "redis.colour is no setting"),
        ("TQ_BROKER__REDIS", "redis"),
        ("TQ_BROKER__REDIS__PORT__X", "port is no section"),
        ("TQ_BROKER__TQ__RUN_MODE", "tq.run_mode is 'x'"),
        ("TQ_BROKER__", "TQ_BROKER__"),
    ],
)
def test_a_wrong_variable_is_refused(tmp_path: Path, name: str, said: str) -> None:
    assert said in refused(tmp_path, document(redis={"port": 1}), {name: "x"})


def test_the_name_of_a_secret_stands_for_its_value(tmp_path: Path) -> None:
    content = document(redis={"password_secret_name": "drowssap-sider"})
    del content["tq"]["password"]
    found = read(tmp_path, content, {"TQ_BROKER__TQ__PASSWORD_SECRET_NAME": "nianqnait"})
    assert found.redis.password.get_secret_value() == "redis-password"
    assert found.tq.password.get_secret_value() == "tianqnain"


def test_a_value_and_the_name_of_a_secret_are_too_much(tmp_path: Path) -> None:
    told = refused(tmp_path, document(tq={"password_secret_name": "x"}))
    assert "tq.password_secret_name and tq.password are both set; keep one of them" in told


def test_secrets_are_in_no_text(tmp_path: Path) -> None:
    found = read(tmp_path, EVERYTHING)
    words = ("tianqin-password", "account-password", "redis-password", "rabbit-password", "store-word", "mail-word")
    assert not any(word in repr(found) for word in words)
    text = " ".join((*words, "p@ss/word", "p%40ss%2Fword"))
    assert set(redact(text).split()) == {"***", "mail-word"}  # of the address, all of it is the secret
    assert redact("mailto://x:mail-word@y") == "***"


@pytest.mark.parametrize("path", ["tq.password", "database.password", "rabbitmq.url", "database.store_url"])
def test_a_wrong_secret_is_not_told(tmp_path: Path, path: str) -> None:
    content = document()
    section, key = path.split(".")
    content[section][key] = ["hunter22"]
    assert "hunter22" not in refused(tmp_path, content)


@pytest.mark.parametrize("section", ["tq", "redis", "rabbitmq", "database"])
def test_a_section_that_is_given_as_text_is_not_told(tmp_path: Path, section: str) -> None:
    told = refused(tmp_path, {**document(), section: "amqp://u:hunter22@h/"})
    assert section in told
    assert "hunter22" not in told
    assert "hunter22" not in refused(tmp_path, document(), {f"TQ_BROKER__{section.upper()}": "amqp://u:hunter22@h/"})


@pytest.mark.parametrize("address", ["127.0.0.1:notaport", "127.0.0.1:99999", "127.0.0.1:0", ":5672"])
def test_an_address_of_rabbitmq_has_a_host_and_a_port(tmp_path: Path, address: str) -> None:
    told = refused(tmp_path, document(rabbitmq={"url": f"amqp://u:hunter22@{address}/"}))
    assert "rabbitmq: url names no host, or a port that is no number from 1 to 65535" in told
    assert "hunter22" not in told


@pytest.mark.parametrize("name", ["broker_id", "account_id", "account_password"])
def test_a_real_account_needs_all_of_its_own_settings(tmp_path: Path, name: str) -> None:
    assert f"run_mode is real, and {name} is not set" in refused(tmp_path, document(tq={**REAL, name: ""}))


def test_a_real_account_has_no_clock_of_a_venue(tmp_path: Path) -> None:
    told = refused(tmp_path, document(tq={**REAL, "clock_url": "http://127.0.0.1:7000"}))
    assert "clock_url is set; remove it" in told
    assert "account-password" not in told
