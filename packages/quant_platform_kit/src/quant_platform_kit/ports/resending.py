"""What an order test asks of a broker beside trading: one reference twice, and an end of all that works."""

from typing import Protocol, runtime_checkable

from quant_platform_kit.domain.orders import Order

__all__ = ["Resending"]


@runtime_checkable
class Resending(Protocol):
    """A broker that is said to refuse or return an order whose reference it has had.

    A run never comes here: its orders go through `Broker.submit`, which asks before it sends anything again.
    """

    def send_again(self, order: Order) -> None:
        """Send an order that was sent before, under the same reference, without asking for it.

        Raises
        ------
        OrderRejected
            The broker refused it.
        BrokerError
            No answer.
        """
        ...

    def cancel_every(self, symbol: str) -> int:
        """Cancel every working order of a symbol, each by the broker's own number; return how many there were."""
        ...
