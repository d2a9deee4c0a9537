"""What may be done about an order that was sent and never answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

__all__ = ["AfterSilence", "BrokerTraits", "may_resend"]


class AfterSilence(Enum):
    """What a broker allows when, after its visibility window, it does not know an order that was sent."""

    RESEND = "resend the same id with the same parameters"
    RESEND_SOON = "resend the same id within the broker's replay window, else block"
    BLOCK = "never resend: block with the candidates"
    RESEND_SAME_DAY = "resend on the same trading day only"

    @property
    def absence_proves(self) -> bool:
        """Whether an order that the broker does not know after the visibility window was never accepted."""
        return self in (AfterSilence.RESEND, AfterSilence.RESEND_SAME_DAY)


@dataclass(frozen=True, slots=True)
class BrokerTraits:
    """How a broker behaves around silence.

    Attributes
    ----------
    visibility_window
        How long an order may take to appear after it was sent: before that, "not found" proves nothing.
    timeout
        Hard limit of every call to the broker.
    replay_window
        For `AfterSilence.RESEND_SOON`: how long after the first send the broker recognises the id.
    records_sends
        Whether the adapter records each order once, before it leaves, and so can tell that one never left.
    stop_orders
        Whether it takes orders with a ``stop_price``; elsewhere these are refused before anything is recorded.
    """

    after_silence: AfterSilence = AfterSilence.RESEND
    visibility_window: timedelta = timedelta(seconds=30)
    timeout: timedelta = timedelta(seconds=20)
    replay_window: timedelta = timedelta(minutes=10)
    records_sends: bool = False
    stop_orders: bool = False


def may_resend(traits: BrokerTraits, first_sent: datetime, now: datetime, *, same_session: bool) -> bool:
    """Whether an order that the broker does not know after the visibility window may be sent again.

    Parameters
    ----------
    first_sent
        When it was sent for the first time, aware UTC.
    same_session
        Whether the present session is the one the order was made for; an order of an earlier one is never sent.
    """
    if not same_session:
        return False
    return {
        AfterSilence.RESEND: True,
        AfterSilence.RESEND_SAME_DAY: True,
        AfterSilence.RESEND_SOON: now - first_sent < traits.replay_window,
        AfterSilence.BLOCK: False,
    }[traits.after_silence]
