"""The shared library of the trading platform.

Rooms: `domain` (pure rules), `ports` (protocols), `services` (orchestration), `adapters` (I/O), `cli` (the `quant`
command) and `testing` (paper broker and contract suites). For notebooks there are `backtest`, `sweep` and
`load_prices`, which are imported when they are first asked for: importing one room never pays for another.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quant_platform_kit.notebook import Backtest, Sweep, backtest, load_prices, sweep

__all__ = ["Backtest", "Sweep", "backtest", "load_prices", "sweep"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("quant_platform_kit.notebook"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
