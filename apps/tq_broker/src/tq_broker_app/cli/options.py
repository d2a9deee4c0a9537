"""What commands have in common: the settings, and how a text is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tq_broker_app.settings import Settings, environment, read_settings

__all__ = ["DEFAULT_CONFIG", "AsJson", "Config", "settings_of", "words"]

DEFAULT_CONFIG = Path("/etc/tq-broker/config.yaml")

Config = Annotated[
    Path,
    typer.Option("--config", envvar="TQ_BROKER_CONFIG", help="The settings.", show_default=True),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document a line.")]


def settings_of(config: Path) -> Settings:
    """Return the settings of a file and of the environment."""
    return read_settings(config, environment())


def words(text: str) -> str:
    """Read a text that says something, on one line."""
    if not (said := " ".join(text.split())):
        raise typer.BadParameter("it is empty; say in a few words what it is about")
    return said
