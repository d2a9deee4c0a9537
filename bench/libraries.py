"""The client libraries that benchmarks compare with, each with the stand of its broker."""

from venue_sandbox.stands.registry import STANDS
from venue_sandbox.stands.stand import Stand, Subject

__all__ = ["of_library"]


def of_library(name: str) -> tuple[type[Stand], Subject]:
    """Return the stand of a broker, and one of its libraries: by the name of the broker for the first of them."""
    if name in STANDS:
        return STANDS[name], STANDS[name].libraries()[0]
    return next((kind, one) for kind in STANDS.values() for one in kind.subjects if one.library == name)
