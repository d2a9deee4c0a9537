"""Where the description of the platform is."""

from pathlib import Path

from quant_platform_kit.adapters.platforms import platform_file

__all__ = ["description"]


def description() -> Path:
    """Return the path of ``platform.toml``."""
    return platform_file(__file__)
