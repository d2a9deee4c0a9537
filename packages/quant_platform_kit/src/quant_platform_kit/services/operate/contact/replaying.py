"""A capture read again, as the adapter that it was made with reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quant_platform_kit.domain.beliefs import Difference, Table
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.redacting import Documents
from quant_platform_kit.services.record.seen import Seen

__all__ = ["Reader", "Replayed", "replay"]

Reader = Callable[[Any], object]
"""Returns what a document says in the kit's terms; raises `BrokerError` for one that cannot be read."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the documents.

    Attributes
    ----------
    counts
        Documents by subject.
    unreadable
        Subject and why, of each that no mapper could read.
    strangers
        Subjects that the adapter does not know.
    """

    counts: Mapping[str, int]
    differences: Sequence[Difference]
    unreadable: Sequence[tuple[str, str]]
    strangers: Sequence[str]

    @property
    def texts(self) -> tuple[str, ...]:
        """The differences in words, each once, in the order of the alphabet."""
        return tuple(sorted({difference.text for difference in self.differences}))


def replay(documents: Documents, tables: Sequence[Table], readers: Mapping[str, Reader]) -> Replayed:
    """Hold documents against tables, and have each read."""
    seen, unreadable = Seen(tables), list[tuple[str, str]]()
    seen.keeps = True
    for subject, document in documents:
        if subject not in readers:
            continue
        seen.take(subject, document)
        try:
            readers[subject](document)
        except QuantError as error:
            unreadable.append((subject, str(error)))
    counts = Counter(subject for subject, _ in documents)
    strangers = sorted(subject for subject in counts if subject not in readers)
    return Replayed(counts, seen.differences, unreadable, strangers)
