"""What the services ask of a broker."""

from typing import Protocol

from quant_platform_kit.domain.orders import ExecutionReport, Order
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.silence import BrokerTraits

__all__ = ["Broker"]


class Broker(Protocol):
    """One account at one broker.

    Before writing an adapter, subclass `quant_platform_kit.testing.broker_contract.BrokerContract` for it: the
    numbered cases there say what each method owes. Every call ends within ``traits.timeout``; one that got no answer
    raises `BrokerError`, one over a connection that a newer login replaced raises `Superseded`.
    """

    @property
    def account_id(self) -> str:
        """The account id the broker itself reports."""
        ...

    @property
    def traits(self) -> BrokerTraits:
        """Timeouts, and what may be done after silence."""
        ...

    def connect(self) -> None:
        """Log in anew; once this returns, no older connection to the account has any effect."""
        ...

    def account(self) -> AccountState:
        """Return cash and positions as of now."""
        ...

    def submit(self, order: Order) -> ExecutionReport:
        """Send an order once.

        Raises
        ------
        OrderRejected
            The broker refused; nothing was or will be traded.
        NeedsOperator
            The broker answered, and what it did cannot be told without a person.
        BrokerError
            No answer: the order may or may not exist. Ask with `find`, never send blindly again.
        """
        ...

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return what the broker knows of an order, None if it knows nothing of it.

        Raises
        ------
        NeedsOperator
            It shows several orders that could be this one; the message lists them.
        """
        ...

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Ask to cancel a working order, and return where it stands now; fills that came first count."""
        ...

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return every working order of the account, whoever sent it."""
        ...

    def may_have_left(self, client_order_id: str) -> bool:
        """Whether an order may be on its way; False only if ``submit`` would now send it for the first time.

        Asked only where ``traits.records_sends`` says that the adapter records each order before it leaves.
        """
        ...
