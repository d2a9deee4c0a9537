"""What subscriptions share: an account that has to be there, and an end that has to have a begin."""

from __future__ import annotations

from typing import Any

from venue_sandbox.exchange.accounts import Account
from venue_sandbox.venues.tws.session import Session

__all__ = ["ended", "known_account"]

NOT_SUBSCRIBED = (300, "Can't find EId with ticker Id:{}")
INVALID_ACCOUNT = (321, "Error validating request.-'bN' : cause - Invalid account code '{}'")
UNKNOWN_ACCOUNT = (322, "Error processing request.-'bN' : cause - Invalid account code '{}'")
"""What a request with an id is answered: clients take 321 for a warning, and go on waiting."""


def known_account(session: Session, request: int, account_id: str) -> Account | None:
    """Return an account; None, and an error about the request, if there is none of that name."""
    account = session.exchange.book.accounts.get(account_id)
    if account is None:
        code, text = INVALID_ACCOUNT if request < 0 else UNKNOWN_ACCOUNT
        session.error(request, code, text.format(account_id))
    return account


def ended(session: Session, request: int, subscriptions: dict[int, Any]) -> None:
    """End a subscription; an error about the request if there is none."""
    if request in subscriptions:
        del subscriptions[request]
    else:
        session.error(request, NOT_SUBSCRIBED[0], NOT_SUBSCRIBED[1].format(request))
