"""The command line: usage ends with 2, what is refused with 1, each in one line that says what to do."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.command_line import run_command_line
from tq_broker_app.cli.main import with_all_commands
from tq_broker_app.names import Role

GOOD: dict[str, dict[str, Any]] = {
    "tq": {"username": "someone", "password": "sesame-tianqin", "portfolio_id": "P1"},
    "redis": {"host": "127.0.0.1", "password": "sesame-redis"},
    "rabbitmq": {"url": "amqp://quant:sesame-rabbit@127.0.0.1:9/quant"},
    "database": {"host": "127.0.0.1", "user": "quant", "password": "sesame-postgres", "dbname": "quant"},
}


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    errors: str

    @property
    def line(self) -> str:
        """The one line of standard error."""
        lines = self.errors.splitlines()
        assert len(lines) == 1, self.errors
        assert lines[0].startswith("tq-broker: ")
        return lines[0]


Run = Callable[..., Ended]
Config = Callable[..., Path]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def called(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["tq-broker", *words])
        out, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(errors), pytest.raises(SystemExit) as ended:
            run_command_line(with_all_commands(), "tq-broker", quiet=True)
        return Ended(int(ended.value.code or 0), out.getvalue(), errors.getvalue())

    return called


@pytest.fixture
def config(tmp_path: Path) -> Config:
    def written(**changes: Mapping[str, Any]) -> Path:
        document = {section: dict(values) for section, values in GOOD.items()}
        for section, values in changes.items():
            document.setdefault(section, {}).update(values)
        file = tmp_path / "config.yaml"
        file.write_text(json.dumps(document))
        return file

    return written


USAGE = [
    ("no-such-command",),
    ("run",),
    ("run", "order-watcher"),
    ("run", "order-handler", "--no-such-option"),
    ("dead-letters", "replay"),
    ("dead-letters", "drop"),
    ("dead-letters", "drop", "1", "--all"),
    ("dead-letters", "drop", "first"),
    ("dead-letters", "drop", "0"),
    ("resolve", "--filled", "1"),
    ("resolve", "o1"),
    ("resolve", "o1", "--filled", "1", "--price", "3500"),
    ("resolve", "o1", "--filled", "0", "--reason", "  "),
    ("resolve", "o1", "--filled", "0", "--price", "3500", "--reason", "seen"),
    ("resolve", "o1", "--filled", "1", "--reason", "seen"),
    ("resolve", "o1", "--filled", "-1", "--reason", "seen"),
    ("resolve", "o1", "--filled", "1.5", "--price", "3500", "--reason", "seen"),
    ("resolve", "o1", "--filled", "1", "--price", "NaN", "--reason", "seen"),
    ("resolve", "o1", "--filled", "1", "--price", "-5", "--reason", "seen"),
    ("watch", "--every", "0"),
    ("watch", "--patience", "-1"),
    ("demo", "--no-such-option"),
]


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_usage_ends_with_2_and_one_line(run: Run, config: Config, words: tuple[str, ...]) -> None:
    ended = run(*words, *(() if "no-such" in " ".join(words) else ("--config", str(config()))))
    assert ended.code == 2
    assert ended.line
    assert ended.out == ""


def test_an_unknown_service_is_answered_with_those_there_are(run: Run) -> None:
    line = run("run", "order-watcher").line
    assert all(role.value in line for role in Role)


READERS = (("check",), ("watch", "--once"), ("resolve",), ("dead-letters", "list"), ("run", "order-handler"))


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_a_missing_file_says_how_to_name_it(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = run(*words, "--config", str(tmp_path / "nothing.yaml"))
    assert ended.code == 1
    assert "nothing.yaml" in ended.line
    assert "--config or TQ_BROKER_CONFIG" in ended.line


WRONG = [
    ({"tq": {"portfolio": "P1"}}, "tq.portfolio is no setting"),
    ({"tq": {"run_mode": "live"}}, "tq.run_mode is 'live'"),
    ({"tq": {"run_mode": "real"}}, "broker_id, account_id, account_password is not set"),
    ({"tq": {"portfolio_id": ""}}, "tq.portfolio_id is ''"),
    ({"redis": {"port": 0}}, "redis.port is 0:"),
    ({"redis": {"db": -1}}, "redis.db is -1:"),
    ({"rabbitmq": {"url": "http://quant:sesame-rabbit@127.0.0.1"}}, "does not start with amqp://"),
    ({"orders": {"max_volume": 0}}, "orders.max_volume is 0:"),
    ({"orders": {"max_volum": 5}}, "orders.max_volum is no setting"),
    ({"orders": {"price_band": 2}}, "orders.price_band is 2:"),
    ({"operations": {"port": 70000}}, "operations.port is 70000:"),
    ({"extra": {"a": 1}}, "extra is no setting"),
]


@pytest.mark.parametrize(("changes", "told"), WRONG, ids=[told for _, told in WRONG])
def test_a_setting_that_cannot_be_meant_is_named(
    run: Run, config: Config, changes: dict[str, dict[str, Any]], told: str
) -> None:
    ended = run("check", "--config", str(config(**changes)))
    assert ended.code == 1
    assert told in ended.line
    assert "sesame" not in ended.line


def test_an_override_of_the_environment_is_named_too(run: Run, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQ_BROKER__REDIS__PASSWRD", "sesame-environment")
    ended = run("check", "--config", str(config()))
    assert ended.code == 1
    assert "redis.passwrd is no setting" in ended.line
    assert "sesame" not in ended.line


def test_watch_needs_ports_that_are_known(run: Run, config: Config) -> None:
    ended = run("watch", "--once", "--config", str(config(operations={"port": 0})))
    assert ended.code == 1
    assert "operations.port is 0" in ended.line


def test_no_command_shows_the_commands(run: Run) -> None:
    ended = run("--help")
    assert ended.code == 0
    assert all(name in ended.out for name in ("run", "check", "watch", "resolve", "dead-letters"))


def test_no_command_imports_a_client_library_or_a_database() -> None:
    """Every service imports them all."""
    heavy = "'tqsdk', 'pandas', 'sqlalchemy', 'alembic', 'apprise', 'venue_sandbox.stands'"
    code = f"import sys, tq_broker_app.cli.main; print(sorted({{{heavy}}} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
