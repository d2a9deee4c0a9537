"""What tests have said of assumptions: create-only objects ``assumptions/<account>/<id>/<UTC time>.<verdict>``.

The newest mark of an assumption counts. Its key says all that a run needs: one listing, no reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from quant_platform_kit.domain.assumptions import assumed_of
from quant_platform_kit.domain.errors import Conflict, Damaged
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode, encode

__all__ = ["Mark", "Verdict", "keep_mark", "marks_of", "still_assumed", "verdicts"]

_ROOT = "assumptions"


class Verdict(Enum):
    """What came of an assumption where it was put to the test."""

    HELD = "held"
    REFUTED = "refuted"


@dataclass(frozen=True, slots=True)
class Mark:
    """What one test said of one assumption.

    Attributes
    ----------
    client
        The library it was tested with, as `Client.text`.
    at
        When, aware UTC.
    said
        What was seen.
    """

    identity: str
    verdict: Verdict
    client: str
    at: datetime
    said: str


def keep_mark(store: VersionedStore, account: str, mark: Mark) -> None:
    """Keep a mark, durable when it returns; the same one again changes nothing."""
    key = f"{_ROOT}/{account}/{mark.identity}/{mark.at:%Y-%m-%dT%H-%M-%S.%fZ}.{mark.verdict.value}"
    with suppress(Conflict):
        store.create(key, encode(mark, key))


def verdicts(store: VersionedStore, account: str) -> Mapping[str, Verdict]:
    """Return what the newest test said of each assumption that was tested on an account; one listing.

    Raises
    ------
    Damaged
        The name of an object there is no mark's.
    """
    found: dict[str, Verdict] = {}
    for key in sorted(store.keys(f"{_ROOT}/{account}/")):
        try:
            identity, name = key.split("/")[2:]
            found[identity] = Verdict(name.rpartition(".")[2])
        except ValueError:
            raise Damaged(f"object {key} is no mark of an assumption", "move it out of the store") from None
    return found


def still_assumed(platform: str, tested: Mapping[str, Verdict]) -> tuple[str, ...]:
    """Return the ids of what is assumed of a platform's broker and no test has borne out."""
    return tuple(each.identity for each in assumed_of(platform) if tested.get(each.identity) is not Verdict.HELD)


def marks_of(store: VersionedStore, account: str) -> list[Mark]:
    """Return the newest mark of each assumption that was tested on an account, by id."""
    newest = {key.split("/")[2]: key for key in sorted(store.keys(f"{_ROOT}/{account}/"))}
    found = {key: store.get(key) for key in newest.values()}
    return [decode(Mark, stored.data, key) for key, stored in found.items() if stored]
