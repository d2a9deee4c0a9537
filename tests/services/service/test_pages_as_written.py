"""Pages that are followed line by line: a command that fails fails the test of its page.

They are followed in a folder of their own, with an environment before that of the checkout: what a page installs, and
what it changes in an app, stays there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.testing.synthetic import synthetic_prices

ROOT = Path(__file__).parents[3]
SCRIPTS = ("event-trading", "quant", "tq-broker")
RUNBOOKS = {
    "ibkr": "completed",
    "schwab": "completed",
    "longbridge": "completed",
    "alpaca": "completed",
    "event-trading": "",
    "tq-broker": "",
    "tq-broker.zh": "",
}
"""Runbooks of brokers, and what a rehearsal says when it has traded."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UV = "offline = true\n[pip]\nno-deps = true\n"
"""What a page installs needs nothing that is not here."""


@dataclass(frozen=True)
class Place:
    """A folder that looks like a checkout to who follows a page in it."""

    folder: Path
    environment: Mapping[str, str]

    def follow(self, line: str) -> str:
        """Run a line in a shell; return what it printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place in which the commands are those of an environment of its own."""
    venv.create(tmp_path / "env")
    scripts = tmp_path / "env" / "bin"
    (own,) = (tmp_path / "env").glob("lib/python*/site-packages")
    app = tmp_path / "here" / "apps" / "ibkr"
    shutil.copytree(ROOT / "apps" / "ibkr", app)
    (tmp_path / "here" / "packages").mkdir()
    lines = (str(app / "src"), f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})")
    (own / "checkout.pth").write_text("\n".join(lines))
    for name in SCRIPTS:
        text = (Path(sys.executable).parent / name).read_text().split("\n", 1)[1]
        (scripts / name).write_text(f"#!{scripts / 'python'}\n{text}")
        (scripts / name).chmod(0o755)
    (tmp_path / "uv.toml").write_text(UV)
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{scripts}:{ROOT / '.tools'}:/usr/bin:/bin",
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(ROOT / ".cache" / "uv")),
        "UV_CONFIG_FILE": str(tmp_path / "uv.toml"),
        "VIRTUAL_ENV": str(tmp_path / "env"),
    }
    return Place(tmp_path / "here", environment)


def write_downloads(folder: Path) -> None:
    """Write what a person has: a file of Yahoo Finance's form for each symbol."""
    folder.mkdir()
    for symbol in ("BIL", "SPY"):
        made = synthetic_prices((symbol,), load_calendar("XNYS"), date(2020, 1, 2), date(2023, 12, 29))
        columns = (made.columns[name].tolist() for name in ("open", "close", "adj_close"))
        rows = (",".join(map(str, row)) for row in zip(made.days.tolist(), *columns, strict=True))
        (folder / f"{symbol}.csv").write_text("\n".join(["Date,Open,Close,Adj Close", *rows]) + "\n")


def enable(app: Path, line: str) -> None:
    """Add a line to the profiles that are enabled at a platform."""
    described = app / "platform.toml"
    text = described.read_text()
    assert text.count("enabled = [\n") == 1
    described.write_text(text.replace("enabled = [\n", f"enabled = [\n{line}"))


def follow_all(place: Place, text: str, other: Mapping[str, Callable[[str], None]]) -> dict[str, str]:
    """Follow the blocks of a page from top to bottom; return what each line printed."""
    said: dict[str, str] = {}
    exported = ""
    for kind, block in BLOCK.findall(text):
        if kind != "sh":
            other[kind](block)
            continue
        for line in block.splitlines():
            said[line] = place.follow(exported + line)
            exported += f"{line}\n" if line.startswith("export ") else ""
    return said


def test_from_file_to_service(place: Place) -> None:
    page = (ROOT / "docs" / "start" / "from-file-to-service.md").read_text("utf-8")
    write_downloads(place.folder / "downloads")
    said = follow_all(place, page, {"toml": lambda line: enable(place.folder / "apps" / "ibkr", line)})
    assert len(said) > 12
    paper, dry_run, rehearsed = (each for line, each in said.items() if " sandbox " in line)
    assert "2023-12-01  200 completed" in paper
    assert "2023-12-01  200 completed" in rehearsed
    assert "2023-12-01  200 completed" in dry_run
    (status,) = (each for line, each in said.items() if line.startswith("quant status"))
    assert "my_trend by ibkr-service" in status
    assert "DUSBX000001" in list(said.values())[-1]
    assert not (ROOT / "packages" / "my_trend").exists()


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_runbook_begins_with_a_rehearsal(place: Place, name: str) -> None:
    page = (ROOT / "docs" / "runbooks" / f"{name}.md").read_text("utf-8")
    _, first, *_ = re.split(r"^## .*$", page, flags=re.MULTILINE)
    said = follow_all(place, first, {})
    assert said
    assert RUNBOOKS[name] in "".join(said.values())


def test_a_page_whose_command_fails_is_found(place: Place) -> None:
    with pytest.raises(AssertionError, match="profile 'nothing' is not known"):
        follow_all(place, "```sh\nquant prices check FILE --profile nothing\n```\n", {})
