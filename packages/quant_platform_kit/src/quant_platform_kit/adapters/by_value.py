"""A rule as bytes that other processes can load, and what its answers depend on beside its configuration."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["code_digest", "pickled"]

KIT = Path(__file__).parents[1]
DECIDING = ("domain", "services")
"""Rooms of the kit that decide, trade and count."""


def pickled(rule: object) -> bytes:
    """Return a strategy, or what else answers, as bytes; one out of a file or a notebook goes with its code.

    Raises
    ------
    InvalidInput
        It cannot be carried to another process, or the extra is not installed.
    """
    try:
        cloudpickle: Any = import_module("cloudpickle")
    except ImportError:
        raise InvalidInput("a sweep needs cloudpickle: install quant-platform-kit[sweep]") from None
    module = sys.modules[type(rule).__module__]
    own = "." not in module.__name__ and module.__name__ != "__main__"  # which goes by value as it is
    try:
        if own:
            cloudpickle.register_pickle_by_value(module)
        return cloudpickle.dumps(rule)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise InvalidInput(f"{type(rule).__name__} cannot go to other processes: {what}") from error
    finally:
        if own:
            cloudpickle.unregister_pickle_by_value(module)


def code_digest(rule: object) -> str:
    """Return the SHA-256 of the code that answers: of the rule's file or package, and of the kit's own rules.

    Of one that is in no file, such as one of a notebook, it is that of its pickled form.
    """
    file = getattr(sys.modules[type(rule).__module__], "__file__", None)
    sources = [path for room in DECIDING for path in (KIT / room).rglob("*.py")]
    if file is None:
        own = pickled(rule)
    else:
        package = Path(file).parent
        own = Path(file).read_bytes()
        sources += package.rglob("*.py") if (package / "__init__.py").is_file() else []
    return sha256(b"\0".join([own, *(path.read_bytes() for path in sorted(sources))]))
