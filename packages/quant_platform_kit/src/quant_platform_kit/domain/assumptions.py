"""What is assumed of brokers, each with an id and with what can settle it; ``docs/assumptions.md`` lists the same."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["ASSUMPTIONS", "Assumption", "SettledBy", "assumed_of"]


class SettledBy(Enum):
    """What can settle an assumption on an account."""

    CONTACT = "contact"
    ORDER_TEST = "order test"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Assumption:
    """One claim about brokers.

    Attributes
    ----------
    identity
        Its name in the store and in the docs.
    brokers
        The platforms that it is assumed of.
    claim
        What is taken to be so, in one sentence.
    """

    identity: str
    brokers: tuple[str, ...]
    claim: str
    settled_by: SettledBy

    @property
    def line(self) -> str:
        """The line of the docs."""
        return f"- `{self.identity}` ({', '.join(self.brokers)}; {self.settled_by.value}): {self.claim}"


_EVERY = ("ibkr", "longbridge", "schwab", "alpaca")
_CONTACT, _ORDER_TEST, _NEVER = SettledBy.CONTACT, SettledBy.ORDER_TEST, SettledBy.NEVER

ASSUMPTIONS = (
    Assumption("shown-in-window", _EVERY, "An order is shown before its visibility window is over.", _ORDER_TEST),
    Assumption("found-after-login", _EVERY, "A new login finds an order by our reference.", _ORDER_TEST),
    Assumption("cancel-ends", _EVERY, "A resting order that is cancelled comes to its end.", _ORDER_TEST),
    Assumption(
        "reference-once", ("ibkr", "alpaca"), "An order id is used once; a second order is refused.", _ORDER_TEST
    ),
    Assumption(
        "request-returns-first",
        ("longbridge",),
        "A request id that is sent again returns the first order, for ten minutes.",
        _ORDER_TEST,
    ),
    Assumption(
        "id-taken-for-the-session",
        ("alpaca",),
        "A client order id stays taken for the session at least, also by an order that has ended.",
        _NEVER,
    ),
    Assumption(
        "requests-a-minute", ("alpaca",), "It takes 200 requests a minute about trading, and 200 about prices.", _NEVER
    ),
    Assumption("clock-near", ("schwab",), "Its clock and the service's are less than a minute apart.", _CONTACT),
    Assumption("orders-of-60-days", ("schwab",), "Its list shows every order of the last 60 days.", _NEVER),
    Assumption("401-has-no-effect", ("schwab",), "What is answered with 401 was not done.", _NEVER),
    Assumption("calls-a-minute", ("schwab",), "It takes 120 orders and 120 questions a minute.", _NEVER),
    Assumption(
        "calls-in-30-seconds",
        ("longbridge",),
        "It takes 30 calls about orders and the account in 30 seconds, and 10 about prices in one.",
        _NEVER,
    ),
    Assumption("cost-once-done", ("longbridge",), "What an order cost is known once it is done.", _NEVER),
    Assumption("executions-of-today", ("ibkr",), "Executions are shown for the current day.", _NEVER),
    Assumption(
        "quotes-and-histories",
        ("ibkr",),
        "A login has 100 subscriptions to quotes; 50 histories may be asked for side by side.",
        _NEVER,
    ),
    Assumption("prices-adjusted", _EVERY, "Prices are adjusted as the platform's description says.", _CONTACT),
)


def assumed_of(platform: str) -> list[Assumption]:
    """Return what is assumed of a platform's broker."""
    return [each for each in ASSUMPTIONS if platform in each.brokers]
