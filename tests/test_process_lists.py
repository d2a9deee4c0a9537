"""Words of processes, which everybody on a machine can read, are no secrets: in no unit, container, manifest, page."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .test_compose import FILES
from .test_systemd import SERVICES, UNITS, unit

ROOT = Path(__file__).parents[1]
CANARY = "canary-4be1"
PLAIN = {
    "PORT": "8099",
    "POD_INDEX": "0",
    "POD_NAME": "redpanda-0",
    "PAPER_ACCOUNT": "PAPER-1",
    "PAPER_PRICES": "/p",
    "PAPER_VENUE_PORT": "9055",
    "VENUE_CASH": "1",
}
"""What may be a word; everything else that is named holds a canary here."""
NAME = re.compile(r"\$[({]?([A-Za-z_][A-Za-z0-9_]*)[)}]?")
GIVEN = re.compile(r"(?<!\$)\$[({]?([A-Z_][A-Z0-9_]*)")
STUB = '#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n'
MANIFESTS = sorted((ROOT / "deploy" / "k8s" / "rendered").glob("*.yaml"))
WORDS = ("command", "args", "entrypoint", "test")
READ = ("*.md", "*.sh", "*.py", "*.yaml", "*.yml", "*.service")
LOGIN = re.compile(r"""curl[^|\n]*(-H|--header|-u|--user)[ =]*["']?(Authorization|[^ "']+:\$)""")
"""A login as a word of curl; ``--config -`` takes it from a pipe."""


def environment() -> dict[str, str]:
    """Return an environment in which every setting of a unit that is not known to be plain is a canary."""
    named = {name for path in UNITS.glob("*.service") for name in NAME.findall(path.read_text())}
    secret = {"STORE_URL", "REPORT_STORE_URL", "NOTIFY_URLS", "TRACES_URL", *named} - PLAIN.keys()
    return PLAIN | dict.fromkeys(secret, f"postgresql://u:{CANARY}@h/d")


def started(line: str, folder: Path) -> str:
    """Start a line of a unit as systemd would, with programs that print their words; return these."""
    for name in ("curl", "program"):
        (folder / name).write_text(STUB)
        (folder / name).chmod(0o755)
    known = environment()
    line = re.sub(r"^/opt/\S+", str(folder / "program"), line).replace("%%", "%").replace('\\\\"', '\\"')
    shell = re.fullmatch(r"/bin/sh -c '(.*)'", line)
    words = ["sh", "-c", shell[1]] if shell else [NAME.sub(lambda at: known[at[1]], word) for word in shlex.split(line)]
    run = subprocess.run(
        words, env={**known, "PATH": f"{folder}:/usr/bin:/bin"}, capture_output=True, text=True, check=True, timeout=30
    )
    return run.stdout + " ".join(words)


@pytest.mark.parametrize("name", SERVICES)
def test_no_unit_starts_a_process_whose_words_hold_a_secret(name: str, tmp_path: Path) -> None:
    assert CANARY not in started(unit(name)["Service"]["ExecStart"], tmp_path)


def test_a_unit_that_did_is_found(tmp_path: Path) -> None:
    """As the watchdog's once was, and as a shell's would be."""
    assert CANARY in started("/opt/quant/bin/quant watchdog --store ${STORE_URL}", tmp_path)
    assert CANARY in started("/bin/sh -c 'exec curl \"$NOTIFY_URLS\"'", tmp_path)


def words_of(document: Any) -> Iterator[str]:
    """Yield what is a command anywhere in a document."""
    if isinstance(document, list):
        for each in document:
            yield from words_of(each)
    elif isinstance(document, dict):
        for name, value in document.items():
            if name in WORDS and isinstance(value, str | list):
                yield json.dumps(value)
            yield from words_of(value)


def test_no_command_of_a_container_has_a_secret_as_a_word() -> None:
    """Compose and Kubernetes would put a variable's value there; ``$$`` is for the shell in the container."""
    documents = {path.name: list(yaml.safe_load_all(path.read_text())) for path in MANIFESTS} | FILES
    commands = {name: list(words_of(document)) for name, document in documents.items()}
    assert all(commands.values())
    named = {(file, name) for file, found in commands.items() for words in found for name in GIVEN.findall(words)}
    assert {name for _, name in named} <= PLAIN.keys(), named


def test_no_line_to_be_typed_gives_a_login_as_a_word() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *READ], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    paths = [
        Path(name) for name in listed.split("\0") if name and "/tests/" not in name and not name.startswith("tests/")
    ]
    assert len(paths) > 500
    found = [str(path) for path in paths if (ROOT / path).is_file() and LOGIN.search((ROOT / path).read_text("utf-8"))]
    assert found == []
