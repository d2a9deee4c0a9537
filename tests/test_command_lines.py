"""Every command line in README and docs: its program, its command and its options are there."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from event_trading_app.cli.main import with_all_commands as event_trading
from quant_platform_kit.cli.main import app as quant
from quant_release.cli.app import app as release
from snapshot_pipelines.cli.main import app as snapshots
from tq_broker_app.cli.main import with_all_commands as tq_broker
from typer.main import get_command

ROOT = Path(__file__).parents[1]
PAGES = sorted({*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")})
OURS = ("quant", "release", "snapshots", "event-trading", "tq-broker")
OTHERS = {
    "apt-get": "installs on the machine",
    "bash": "needs an account",
    "cp": "writes outside the checkout",
    "curl": "needs a service",
    "docker": "needs a daemon",
    "duckdb": "is no part of the installation",
    "gcloud": "needs an account",
    "install": "writes outside the checkout",
    "journalctl": "needs systemd",
    "kubectl": "needs a cluster",
    "make": "takes minutes, and is run by itself",
    "mkdocs": "is run by `make check`",
    "python": "takes minutes, or needs an account or a server",
    "scripts": "needs a daemon or servers",
    "systemctl": "needs systemd",
    "uv": "needs a registry",
    "useradd": "changes the machine",
}
"""Other programs, and why their lines are not run; of ours `test_command_lines_run` says."""
OF_THE_SHELL = ("cd", "export", ".", "set", "sh")
BLOCK = re.compile(r"^ *(?:\d+\. +)?```(?P<kind>sh|console|bash)\n(?P<text>.*?)^ *```", re.MULTILINE | re.DOTALL)
ASSIGNED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
ENDS = ("|", "&&", ";", ">", ">>", "<", "2>")


class Line(NamedTuple):
    """A command line of a page."""

    where: str
    words: tuple[str, ...]


def lines() -> Iterator[Line]:
    for page in PAGES:
        for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
            begun = page.read_text(encoding="utf-8")[: block.start()].count("\n") + 2
            text = re.sub(r"\\\n\s*", " ", block["text"])
            for number, line in enumerate(text.splitlines()):
                if words := command(line.strip(), is_console=block["kind"] == "console"):
                    yield Line(f"{page.relative_to(ROOT)}:{begun + number}", words)


def command(line: str, *, is_console: bool) -> tuple[str, ...]:
    """Return the words of the first command of a line; none for what a program printed, a comment or an assignment."""
    if is_console and not line.startswith("$ "):
        return ()
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    try:
        words = list(lexer)
    except ValueError:  # a quoted text that goes on in the next line
        words = line.removeprefix("$ ").split()
    while words and (ASSIGNED.match(words[0]) or words[0] in ("sudo", "-u")):
        del words[: 2 if words[0] == "-u" else 1]
    end = next((at for at, word in enumerate(words) if word in ENDS or word.startswith(("&", "|", ";"))), len(words))
    return tuple(words[:end])


FOUND = list(lines())


def program(line: Line) -> str:
    return line.words[0].removeprefix(".venv/bin/")


@cache
def app_of(name: str) -> Any:
    apps = {
        "quant": lambda: quant,
        "release": lambda: release,
        "snapshots": lambda: snapshots,
        "event-trading": event_trading,
        "tq-broker": tq_broker,
    }
    return apps[name]()


@cache
def tree(name: str) -> Any:
    return get_command(app_of(name))


def parsed(line: Line) -> None:
    """Read a line as its program would, to its end; a placeholder stands for what it says."""
    found, words = tree(program(line)), list(line.words[1:])
    while hasattr(found, "commands") and words and not words[0].startswith("-"):
        name = words.pop(0)
        assert name in found.commands, f"{line.where}: {program(line)} has no command {name!r}"
        found = found.commands[name]
    words = [re.sub(r"\.\.\.$", "", word) or word for word in words if not word.startswith("[")]
    context = found.make_context(found.name, [], resilient_parsing=True)
    context.resilient_parsing = False  # what is required was not asked for; what is unknown is
    try:
        found.make_parser(context).parse_args(words)
    except Exception as error:
        raise AssertionError(f"{line.where}: {shlex.join(line.words)}: {error}") from error


def test_pages_have_command_lines() -> None:
    assert len(FOUND) > 120
    assert Counter(map(program, FOUND))["quant"] > 40


@pytest.mark.parametrize("name", OURS)
def test_our_programs_take_every_line_of_the_pages(name: str) -> None:
    mine = [line for line in FOUND if program(line) == name]
    assert mine
    for line in mine:
        parsed(line)


def test_a_line_with_an_unknown_command_or_option_is_found() -> None:
    for words in (("quant", "nothing"), ("quant", "status", "--nothing"), ("release", "plan", "--no-such", "x")):
        with pytest.raises(AssertionError, match="here:1"):
            parsed(Line("here:1", words))


def test_scripts_modules_and_targets_are_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in FOUND:
        match program(line), line.words[1:]:
            case ("make", words):
                asked = [word for word in words if "=" not in word and not word.startswith("-")]
                assert set(asked) <= set(targets), line
            case ("python" | "python3", ("-m", module, *_)):
                os.environ.setdefault("PYTHONPATH", str(ROOT))
                assert find_spec(module.partition(".")[0]) or (ROOT / module.partition(".")[0]).is_dir(), line
            case ("python" | "python3", (script, *_)):
                assert (ROOT / script).is_file(), line
            case (name, _) if "/" in name:
                assert os.access(ROOT / name, os.X_OK), line


def test_every_other_line_is_marked_with_the_reason_why_it_is_not_run() -> None:
    left = [program(line).partition("/")[0] for line in FOUND if program(line) not in (*OURS, *OF_THE_SHELL)]
    assert set(left) == OTHERS.keys()
    marks = Counter(OTHERS[name] for name in left)
    assert marks.total() == len(left) <= 110, marks


def test_no_page_binds_an_account_or_a_service_to_a_profile() -> None:
    """Names in examples are invented; a block that names a service or an account leaves the profile open."""
    from us_equity_strategies.catalog import CATALOG

    bound = re.compile(rf"STRATEGY_PROFILE\W+({'|'.join(CATALOG)})\b")
    owner = re.compile(r"(CLOUD_RUN_SERVICE|[A-Z]+_ACCOUNT(_HASH)?|ACCOUNT_PREFIX)\W+[A-Za-z0-9]")
    for page in PAGES:
        for block in re.findall(r"```.*?```", page.read_text(encoding="utf-8"), re.DOTALL):
            assert not (bound.search(block) and owner.search(block)), f"{page.relative_to(ROOT)}: {block}"
