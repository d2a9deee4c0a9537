"""What was seen of a broker's documents, made ready to be given away."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from quant_platform_kit.domain.redacting import Documents, redacted
from quant_platform_kit.services.record.seen import Seen

__all__ = ["Recorded", "recorded"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was kept, redacted.

    Attributes
    ----------
    exchanges
        What went over the wire; empty where that is not kept.
    differences
        In which ways the documents are other than believed, in words.
    """

    documents: Documents
    exchanges: Documents
    differences: tuple[str, ...]


def recorded(seen: Seen, listed: Collection[str], scale: int = 1) -> Recorded:
    """Return what was kept, redacted: the same value becomes the same one in documents and over the wire.

    Parameters
    ----------
    seen
        It has to keep documents from before the first one.
    listed
        Symbols of listed instruments, as the documents write them.
    scale
        What amounts and quantities are multiplied by, never prices.
    """
    tables = (*seen.tables.values(), *seen.wire.values())
    every = redacted(tables, [*seen.documents, *seen.exchanges], listed, scale)
    documents, exchanges = every[: len(seen.documents)], every[len(seen.documents) :]
    again = Seen(seen.tables.values())
    again.names = True
    for subject, document in documents:
        again.take(subject, document)
    return Recorded(documents, exchanges, tuple(sorted({each.text for each in again.differences})))
