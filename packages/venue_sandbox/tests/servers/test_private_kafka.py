"""A private Kafka: what it listens on, and that only jars with the known hashes are run."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path

import pytest
from venue_sandbox.servers import kafka, kafka_jars, unpacked
from venue_sandbox.servers.kafka_jars import Jar, known_jars
from venue_sandbox.servers.machine import CannotRun

MAVEN = """#!/bin/sh
for word in "$@"; do
    case "$word" in -DoutputDirectory=*) folder="${word#*=}";; esac
done
mkdir -p "$folder"
printf '%s' 'the jar' > "$folder/thing-1.jar"
grep -c '<groupId>\\*</groupId>' pom.xml
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for fetched programs, on a machine whose Maven brings one jar."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(unpacked, "CHECKOUT", tmp_path / "none")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "mvn").write_text(MAVEN)
    (tools / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return tmp_path / ".cache" / "servers"


def listed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    jar = Jar("group", "thing", "1", sha256(content).hexdigest())
    monkeypatch.setattr(kafka_jars, "known_jars", lambda: (jar,))


def test_all_of_kafka_listens_on_loopback_and_nobody_makes_topics_by_using_them() -> None:
    lines = kafka.configuration(Path("/data"), 1234, 5678).splitlines()
    assert "listeners=PLAINTEXT://127.0.0.1:1234,CONTROLLER://127.0.0.1:5678" in lines
    assert {"advertised.listeners=PLAINTEXT://127.0.0.1:1234", "log.dirs=/data"} <= set(lines)
    assert "auto.create.topics.enable=false" in lines
    assert "0.0.0.0" not in "".join(lines)


def test_every_jar_is_listed_once_with_its_hash() -> None:
    jars = known_jars()
    assert len({jar.file for jar in jars}) == len(jars) == 46
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars)
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {kafka_jars.VERSION}


def test_jars_are_fetched_once_and_kept_where_they_have_their_hashes(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(monkeypatch, b"the jar")
    said: list[str] = []
    folders = {kafka_jars.kafka_jars(said.append) for _ in range(2)}
    assert folders == {checkout / "kafka-4.1.0"}
    assert said == ["fetching the jars of Kafka 4.1.0 with Maven"]
    assert [path.name for path in checkout.iterdir()] == ["kafka-4.1.0"]


def test_a_jar_of_another_hash_is_not_kept(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, b"another jar")
    with pytest.raises(CannotRun, match=r"thing-1.jar has the SHA-256 .*, not .*; remove"):
        kafka_jars.kafka_jars(lambda line: None)
    assert list(checkout.iterdir()) == []


def test_a_jar_that_was_changed_later_is_not_run(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, b"the jar")
    folder = kafka_jars.kafka_jars(lambda line: None)
    (folder / "thing-1.jar").write_bytes(b"changed")
    with pytest.raises(CannotRun, match=r"thing-1\.jar has the SHA-256"):
        kafka_jars.kafka_jars(lambda line: None)
    (folder / "other-1.jar").write_bytes(b"added")
    with pytest.raises(CannotRun, match=r"has not the jars of kafka_jars.txt: other-1.jar; remove it and run again"):
        kafka_jars.kafka_jars(lambda line: None)


def test_a_machine_without_java_and_apt_get_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_jars, "system", lambda program: None)
    with (
        pytest.raises(CannotRun, match=r"docker compose --file tests/services/compose\.yaml up --wait kafka"),
        kafka.kafka(),
    ):
        pass
