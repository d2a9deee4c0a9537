"""pyarrow, which is loaded when a file needs it: it is an extra, and ships no types."""

from importlib import import_module
from typing import Any

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["arrow_module"]


def arrow_module(name: str, task: str) -> Any:
    """Return a module of pyarrow.

    Parameters
    ----------
    task
        What needs it, such as ``reading price files``.

    Raises
    ------
    InvalidInput
        It is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise InvalidInput(f"{task} needs pyarrow: install quant-platform-kit[data]") from None
