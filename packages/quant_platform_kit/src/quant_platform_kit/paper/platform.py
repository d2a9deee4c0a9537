"""Where the description of the paper platform is."""

from pathlib import Path

__all__ = ["description"]


def description() -> Path:
    """Return the path of the paper platform's ``platform.toml``."""
    return Path(__file__).with_name("platform.toml")
