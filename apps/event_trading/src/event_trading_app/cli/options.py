"""What commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from event_trading_app.settings import Settings, environment, read_settings

__all__ = ["AsJson", "Config", "settings_of"]

Config = Annotated[
    Path | None, typer.Option("--config", envvar="EVENT_TRADING_CONFIG", help="A YAML file with settings.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON documents.")]


def settings_of(config: Path | None) -> Settings:
    """Return the settings of a file and of the environment."""
    return read_settings(config, environment())
