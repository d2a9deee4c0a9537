#!/usr/bin/env python3
"""Run the tests that need real servers, against private servers that live no longer than the tests.

A server is started, on a free port of 127.0.0.1, once it is known that a test needs it; see ``scripts/services``.
Nothing that was running before is touched; whatever was started is stopped, on Ctrl-C too. The last line tells the CPU
time of all processes.

Usage
-----
``python scripts/test_services.py [--area brokers,stores] [arguments of pytest]``; the exit status is that of pytest.
Areas are the folders of tests/services; without the option all tests run.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

from services import kafka, mongodb, postgresql, promtool, rabbitmq, redis, storage
from services.accounting import accounted
from services.areas import ROOT, UnknownArea, chosen, folders
from services.supply import Supply
from venue_sandbox.servers.signals import undisturbed

SERVERS = {server.VARIABLE: server.serve for server in (mongodb, kafka, postgresql, promtool, rabbitmq, redis, storage)}
SIDE_BY_SIDE = ("-n", "4", "--dist", "loadgroup", "--no-loadscope-reorder")
STOP_SECONDS = 30


def main(arguments: list[str]) -> int:
    """Run the tests with a supply of servers; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--area", default="", help="areas to run, with commas between them; default: all")
    options, rest = parser.parse_known_args(arguments)
    try:
        paths = folders(chosen(options.area)) if options.area.strip() else []
    except UnknownArea as error:
        print(f"test-services: {error}", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_run)
    try:
        with accounted(), tempfile.TemporaryDirectory(prefix="quant-services-") as folder:
            with Supply(Path(folder), SERVERS) as supply:
                return run_tests([*paths, *rest], supply)
    except KeyboardInterrupt:
        print("test-services: interrupted; all that was started is stopped", file=sys.stderr)
        return 130


def stop_run(number: int, frame: FrameType | None) -> None:
    """Leave by way of all clean-ups when asked to end."""
    raise SystemExit(128 + number)


def run_tests(arguments: list[str], supply: Supply) -> int:
    """Run pytest and return its exit status; it has ended when this returns, in whatever way."""
    command = [sys.executable, "-m", "pytest", "-m", "services", *SIDE_BY_SIDE, *arguments]
    environment = {**os.environ, "TEST_SERVERS": str(supply.path)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes would compile everything again
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        return supply.serve_while(process)
    except SystemExit:
        # Ctrl-C reaches pytest by itself; other signals came to this process only.
        process.send_signal(signal.SIGINT)
        raise
    finally:
        with undisturbed():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
