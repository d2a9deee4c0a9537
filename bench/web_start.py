"""A cold start of a service against a bare FastAPI hello-world: time to the first 200 of ``/ready``, and memory then.

Both are one process each: import, listen, answer. The bound is 1.5 times the hello-world for either figure.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from venue_sandbox.servers.loopback import ask

ROUNDS = 15
BOUND = 1.5
HELLO = """
import json, socket
import uvicorn
from fastapi import FastAPI

app = FastAPI()

@app.get("/ready")
def ready():
    return {"ready": True}

listener = socket.create_server(("127.0.0.1", 0))
print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
uvicorn.Server(uvicorn.Config(app, log_config=None)).run([listener])
"""


def measure() -> dict[str, Any]:
    """Return the median ratios of start and memory of the paper service."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        return compare(HELLO, "paper_app", environment(Path(name)))


def compare(hello: str, module: str, settings: dict[str, str]) -> dict[str, Any]:
    """Return the median ratios of start and memory of a service to those of a small program."""
    theirs_command, ours_command = [sys.executable, "-c", hello], [sys.executable, "-m", module]
    for command in (theirs_command, ours_command):
        _start(command, settings)
    pairs = [(_start(theirs_command, settings), _start(ours_command, settings)) for _ in range(ROUNDS)]
    seconds = statistics.median(ours[0] / theirs[0] for theirs, ours in pairs)
    memory = statistics.median(ours[1] / theirs[1] for theirs, ours in pairs)
    return {
        "hello_seconds": round(statistics.median(theirs[0] for theirs, _ in pairs), 3),
        "service_seconds": round(statistics.median(ours[0] for _, ours in pairs), 3),
        "seconds_ratio": round(seconds, 2),
        "hello_mb": round(statistics.median(theirs[1] for theirs, _ in pairs), 1),
        "service_mb": round(statistics.median(ours[1] for _, ours in pairs), 1),
        "memory_ratio": round(memory, 2),
        "bound": BOUND,
        "met": seconds <= BOUND and memory <= BOUND,
    }


def environment(folder: Path) -> dict[str, str]:
    """Return settings that start a service; compiled modules are kept, as in an image."""
    return {
        "PATH": os.defpath,
        "STRATEGY_PROFILE": "dual_momentum",
        "STORE_URL": (folder / "store").as_uri(),
        "REPORT_STORE_URL": (folder / "reports").as_uri(),
        "PAPER_ACCOUNT": "DUSBX1",
        "PAPER_VENUE_PORT": "9",
        "PAPER_PRICES": str(folder / "prices.csv"),
        "PORT": "0",
    }


def _start(command: list[str], settings: dict[str, str]) -> tuple[float, float]:
    """Return seconds to the first answer, and resident megabytes then."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=settings)
    try:
        assert process.stdout is not None
        listens = process.stdout.readline()
        assert listens, f"{' '.join(command[1:3])} ended before it listened; start it by hand to see why"
        port = json.loads(listens)["port"]
        while True:
            try:
                if ask(port, "GET", "/ready").good:
                    break
            except OSError:
                time.sleep(0.001)
        seconds = time.perf_counter() - began
        status = Path(f"/proc/{process.pid}/status").read_text()
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return seconds, int(resident.split()[1]) / 1024
    finally:
        process.kill()
        process.wait()
        process.stdout.close() if process.stdout else None
