"""The errors of the kit.

QuantError                  anything this package raises on purpose
├── InvalidInput            an input is wrong; the message names it, its value, the bound and what to do
│   └── UnknownSession      a date is not a session of the exchange, or lies outside its calendar table
├── Refused                 the input is right, but the recorded state forbids it
├── StoreError              the store could not answer
│   └── Conflict            a precondition failed: the object exists already or has another generation
└── BrokerError             the broker could not answer; what it did is unknown
    └── OrderRejected       the broker answered: it will not take this order
"""

__all__ = [
    "BrokerError",
    "Conflict",
    "InvalidInput",
    "OrderRejected",
    "QuantError",
    "Refused",
    "StoreError",
    "UnknownSession",
]


class QuantError(Exception):
    """Root of the tree above. Its message is one line, fit to be shown to the user."""


class InvalidInput(QuantError):
    """An input is wrong. Nothing was changed."""


class UnknownSession(InvalidInput):
    """A date is not a session of the exchange, or lies outside its calendar table."""


class Refused(QuantError):
    """The recorded state forbids what was asked. Nothing was changed."""


class StoreError(QuantError):
    """The store could not answer."""


class Conflict(StoreError):
    """A precondition failed: the object exists already, or has another generation."""


class BrokerError(QuantError):
    """The broker could not answer; what it did with the order is unknown."""


class OrderRejected(BrokerError):
    """The broker answered: it will not take this order."""
