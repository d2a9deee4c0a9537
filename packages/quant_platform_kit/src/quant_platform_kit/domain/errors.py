"""The errors of the kit.

QuantError                  anything this package raises on purpose
├── InvalidInput            an input is wrong; the message names it, its value, the bound and what to do
│   └── UnknownSession      a date is not a session of the exchange, or lies outside its calendar table
├── Refused                 the input is right, but the recorded state forbids it
├── InProgress              another worker is on the account; ask again later
├── LeaseLost               this worker may no longer act on the account
├── Interrupted             this process was told to stop; the run stays open, and the next worker finishes it
├── NotifyError             a notification could not be delivered
├── StoreError              the store could not answer
│   ├── Damaged             a recorded object is missing, or was changed after it was written
│   └── Conflict            a precondition failed: the object exists already or has another generation
└── BrokerError             the broker could not answer; what it did is unknown
    ├── Superseded          a newer login took the account's connection
    ├── NeedsLogin          it takes the login no more, until a person has made another
    ├── NeedsOperator       what became of an order cannot be told without a person
    └── OrderRejected       the broker answered: it will not take this order
"""

from datetime import timedelta

from quant_platform_kit.domain.redaction import redact

__all__ = [
    "BrokerError",
    "Conflict",
    "Damaged",
    "InProgress",
    "Interrupted",
    "InvalidInput",
    "LeaseLost",
    "NeedsLogin",
    "NeedsOperator",
    "NotifyError",
    "OrderRejected",
    "QuantError",
    "Refused",
    "StoreError",
    "Superseded",
    "UnknownSession",
]


class QuantError(Exception):
    """Root of the tree above. Its message is one line, fit to be shown to the user, without any secret."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class InvalidInput(QuantError):
    """An input is wrong. Nothing was changed."""


class UnknownSession(InvalidInput):
    """A date is not a session of the exchange, or lies outside its calendar table."""


class Refused(QuantError):
    """The recorded state forbids what was asked. Nothing was changed."""


class InProgress(QuantError):
    """Another worker is on the account; ask again after ``retry_after``."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(f"{message}; ask again in {max(1, round(retry_after.total_seconds()))} s")
        self.retry_after = retry_after


class LeaseLost(QuantError):
    """The worker may no longer act on the account; another one recovers what it left."""


class Interrupted(QuantError):
    """The process was told to stop. The run stays open; the next worker finishes it."""


class NotifyError(QuantError):
    """A notification could not be delivered."""


class StoreError(QuantError):
    """The store could not answer."""


class Damaged(StoreError):
    """A recorded object is missing, or was changed after it was written; nothing is sent until a person saw to it."""

    def __init__(self, what: str, todo: str = "restore it from a backup") -> None:
        super().__init__(f"{what}; {todo}")


class Conflict(StoreError):
    """A precondition failed: the object exists already, or has another generation."""


class BrokerError(QuantError):
    """The broker could not answer; what it did with the order is unknown."""


class Superseded(BrokerError):
    """A newer login took the account's connection: nothing sent over the old one has any effect."""


class NeedsLogin(BrokerError):
    """The broker takes the login no more: a person has to make another, and the message says how."""


class NeedsOperator(BrokerError):
    """What became of an order cannot be told without a person; the message says what the broker shows."""


class OrderRejected(BrokerError):
    """The broker answered: it will not take this order."""
