"""What was seen of a broker's documents, made ready to be given away."""

from __future__ import annotations

from collections.abc import Collection

from quant_platform_kit.domain.redacting import Documents, redacted
from quant_platform_kit.services.record.seen import Seen

__all__ = ["recorded"]


def recorded(seen: Seen, listed: Collection[str], scale: int = 1) -> tuple[Documents, tuple[str, ...]]:
    """Return the documents that were kept, redacted, and in which ways these are other than believed.

    Parameters
    ----------
    seen
        It has to keep documents from before the first one.
    listed
        Symbols of listed instruments, as the documents write them.
    scale
        What amounts and quantities are multiplied by, never prices.
    """
    documents, again = redacted(seen.tables.values(), seen.documents, listed, scale), Seen(seen.tables.values())
    again.keeps = True
    for subject, document in documents:
        again.take(subject, document)
    return documents, tuple(sorted({each.text for each in again.differences}))
