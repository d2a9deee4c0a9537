"""A workspace of the same layout as the real one, small enough that a release takes seconds, and recording tools."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from quant_release.demo.baseline import KIT, STRATEGIES, bundle_text, make_origin, new_repository
from quant_release.repository.git import Git

__all__ = ["Rehearsal", "make_rehearsal", "rehearsal_in"]

_PROJECT = """\
[project]
name = "{name}"
version = "0.0.0"
dependencies = [{dependencies}]

[project.optional-dependencies]
{extras}

[dependency-groups]
test = ["pytest"]

[tool.release]
{release}
"""
_PLATFORM = """\
name = "{name}"
display_name = "{name}"
native_mode = "value"
domains = ["us_equity"]
target_modes = ["weight", "value"]
inputs = ["market_history", "benchmark_history", "portfolio_snapshot", "derived_indicators", "feature_snapshot"]
adjustments = ["total_return"]
capabilities = ["market_orders"]
enabled = ["dual_momentum", "global_etf_rotation", "mega_cap_leader_rotation"]
"""
_DOCKERFILE = 'FROM scratch\nARG COMMIT_SHA="unknown"\nARG PINS="unknown"\n'
_LOCK = 'version = 1\n\n[[package]]\nname = "six"\nversion = "1.17.0"\n'
_ENTRY = '\n[[package]]\nname = "{}"\nversion = "0.0.0"\nsource = {{ editable = "{}" }}\n'

_UV = """\
#!{python} -IS
import json, os, re, subprocess, sys, time
here = os.path.dirname(os.path.abspath(__file__))
with open(here + "/uv.log", "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
time.sleep(float(os.environ.get("REHEARSAL_SLEEP", "0")))
match sys.argv[1:]:
    case ["build", *rest]:
        folder = rest[rest.index("--out-dir") + 1]
        os.makedirs(folder)
        open(folder + "/built-0-py3-none-any.whl", "w").close()
    case ["export", *rest]:
        open(rest[-1], "w").close()
    case ["venv", *rest]:
        os.makedirs(rest[-1] + "/bin")
        with open(rest[-1] + "/bin/python", "w") as file:
            file.write("#!/bin/sh\\ncase $* in *-c*) cat " + os.path.abspath(rest[-1]) + "/installed.json;; "
                       "*) test ! -e " + here + "/tests-fail;; esac\\n")
        os.chmod(rest[-1] + "/bin/python", 0o755)
    case ["pip", "install", *rest] if "-r" in rest:
        found = {{}}
        for line in open(rest[rest.index("-r") + 1]):
            if pin := re.match(r"([\\w-]+).*git\\+(.*)@(.*)-v(.*)#", line):
                name, url, head, version = pin.groups()
                ref = f"refs/tags/{{head}}-v{{version}}^{{{{}}}}"
                said = subprocess.run(["git", "ls-remote", url, ref], capture_output=True, text=True).stdout
                found[name] = [version, url, said.split()[0]]
        environment = os.path.dirname(os.path.dirname(rest[rest.index("--python") + 1]))
        json.dump(found, open(environment + "/installed.json", "w"))
"""
_DOCKER = """\
#!{python} -IS
import hashlib, os, re, sys, time
here = os.path.dirname(os.path.abspath(__file__))
place = lambda image: here + "/images/" + re.sub(r"[^A-Za-z0-9.-]", "_", image)
match sys.argv[2:]:
    case ["build", *rest]:
        image = rest[rest.index("--tag") + 1]
        time.sleep(float(os.environ.get("REHEARSAL_SLEEP", "0")))
        with open(here + "/docker.log", "a") as log:
            log.write("build " + image + "\\n")
        context = "".join(open(name).read() for name in ("Dockerfile", "requirements.txt", "app.txt"))
        os.makedirs(here + "/images", exist_ok=True)
        with open(place(image), "w") as file:
            file.write("sha256:" + hashlib.sha256(context.encode()).hexdigest())
    case ["imagetools", "inspect", image, *_]:
        try:
            print(open(place(image)).read())
        except FileNotFoundError:
            sys.exit(f"ERROR: {{image}}: not found")
    case _:
        os.execv(here + "/containers", sys.argv)
"""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A checkout at the baseline, its origin, and stand-ins for tools; ``tools`` goes in front of ``PATH``."""

    git: Git
    origin: Git
    tools: Path
    store: str

    @property
    def root(self) -> Path:
        """The folder of the checkout."""
        return self.git.root

    def write(self, path: str, text: str) -> None:
        """Write a file of the checkout."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def commit(self, path: str, text: str, message: str = "A change") -> str:
        """Write and commit a file; return the commit."""
        self.write(path, text)
        self.git.run("add", path)
        self.git.commit_staged(message)
        return self.git.commit()

    def log_of(self, tool: str) -> list[str]:
        """Return the command lines that a tool was called with."""
        file = self.tools / f"{tool}.log"
        return file.read_text().splitlines() if file.exists() else []


def make_tools(folder: Path) -> Path:
    """Make a folder with stand-ins for uv and docker that record how they are called."""
    folder.mkdir(parents=True)
    for name, text in {"uv": _UV, "docker": _DOCKER}.items():
        (folder / name).write_text(text.format(python=os.path.realpath(sys.executable)))
        (folder / name).chmod(0o755)
    return folder


def make_rehearsal(folder: Path) -> Rehearsal:
    """Make the small workspace at the baseline."""
    root = folder / "work"
    files = dict(_files())
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    git = new_repository(root)
    make_origin(git, folder / "origin.git", bundle_text())
    make_tools(folder / "tools")
    return rehearsal_in(folder)


def rehearsal_in(folder: Path) -> Rehearsal:
    """Return the small workspace that is in a folder."""
    return Rehearsal(Git(folder / "work"), Git(folder / "origin.git"), folder / "tools", f"file://{folder}/store")


def _files() -> list[tuple[str, str]]:
    packages = {"quant_platform_kit": (KIT, ""), "us_equity_strategies": (STRATEGIES, f'"{KIT}==0.0.0"')}
    lock = _LOCK
    found: list[tuple[str, str]] = [("README.md", "A workspace.\n"), ("pyproject.toml", "[tool.uv]\npackage = false\n")]
    for folder, (name, dependencies) in packages.items():
        extras = 'web = ["six"]\ngcp = ["six"]' if name == KIT else ""
        text = _PROJECT.format(name=name, dependencies=dependencies, extras=extras, release='tests = ["tests"]')
        found += [
            (f"packages/{folder}/pyproject.toml", text),
            (f"packages/{folder}/src/{folder}/__init__.py", ""),
            (f"packages/{folder}/tests/test_it.py", "def test_it(): pass\n"),
            (f"docs/history/{name}.md", f"# History of {name}\n\n## 0.0.0 - 2026-01-01\n\n- First.\n"),
        ]
        lock += _ENTRY.format(name, f"packages/{folder}")
    for app in ("ibkr", "schwab", "longbridge"):
        text = _PROJECT.format(
            name=f"{app}-app",
            dependencies=f'"{KIT}[web]", "{STRATEGIES}"',
            extras=f'deploy = ["{KIT}[gcp]"]',
            release='extras = ["deploy"]',
        )
        found += [
            (f"apps/{app}/pyproject.toml", text),
            (f"apps/{app}/platform.toml", _PLATFORM.format(name=app)),
            (f"apps/{app}/Dockerfile", _DOCKERFILE),
            (f"apps/{app}/src/{app}_app/__init__.py", ""),
        ]
    return [*found, ("uv.lock", lock)]
