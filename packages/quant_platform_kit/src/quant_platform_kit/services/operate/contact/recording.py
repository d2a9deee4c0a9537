"""What was seen of a broker's documents, made ready to be given away."""

from __future__ import annotations

from collections.abc import Collection

from quant_platform_kit.domain.redacting import Documents, redacted
from quant_platform_kit.services.record.seen import Seen

__all__ = ["recorded"]


def recorded(seen: Seen, listed: Collection[str], scale: int = 1) -> Documents:
    """Return the documents that were kept, redacted.

    Parameters
    ----------
    seen
        It has to keep documents from before the first one.
    listed
        Symbols of listed instruments, as the documents write them.
    scale
        What amounts and quantities are multiplied by, never prices.
    """
    return redacted(seen.tables.values(), seen.documents, listed, scale)
