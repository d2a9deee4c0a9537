"""Where the description of the platform is."""

from pathlib import Path

__all__ = ["description"]


def description() -> Path:
    """Return the path of ``platform.toml``: in the package where it is installed, beside ``src`` in a checkout."""
    inside = Path(__file__).with_name("platform.toml")
    return inside if inside.exists() else Path(__file__).parents[2] / "platform.toml"
