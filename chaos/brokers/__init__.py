"""The brokers of the campaigns: every stand, with a plan of its own or the common one."""

from collections.abc import Mapping

from venue_sandbox.stands.registry import STANDS

from chaos.brokers.ibkr import IBKR
from chaos.brokers.longbridge import LONGBRIDGE
from chaos.brokers.paper import PAPER
from chaos.brokers.plan import Plan
from chaos.brokers.schwab import SCHWAB

__all__ = ["BROKERS", "LOADED"]

PLANS: Mapping[str, Plan] = {"ibkr": IBKR, "longbridge": LONGBRIDGE, "paper": PAPER, "schwab": SCHWAB}
BROKERS: Mapping[str, Plan] = {name: PLANS.get(name, Plan(stand)) for name, stand in STANDS.items()}
LOADED = (*(f"{stand.app}.compose" for stand in STANDS.values()), "ib_async", "schwab")
"""What the parent of workers imports before it forks; LongBridge's libraries run in processes of their own."""
