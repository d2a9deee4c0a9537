"""What came of a contact with an account: create-only objects ``contacts/<account>/<UTC time>``.

A contact reads and never sends. What a broker cannot tell is "not told", never "good".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic import TypeAdapter

from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.errors import Conflict, Refused
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode, encode

__all__ = ["CONTACTS", "Contact", "Line", "State", "contact_key", "contacts_of", "keep_contact", "last_contact"]

CONTACTS = "contacts/"
"""Below it are the contacts, by account."""


class State(Enum):
    """What a line says of its subject; only BLOCKS keeps an account from being traded."""

    GOOD = "good"
    NOT_TOLD = "not told"
    CAUTION = "caution"
    BLOCKS = "blocks"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the checklist.

    Attributes
    ----------
    subject
        What it is about; a symbol's lines have it in front, as in ``SPY quote``.
    said
        What was found, and why that is good or not.
    todo
        What the user should do; empty where there is nothing to do.
    figures
        Numbers that the sentence rests on, by name, as text.
    """

    subject: str
    state: State
    said: str
    todo: str = ""
    figures: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Contact:
    """What was seen of one account at one broker.

    Attributes
    ----------
    library, version
        The client library's distribution and its installed version; empty where the platform needs none.
    made
        When, aware UTC, by this machine's clock.
    login
        A name for the login that is no secret; empty where there is none.
    calls
        Requests to the broker, those of the login apart.
    """

    account: str
    platform: str
    library: str
    version: str
    made: datetime
    login: str
    lines: tuple[Line, ...]
    calls: int

    @property
    def blocks(self) -> bool:
        """Whether a line blocks."""
        return any(line.state is State.BLOCKS for line in self.lines)

    def document(self) -> dict[str, Any]:
        """Return the contact out of JSON's own types."""
        return plain(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Contact:
        """Return the contact of a document; raises pydantic's ``ValidationError`` for what is none."""
        return TypeAdapter(Contact).validate_python(document)


def contact_key(account: str, made: datetime) -> str:
    """Return where a contact is kept."""
    return f"{CONTACTS}{account}/{made:%Y-%m-%dT%H-%M-%S.%fZ}"


def keep_contact(store: VersionedStore, contact: Contact) -> str:
    """Keep a contact, durable when it returns; return its key.

    Raises
    ------
    Refused
        A contact of the same instant is there.
    """
    key = contact_key(contact.account, contact.made)
    try:
        store.create(key, encode(contact, key))
    except Conflict as error:
        raise Refused(f"a contact of {contact.account} at {contact.made.isoformat()} is kept already") from error
    return key


def contacts_of(store: VersionedStore, account: str) -> Iterator[Contact]:
    """Yield the contacts of an account, the newest first; raises `Damaged` for one that was changed."""
    for key in reversed(store.keys(f"{CONTACTS}{account}/")):
        if (stored := store.get(key)) is not None:
            yield decode(Contact, stored.data, key)


def last_contact(store: VersionedStore, account: str) -> Contact | None:
    """Return the newest contact of an account, None if there was none."""
    return next(contacts_of(store, account), None)
