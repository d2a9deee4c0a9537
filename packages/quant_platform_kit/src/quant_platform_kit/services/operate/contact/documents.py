"""What the broker's documents were other than believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from quant_platform_kit.services.operate.contact.result import Contact, Line, State

__all__ = ["Documents", "document_lines", "misread_of"]

SUBJECT = "documents"
COMPARE = "compare it with the broker's own pages, and report it: an update of the app may read it"


class Odd(Protocol):
    """One way in which documents are other than believed."""

    @property
    def text(self) -> str:
        """It, as a sentence without a stop."""
        ...

    @property
    def money(self) -> bool:
        """Whether an amount or a quantity depends on it."""
        ...


class Documents(Protocol):
    """Handed every document of a login by its adapter, and holds it against what is believed.

    Attributes
    ----------
    names
        Whether names are looked for too that nobody reads.
    """

    names: bool

    @property
    def differences(self) -> Sequence[Odd]:
        """Each difference once, in order of appearance."""
        ...

    @property
    def misread(self) -> Sequence[Odd]:
        """Those of them in fields that are read."""
        ...


def document_lines(documents: Documents | None) -> Iterator[Line]:
    """Yield one line for each difference in a field that is read, and one for all that is new; none if none is held."""
    if documents is None:
        return
    misread = list(documents.misread)
    for odd in misread:
        yield Line(SUBJECT, State.BLOCKS if odd.money else State.CAUTION, odd.text, COMPARE)
    if misread:
        return
    new = [odd.text for odd in documents.differences]
    said = f"; {'; '.join(new)}" if new else ""
    yield Line(SUBJECT, State.GOOD, f"every field that is read is as believed{said}")


def misread_of(contact: Contact) -> tuple[str, ...]:
    """Return in which ways a contact found documents other than believed, in fields that are read, in words."""
    return tuple(line.said for line in contact.lines if line.subject == SUBJECT and line.state is not State.GOOD)
