"""A capture read again, as the adapter that it was made with reads it, and looked at like the account that it is of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quant_platform_kit.domain.beliefs import Difference, Kind, Table, values_of
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.redacting import Documents
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import StrategyManifest, TargetMode
from quant_platform_kit.services.operate.contact.reading import Asked
from quant_platform_kit.services.record.seen import Seen

__all__ = ["Reader", "Replayed", "asked_of", "replay", "symbols_of"]

SYMBOL = re.compile(r"[A-Z]{1,5}([./][A-Z]{1,2})?")
LISTED_AT = ".US"
"""What LongBridge writes behind a symbol."""
SESSIONS = 2
"""As many closes as a look at a history needs."""

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
    seen.names = True
    for subject, document in documents:
        if subject not in readers:
            continue
        seen.take(subject, document)
        try:
            readers[subject](document)
        except QuantError as error:
            unreadable.append((subject, str(error)))
        except Exception as error:  # noqa: BLE001 - a document that was never seen may break any mapper
            unreadable.append((subject, f"it cannot be read ({type(error).__name__}: {error!s:.200})"))
    counts = Counter(subject for subject, _ in documents)
    strangers = sorted(subject for subject in counts if subject not in readers)
    return Replayed(counts, seen.differences, unreadable, strangers)


def symbols_of(documents: Documents, tables: Sequence[Table]) -> tuple[str, ...]:
    """Return the symbols of listed instruments that documents tell of, ascending."""
    by_subject = {table.subject: table for table in tables}
    told = (
        str(value).removesuffix(LISTED_AT)
        for subject, document in documents
        if subject in by_subject
        for value in values_of(Kind.SYMBOL, by_subject[subject].root, document)
    )
    return tuple(sorted({symbol for symbol in told if SYMBOL.fullmatch(symbol)}))


def asked_of(platform: str, symbols: Sequence[str], calendar: ExchangeCalendar) -> Asked:
    """Return what a checklist is about that has no profile: symbols, as they are quoted and have a history."""
    manifest = StrategyManifest(
        profile="capture",
        display_name="Capture",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset(),
        managed=tuple(symbols),
        history_sessions=SESSIONS,
        sources=(),
    )
    return Asked(platform, manifest, calendar)
