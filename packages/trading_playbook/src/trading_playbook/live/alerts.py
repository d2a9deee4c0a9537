"""What people are told of live sessions: what each means, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from trading_playbook.live.events import Happening

__all__ = ["ALERTS", "LINE", "WATCH", "Alert"]

WATCH = "watch"
"""What was found by the look from outside, not noted by a session."""
LINE = "live"
"""``event`` of the lines of the log that say so; ``what`` is the kind of alert."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A kind of alert.

    Attributes
    ----------
    is_urgent
        Whether Google Cloud tells of it too, and not only the service's own notices.
    """

    kind: str
    means: str
    does: str
    is_urgent: bool = False

    @property
    def name(self) -> str:
        """The name of its policy."""
        return f"PlaybookLive{self.kind.title().replace(' ', '')}"


ALERTS = (
    Alert(
        Happening.NOT_FLAT,
        "A session holds units, or an order of it is open, 3 minutes after it began to leave.",
        "Look at the account now; what cannot be sold here, sell at the broker, and the session sees it.",
        is_urgent=True,
    ),
    Alert(
        WATCH,
        "No session is under way while the exchange is open, nobody works on one, or one is not over after the close.",
        "See the service's log and `/version`, which name the fault; then look at the account.",
        is_urgent=True,
    ),
    Alert(
        Happening.STALE,
        "No bar came for 3 minutes; nothing is entered meanwhile.",
        "Look at keys, the plan's feed, or a second process on the data stream; the page names the last error.",
        is_urgent=True,
    ),
    Alert(
        Happening.BREAKER,
        "A breaker set a halt; nothing is entered, stop and exit still work.",
        "Read value and bound, repair the cause, `quant resume playbook ID.SYMBOL --reason TEXT`.",
        is_urgent=True,
    ),
    Alert(
        Happening.FINDING,
        "Something is on the account that the session did not make, or the account may not trade.",
        "Clear it at the broker; the session sells nothing of it.",
    ),
    Alert(
        Happening.MISSED,
        "A confirmed signal was not entered within 30 s, or fell into a time without bars.",
        "Nothing today; if it happens often, look at the log for what was slow.",
    ),
    Alert(
        Happening.REFUSED,
        "A confirmed signal was not entered, as the mode, a halt or a bound forbids it.",
        "Nothing, if that was meant; else lift what it names.",
    ),
)
