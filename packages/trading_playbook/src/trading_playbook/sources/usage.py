"""What a source asked of others, for whoever records an attempt."""

from dataclasses import dataclass

__all__ = ["Usage"]


@dataclass(slots=True)
class Usage:
    """Counts that grow while a source is used.

    Attributes
    ----------
    calls
        Requests to the source's server, those tried again included.
    seconds
        How long their answers took together.
    retries
        How many of the calls were made because the one before failed.
    hits, misses
        Look-ups that the cache could answer, and that it could not.
    """

    calls: int = 0
    seconds: float = 0.0
    retries: int = 0
    hits: int = 0
    misses: int = 0
