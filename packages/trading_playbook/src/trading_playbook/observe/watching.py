"""Telling people of figures that are above their bounds, once an episode."""

from __future__ import annotations

from quant_platform_kit.ports.notifier import Notification, Severity
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.observe.notifying import Delivery, Notices

from trading_playbook.attempts import slug
from trading_playbook.observe.bounds import BOUNDS, Bound, exceeded
from trading_playbook.observe.episodes import Episodes
from trading_playbook.observe.readings import Readings

__all__ = ["check", "findings"]


def findings(readings: Readings) -> list[str]:
    """Return what is wrong, in sentences; nothing where all is well."""
    return [f"{readings.symbol}: {bound.text(value)}" for bound, value in exceeded(readings)]


def check(readings: Readings, store: VersionedStore, notices: Notices) -> list[Delivery]:
    """Tell of each bound that is exceeded, once an episode, and return what became of the messages.

    An episode whose bound cannot be judged goes on.

    Raises
    ------
    StoreError
        The store of episodes does not answer.
    """
    episodes, above = Episodes(store, readings.symbol), dict(exceeded(readings))
    for bound in BOUNDS:
        if bound not in above and bound.is_judged(readings):
            episodes.close(bound.name, bound.value(readings))
    told = (notices.deliver(_notice(bound, value, readings, episodes)) for bound, value in above.items())
    return [delivery for delivery in told if delivery is not None]


def _notice(bound: Bound, value: float, readings: Readings, episodes: Episodes) -> Notification:
    episode = episodes.open(bound.name, value)
    text = f"{readings.symbol}: {bound.text(value)}"
    title = f"trading playbook, {readings.symbol}: {bound.name}"
    return Notification(f"playbook/{slug(readings.symbol)}/{episode}", Severity.FAILURE, title, text)
