"""Deliberate defects of restoring: a drill that does not catch each of them proves nothing."""

import os
from collections.abc import Callable
from typing import Any

from event_trading_app.venues.near_intents.execute.keys import CHANCE_BYTES, Key
from quant_platform_kit.cli import halt
from quant_platform_kit.services.operate import backup
from quant_platform_kit.services.operate.halting import Switched
from quant_platform_kit.services.operate.switches import Flags

__all__ = ["FAULTS", "IN_FUTURES", "IN_QUANT", "IN_SERVICES"]


def no_halt() -> None:
    """Restore a ledger and halt nothing: whoever starts on it trades before anybody has looked."""

    class Silent(Flags):
        def command(self, *_: Any, **__: Any) -> Any:
            return None

    def halts(store: Any) -> Flags:
        return Silent(store, "halts")

    def set_halt(operator: Any, scope: str, reason: str, *, on: bool) -> Switched:
        return Switched(scope, changed=False, entry=None)

    for module, name, defect in ((backup, "halts", halts), (halt, "set_halt", set_halt)):
        setattr(module, name, defect)


def chance_nonce() -> None:
    """Make nonces by chance: a command that is signed again has another answer."""
    key: Any = Key
    key.chance = lambda *_: os.urandom(CHANCE_BYTES)


IN_QUANT: dict[str, Callable[[], None]] = {"no-halt": no_halt}
"""Defects of the command."""
IN_SERVICES: dict[str, Callable[[], None]] = {"chance-nonce": chance_nonce}
"""Defects of the services of event-driven trading."""
IN_FUTURES = ("no-look-up",)
"""Defects of the services of tq-broker, as `chaos.tq.mutants` has them."""
FAULTS = {
    "no-halt": "while_blocked",
    "chance-nonce": "twice",
    "no-look-up": "twice",
}
"""What each defect has to show: a figure that is 0 without it."""
