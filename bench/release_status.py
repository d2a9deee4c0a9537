"""What `release status --json` costs over a bare script that runs the same git commands: at most 1.5 times as long."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from quant_release.demo.baseline import bundle_text, copy_of, make_origin
from quant_release.repository.git import Git

BOUND, ROUNDS = 1.5, 15
_ROOT = Path(__file__).resolve().parent.parent

_SPY = """\
#!{python}
import json, os, subprocess, sys
given = sys.stdin.buffer.read() if sys.argv[1] == "cat-file" else b""
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], given.decode()]) + "\\n")
sys.exit(subprocess.run([{git!r}, *sys.argv[1:]], input=given).returncode)
"""
_BARE = """
import json, subprocess, sys
for arguments, given in json.load(open(sys.argv[1])):
    subprocess.run(["git", *arguments], input=given.encode(), capture_output=True)
"""


def measure() -> dict[str, Any]:
    """Return the median of ratios on a copy of this repository with an origin, tags and pins."""
    with TemporaryDirectory(prefix="quant-bench-") as name:
        folder = Path(name).resolve()
        git = copy_of(_ROOT, folder / "work")
        make_origin(git, folder / "origin.git", bundle_text())
        commands = _commands(folder, git)
        script, listed = folder / "bare.py", folder / "commands.json"
        script.write_text(_BARE)
        listed.write_text(json.dumps(commands))
        release = str(Path(sys.executable).with_name("release"))
        pairs = [
            (_seconds([sys.executable, str(script), str(listed)], git), _seconds([release, "status", "--json"], git))
            for _ in range(ROUNDS)
        ]
    ratio = statistics.median(status / bare for bare, status in pairs)
    return {
        "ratio": round(ratio, 2),
        "status_seconds": round(statistics.median(status for _, status in pairs), 4),
        "bare_seconds": round(statistics.median(bare for bare, _ in pairs), 4),
        "git_commands": len(commands),
        "bound": BOUND,
        "met": ratio <= BOUND,
    }


def _commands(folder: Path, git: Git) -> list[Any]:
    """Return the git commands that the status runs, as a git that writes them down saw them."""
    spy, log = folder / "spy", folder / "git.log"
    spy.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    (spy / "git").write_text(_SPY.format(python=sys.executable, log=str(log), git=real))
    (spy / "git").chmod(0o755)
    path = os.environ["PATH"]  # noqa: TID251 - handed on
    environment = {**os.environ, "PATH": f"{spy}{os.pathsep}{path}"}  # noqa: TID251 - handed on
    release = str(Path(sys.executable).with_name("release"))
    subprocess.run([release, "status", "--json"], cwd=git.root, env=environment, capture_output=True, check=False)
    return [json.loads(line) for line in log.read_text().splitlines()]


def _seconds(command: list[str], git: Git) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=git.root, capture_output=True, check=False)
    return time.perf_counter() - began
