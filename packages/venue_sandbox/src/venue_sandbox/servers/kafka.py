"""A private Kafka: one node that is broker and controller, without ZooKeeper, on loopback only.

A kill loses nothing that was acknowledged: that is in the page cache of this machine, which outlives the process.
"""

from __future__ import annotations

import shutil
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from venue_sandbox.servers.kafka_jars import java, kafka_jars
from venue_sandbox.servers.machine import HOST, CannotRun, Say, free_ports, search_path
from venue_sandbox.servers.private import Greeting, Private, Served, guarded_folder, started
from venue_sandbox.servers.signals import undisturbed

__all__ = ["configuration", "kafka"]

START_SECONDS = 120.0
"""A node serves after 2 to 12 s; a busy machine is given more."""
CLUSTER = urlsafe_b64encode(b"quant-test-kafka").rstrip(b"=").decode()
JVM = ("-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError")
"""Begins fast and stays small: tests wait for the start, and run for minutes at most."""
API_VERSIONS = "\0\0\0\x0f\0\x12\0\0qnt1\0\x05quant"
ANSWERED = "qnt1\0\0"
"""A client asks first which requests a broker knows; it answers with the number of the question, and no error."""


@contextmanager
def kafka(say: Say = lambda line: None) -> Generator[Served]:
    """Run a node on a free port of 127.0.0.1 for as long as the context lasts.

    Parameters
    ----------
    say
        Is told what happens, a line at a time.

    Raises
    ------
    CannotRun
        There is no Java here, Kafka cannot be had, or it did not start.
    """
    program, jars = java(say), kafka_jars(say)
    with guarded_folder() as folder:
        say(f"starting Kafka with {program}")
        server = started(lambda: _made(folder, program, jars))
        try:
            say(f"started on port {server.port}")
            yield Served(f"{HOST}:{server.port}", server)
        finally:
            with undisturbed():
                server.stop()
                say("stopped")


def configuration(data: Path, port: int, controller: int) -> str:
    """Return the settings of a node.

    Groups do not wait for further members, and topics are made by code alone. After a crash a node waits until its own
    former session is over, so that is short.
    """
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{HOST}:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}
advertised.listeners=PLAINTEXT://{HOST}:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
log.cleaner.dedupe.buffer.size=8388608
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2500
"""


def _made(folder: Path, program: str, jars: Path) -> Private:
    port, controller = free_ports(2)
    data, settings = folder / "data", folder / "server.properties"
    shutil.rmtree(data, ignore_errors=True)
    settings.write_text(configuration(data, port, controller), encoding="utf-8")
    run = (program, *JVM, f"-Djava.io.tmpdir={folder}", "-Dlog4j2.level=WARN", "-cp", f"{jars}/*")
    _format(folder, (*run, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(settings)))
    command, greeting = (*run, "kafka.Kafka", str(settings)), Greeting(API_VERSIONS, ANSWERED)
    return Private("kafka", folder, command, {"PATH": search_path()}, port, greeting, START_SECONDS)


def _format(folder: Path, command: tuple[str, ...]) -> None:
    environment = {"PATH": search_path(), "HOME": str(folder)}
    done = subprocess.run(
        command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotRun(f"Kafka could not format its folder:\n{done.stdout}{done.stderr}")
