"""The brokers of the campaigns."""

from collections.abc import Mapping

from chaos.brokers.desk import Side
from chaos.brokers.ibkr import ibkr
from chaos.brokers.longbridge import longbridge
from chaos.brokers.paper import paper
from chaos.brokers.schwab import schwab

__all__ = ["BROKERS", "SDKS"]

BROKERS: Mapping[str, Side] = {
    "paper": Side(paper, 24),
    "ibkr": Side(ibkr, 12),
    "schwab": Side(schwab, 12),
    "longbridge": Side(longbridge, 12),
}
SDKS = ("ib_async", "schwab")
"""What the parent of workers imports before it forks."""
