"""tq_account_monitor: tells the account's amounts when they change, at the start, and every minute."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tq_broker_app.bus.ports import Queue
from tq_broker_app.messages import AccountUpdate
from tq_broker_app.roles.changes import Bell
from tq_broker_app.roles.parts import Parts
from tq_broker_app.roles.position_monitor import EVERY_SECONDS
from tq_broker_app.tq.reading import AccountFigures, View
from tq_broker_app.tq.session import TqSession

__all__ = ["AccountMonitor"]


@dataclass(slots=True)
class AccountMonitor:
    """Watches the amounts of one account."""

    parts: Parts
    session: TqSession
    _told: AccountFigures | None = None

    async def run(self) -> None:
        """Tell the amounts, then every change, until the login is over."""
        bell, changed = Bell(self.session), False
        while True:
            figures = await self.session.ask(View.figures)
            if figures != self._told or not changed:
                update = AccountUpdate(
                    timestamp=self.parts.clock.now(), portfolio_id=self.parts.portfolio, **asdict(figures)
                )
                await self.parts.publish(Queue.ACCOUNT, update)
                self._told = figures
            changed = await bell.wait(EVERY_SECONDS)
