"""What the services ask of a broker."""

from typing import Protocol

from quant_platform_kit.domain.orders import ExecutionReport, Order
from quant_platform_kit.domain.portfolio import AccountState

__all__ = ["Broker"]


class Broker(Protocol):
    """One account at one broker.

    Before writing an adapter, subclass `quant_platform_kit.testing.broker_contract.BrokerContract` for it: the
    numbered cases there say what each method owes.
    """

    @property
    def account_id(self) -> str:
        """The account id the broker itself reports."""
        ...

    def account(self) -> AccountState:
        """Return cash and positions as of now; raises `BrokerError` when the broker cannot answer."""
        ...

    def submit(self, order: Order) -> ExecutionReport:
        """Send an order once.

        Raises
        ------
        OrderRejected
            The broker refused; nothing was or will be traded.
        BrokerError
            No answer: the order may or may not exist. Ask with `find`, never send blindly again.
        """
        ...

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return what the broker knows of an order, None if it knows nothing of it."""
        ...
