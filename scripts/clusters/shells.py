"""Shell scripts, as shellcheck reads them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from checkout import ROOT

__all__ = ["faults", "scripts"]


def scripts() -> list[Path]:
    """Return every shell script that git has or would take."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.sh", ".ci/run"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [path for name in sorted(set(listed)) if (path := ROOT / name).is_file()]


def faults(files: Sequence[Path]) -> list[str]:
    """Return what shellcheck has against scripts, a line each; sourced files are followed."""
    program = Path(sys.executable).with_name("shellcheck")
    command = [str(program), "--external-sources", "--format=gcc", *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [line.removeprefix(f"{ROOT}/") for line in (done.stdout + done.stderr).splitlines()]
    return lines or ([f"shellcheck ended with status {done.returncode}"] if done.returncode else [])
