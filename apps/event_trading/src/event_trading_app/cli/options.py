"""What commands have in common: the settings, and how they print."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.redaction import redact

from event_trading_app.settings import Settings, environment, read_settings

__all__ = ["AsJson", "Config", "columns", "print_json", "say", "settings_of"]

Config = Annotated[
    Path | None, typer.Option("--config", envvar="EVENT_TRADING_CONFIG", help="A YAML file with settings.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON documents.")]


def settings_of(config: Path | None) -> Settings:
    """Return the settings of a file and of the environment."""
    return read_settings(config, environment())


def say(text: str) -> None:
    """Print a line on standard output."""
    sys.stdout.write(f"{redact(text)}\n")
    sys.stdout.flush()


def print_json(document: object) -> None:
    """Print a document as one line of canonical JSON."""
    say(canonical_json(document).decode())


def columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns; the last one is as wide as it is."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head) - 1)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        say("  ".join([*cells, line[-1]]).rstrip())
