"""A private RabbitMQ: a node of its own, with an epmd of its own.

The programs are those of this machine. On Debian or Ubuntu, missing ones are unpacked from the distribution's packages,
not installed. It has one user and one virtual host, and no plugins. All that listens does so on loopback.

A kill loses no message that was confirmed, but RabbitMQ 3.10 may lose a durable queue, with all that is in it, if that
was declared less than two seconds before.
"""

from __future__ import annotations

import re
import secrets
import struct
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from venue_sandbox.servers.machine import HOST, Say, free_ports, search_path, system
from venue_sandbox.servers.private import Greeting, Private, Served, guarded_folder, started
from venue_sandbox.servers.signals import undisturbed
from venue_sandbox.servers.unpacked import unpacked

__all__ = ["advanced_configuration", "configuration", "rabbitmq", "relocated"]

PACKAGE = "rabbitmq-server"
PLACES = (
    "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",
    "opt/rabbitmq/sbin",
    "opt/homebrew/opt/rabbitmq/sbin",
    "usr/local/opt/rabbitmq/sbin",
)
"""Where the script is that starts a node; that of Debian in /usr/sbin becomes another user first."""
NO_RABBITMQ = """\
RabbitMQ is not on this machine, and cannot be had from here. Do one of these and run again:
  Debian, Ubuntu   sudo apt-get update
  Fedora           sudo dnf install rabbitmq-server
  macOS            brew install rabbitmq
  Docker           docker compose --file tests/services/compose.yaml up --wait rabbitmq, and set
                   TEST_RABBITMQ_URL=amqp://quant:quant@127.0.0.1:55673/quant"""
USER = "quant"
START_SECONDS = 120.0
"""A node serves after 5 to 14 s; a busy machine is given more."""
PROTOCOL_HEADER = "AMQP\0\0\x09\x01"
CONNECTION_START = "\0\x0a\0\x0a"


@dataclass(frozen=True, slots=True)
class _Programs:
    """Where RabbitMQ and Erlang are.

    Attributes
    ----------
    server
        The script that becomes a node.
    epmd
        Erlang's daemon that knows the nodes of a machine.
    environment
        The variables that both need.
    """

    server: str
    epmd: str
    environment: dict[str, str]


@contextmanager
def rabbitmq(say: Say = lambda line: None) -> Generator[Served]:
    """Run a node on a free port of 127.0.0.1 for as long as the context lasts.

    Parameters
    ----------
    say
        Is told what happens, a line at a time.

    Raises
    ------
    CannotRun
        There is no RabbitMQ here, or it did not start.
    """
    programs, password = _programs(say), secrets.token_hex(16)
    with guarded_folder() as folder:
        epmd = started(lambda: _epmd(folder, programs))
        node = None
        try:
            say(f"starting {programs.server}")
            node = started(lambda: _node(folder, programs, epmd.port, password))
            say(f"started on port {node.port}")
            yield Served(f"amqp://{USER}:{password}@{HOST}:{node.port}/{USER}", node)
        finally:
            with undisturbed():
                if node is not None:
                    node.stop()
                epmd.stop()
                say("stopped")


def configuration(port: int, password: str) -> str:
    """Return the settings of a node; its first start makes the user and the virtual host, and no guest."""
    return f"""\
listeners.tcp.1 = {HOST}:{port}
default_user = {USER}
default_pass = {password}
default_vhost = {USER}
log.console = true
log.file = false
disk_free_limit.absolute = 20MB
"""


def advanced_configuration() -> str:
    """Return the settings that only Erlang's notation has: nodes are spoken to on loopback."""
    address = HOST.replace(".", ",")
    return f"[{{kernel, [{{inet_dist_use_interface, {{{address}}}}}]}}].\n"


def relocated(script: str) -> str:
    """Return the script ``erl`` as one that finds Erlang beside itself, and not where it would be installed."""
    beside = 'ROOTDIR=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd -P)'
    return re.sub(r'ROOTDIR="?/usr/lib/erlang"?', lambda _: beside, script)


def _epmd(folder: Path, programs: _Programs) -> Private:
    (port,) = free_ports(1)
    environment = {**programs.environment, "ERL_EPMD_ADDRESS": HOST, "ERL_EPMD_PORT": str(port)}
    # Asked for the names of the nodes, it first answers with its own port.
    greeting = Greeting("\0\x01n", struct.pack(">I", port).decode("latin-1"))
    return Private("epmd", folder, (programs.epmd,), environment, port, greeting, START_SECONDS)


def _node(folder: Path, programs: _Programs, epmd: int, password: str) -> Private:
    port, distribution = free_ports(2)
    files = {
        "rabbitmq.conf": configuration(port, password),
        "advanced.config": advanced_configuration(),
        "enabled_plugins": "[].\n",
        "rabbitmq-env.conf": "",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    cookie = folder / ".erlang.cookie"
    if not cookie.exists():
        cookie.write_text(secrets.token_hex(16), encoding="ascii")
        cookie.chmod(0o400)
    environment = {
        **programs.environment,
        "ERL_EPMD_ADDRESS": HOST,
        "ERL_EPMD_PORT": str(epmd),
        "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
        "RABBITMQ_NODENAME": "quant@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_SCHEDULER_BIND_TYPE": "u",  # other processes use the same processors
        "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the node, and is no process beside it
    }
    greeting = Greeting(PROTOCOL_HEADER, CONNECTION_START)
    return Private("rabbitmq", folder, (programs.server,), environment, port, greeting, START_SECONDS)


def _programs(say: Say) -> _Programs:
    installed, epmd = _server_below(Path("/")), system("epmd")
    if installed and epmd and system("erl"):
        return _Programs(installed, epmd, {"PATH": search_path()})
    tree = unpacked(PACKAGE, ("rabbitmq-", "erlang-"), _find_erlang_here, say, otherwise=NO_RABBITMQ)
    server = _server_below(tree.root)
    assert server is not None, tree.root
    return _Programs(server, str(tree.root / "usr" / "bin" / "epmd"), tree.environment)


def _server_below(root: Path) -> str | None:
    """Return the script that becomes a node, the newest where there are several."""
    found = [path / PACKAGE for place in PLACES for path in sorted(root.glob(place), reverse=True)]
    return next((str(path) for path in found if path.is_file()), None)


def _find_erlang_here(root: Path) -> None:
    erl = root / "usr" / "lib" / "erlang" / "bin" / "erl"
    erl.write_text(relocated(erl.read_text(encoding="utf-8")), encoding="utf-8")
