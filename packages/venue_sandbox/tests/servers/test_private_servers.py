"""Private servers: where they come from, what they are told, and how they are stopped, killed and started again."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from venue_sandbox.servers import guard, rabbitmq, redis, unpacked
from venue_sandbox.servers.machine import RANGE, CannotRun, free_ports
from venue_sandbox.servers.private import Greeting, Private, guarded_folder, started

PROGRAM = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listening:
    while True:
        with listening.accept()[0] as asking:
            asking.sendall(asking.recv(100).upper())
"""
HOLDER = """
import sys
from venue_sandbox.servers.private import guarded_folder
with guarded_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""
SECONDS = 10.0
APT_GET = """#!/bin/sh
test "$1" = install || exit 100
for name in erlang-base libtinfo6 libnovel libnovel-perl python3 rabbitmq-server; do
    echo "'http://host/$name.deb' ${name}_1_all.deb 1 SHA256:0"
done
"""


@pytest.fixture
def folder(socket_enabled: None) -> Generator[Path]:
    with guarded_folder() as made:
        yield made


def made(folder: Path, port: int | None = None, program: str = PROGRAM) -> Private:
    port = free_ports(1)[0] if port is None else port
    command = (sys.executable, "-I", "-S", "-c", program, str(port))
    return Private("fake", folder, command, {"PATH": os.defpath}, port, Greeting("ping", "PING"), SECONDS)


def test_a_server_is_stopped_killed_and_started_again_on_its_port(folder: Path) -> None:
    server = made(folder)
    server.start()
    first = server.pid
    server.start()
    assert server.pid == first
    for end in (server.stop, server.kill):
        end()
        end()
        assert (server.pid, server.serves()) == (None, False)
        server.start()
        assert server.pid not in (None, first)
        assert server.serves()


def test_another_process_restarts_a_server(folder: Path) -> None:
    server = made(folder)
    server.start()
    first = server.pid
    subprocess.run(shlex.split(server.restart), check=True)
    assert server.pid not in (None, first)
    assert server.serves()
    server.stop()
    assert server.pid is None


def test_a_server_that_ends_tells_its_last_words(folder: Path) -> None:
    with pytest.raises(CannotRun, match=r"fake ended before it served:\nno disk"):
        made(folder, program="raise SystemExit('no disk')").start()
    assert not (folder / "fake.pid").exists()


def test_a_port_that_somebody_else_takes_is_given_up(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        others = iter([taken.getsockname()[1], None])
        server = started(lambda: made(folder, next(others)))
    assert server.port != taken
    assert server.serves()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_servers_end_and_their_folder_goes_when_who_started_them_dies(
    number: signal.Signals, socket_enabled: None
) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        folder = Path(holder.stdout.readline().decode().strip())
        server = made(folder)
        server.start()
        holder.send_signal(number)
    deadline = time.monotonic() + SECONDS
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not folder.exists()
    assert not server.serves()
    server.stop()


def test_an_id_that_was_given_to_another_process_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "other.pid"
    guard.note(file, os.getpid())
    assert (noted := guard.noted(file))
    assert not guard.has_ended(noted)
    if sys.platform == "linux":
        file.write_text(f"{os.getpid()} 1")
        assert (noted := guard.noted(file))
        assert guard.end(noted, 0.0)


def test_ports_are_not_those_that_connections_get(socket_enabled: None) -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    if RANGE.exists():
        assert max(ports) < int(RANGE.read_text().split()[0])


def test_what_redis_answers_is_on_the_disk() -> None:
    lines = redis.configuration(Path("/data"), 1234, "secret").splitlines()
    assert {"bind 127.0.0.1", "port 1234", "requirepass secret", 'dir "/data"'} <= set(lines)
    assert {"appendonly yes", "appendfsync always", "daemonize no"} <= set(lines)


def test_all_of_rabbitmq_listens_on_loopback_and_nobody_is_guest() -> None:
    lines = rabbitmq.configuration(1234, "secret").splitlines()
    assert {"listeners.tcp.1 = 127.0.0.1:1234", "default_user = quant", "default_pass = secret"} <= set(lines)
    assert "default_vhost = quant" in lines
    assert rabbitmq.advanced_configuration() == "[{kernel, [{inet_dist_use_interface, {127,0,0,1}}]}].\n"


def test_erlang_is_found_where_it_is_unpacked(tmp_path: Path) -> None:
    script = tmp_path / "elsewhere" / "bin" / "erl"
    script.parent.mkdir(parents=True)
    script.write_text(rabbitmq.relocated('#!/bin/sh\nROOTDIR="/usr/lib/erlang"\necho "$ROOTDIR"\n'))
    (tmp_path / "erl").symlink_to(script)
    told = subprocess.run(["sh", tmp_path / "erl"], capture_output=True, text=True, check=True)
    assert told.stdout == f"{script.parent.parent}\n"


def test_a_machine_without_apt_get_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(unpacked, "CHECKOUT", tmp_path / "none")
    for module in (redis, rabbitmq, unpacked):
        monkeypatch.setattr(module, "system", lambda program: None)
    for serve, service in ((redis.redis, "redis"), (rabbitmq.rabbitmq, "rabbitmq")):
        with (
            pytest.raises(CannotRun, match=f"docker compose --file tests/services/compose.yaml up --wait {service}"),
            serve(),
        ):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_family_is_fetched_whole_and_libraries_where_they_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left of a package that does not come."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (
        ("apt-get", APT_GET),
        ("dpkg-query", '#!/bin/sh\nprintf "libtinfo6 installed\\nerlang-base installed\\nlibnovel config-files\\n"\n'),
        ("dpkg", "#!/bin/sh\n"),
    ):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setattr(unpacked, "CHECKOUT", tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    assert unpacked._needed("rabbitmq-server", ("rabbitmq-", "erlang-")) == [
        "erlang-base",
        "libnovel",
        "rabbitmq-server",
    ]
    said: list[str] = []
    with pytest.raises(CannotRun, match=r"apt-get failed, see above.\nDo this"):
        unpacked.unpacked(
            "rabbitmq-server", ("rabbitmq-", "erlang-"), lambda root: None, said.append, otherwise="Do this"
        )
    assert said[-1] == "the list of packages may be old; fetching it"
    assert list((tmp_path / ".cache" / "servers").iterdir()) == []
