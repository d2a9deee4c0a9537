"""What differs between two environments, in lines that show no value which may be secret."""

from __future__ import annotations

from quant_release.bundle import Service
from quant_release.cloud.environment import Environment, changes, switched

__all__ = ["difference_lines"]


def difference_lines(before: Environment, after: Environment, says: Service | None = None) -> list[str]:
    """Return a line for each setting that differs, which begins with ``+``, ``-`` or ``~``.

    Parameters
    ----------
    says
        What a bundle says of the service, where ``after`` is what it wants: a value that it says is no secret.
    """
    said = {one.name for one in switched((), says, None)} if says else frozenset[str]()
    return [one.spoken if one.name in said else one.text for one in changes(before, after)]
