"""What the simulated broker promises and the adversary may do to it, per broker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits

__all__ = ["TRAIT_SETS", "Naming", "TraitSet"]


class Naming:
    """How an order is known again at the venue."""

    BY_ID = "by the client order id"
    BY_LOOKS = "by what it looks like"


@dataclass(frozen=True, slots=True)
class TraitSet:
    """A broker, as the services know it and as the venue behind it is.

    Attributes
    ----------
    traits
        As the app declares them, with the defaults of its settings.
    connections
        Whether a new login cuts the older ones off. Where it does not, no call sends anything after its timeout.
    recognises
        How long the venue knows an id again and makes no second order of it; zero: it makes one every time.
    naming
        How a look-up knows an order again.
    vanishes
        Whether an order that was acknowledged may never have been there, as was seen at this broker.
    """

    name: str
    traits: BrokerTraits
    connections: bool
    recognises: timedelta
    naming: str
    vanishes: bool = False

    @property
    def latest_arrival(self) -> timedelta:
        """How long after it left an order may arrive at the venue, also when its sender heard nothing."""
        return self.traits.timeout

    @property
    def latest_accept(self) -> timedelta:
        """How long after it left an order may be accepted and seen."""
        return self.traits.timeout + self.traits.visibility_window


NEVER, ALWAYS = timedelta(0), timedelta(days=30)
_SEEN, _TIMEOUT = timedelta(seconds=30), timedelta(seconds=20)

_SETS = (
    TraitSet(
        "paper",
        BrokerTraits(visibility_window=timedelta(seconds=2), timeout=timedelta(seconds=5)),
        connections=True,
        recognises=NEVER,
        naming=Naming.BY_ID,
    ),
    TraitSet(
        "ibkr",
        BrokerTraits(AfterSilence.RESEND, _SEEN, _TIMEOUT),
        connections=True,
        recognises=NEVER,
        naming=Naming.BY_ID,
    ),
    TraitSet(
        "schwab",
        BrokerTraits(AfterSilence.BLOCK, _SEEN, _TIMEOUT, records_sends=True),
        connections=False,
        recognises=NEVER,
        naming=Naming.BY_LOOKS,
        vanishes=True,
    ),
    TraitSet(
        "longbridge",
        BrokerTraits(AfterSilence.RESEND_SOON, _SEEN, _TIMEOUT, timedelta(minutes=10), records_sends=True),
        connections=False,
        recognises=timedelta(minutes=10),
        naming=Naming.BY_ID,
    ),
    TraitSet(
        "longport",
        BrokerTraits(AfterSilence.BLOCK, _SEEN, _TIMEOUT, timedelta(minutes=10), records_sends=True),
        connections=False,
        recognises=NEVER,
        naming=Naming.BY_ID,
    ),
    TraitSet(
        "alpaca",
        BrokerTraits(AfterSilence.RESEND, _SEEN, _TIMEOUT, records_sends=True, stop_orders=True),
        connections=False,
        recognises=ALWAYS,
        naming=Naming.BY_ID,
    ),
)

TRAIT_SETS = {each.name: each for each in _SETS}
"""Every set by its name."""
