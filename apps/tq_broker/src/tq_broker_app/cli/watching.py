"""One look at a deployment: services, queues, orders, Redis, calendar."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import InvalidInput, NotifyError, QuantError
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.notifier import Notifier
from quant_platform_kit.services.observe.notifying import Delivery, Notices

from tq_broker_app.bus.letters import count_letters
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.cache.asking import ask_cache
from tq_broker_app.cli.history import history_unknown
from tq_broker_app.operations.alerts import Finding, Kind, findings, notification
from tq_broker_app.operations.looking import Look, look_at_all
from tq_broker_app.running import calendar_of
from tq_broker_app.settings import Settings

__all__ = ["Messenger", "Seen", "look"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look has shown, at an instant (aware UTC)."""

    at: datetime
    looks: Sequence[Look]
    found: Sequence[Finding]

    @property
    def document(self) -> dict[str, Any]:
        """The same for machines."""
        services = {
            each.role.value: {"phase": each.phase, **each.details, "figures": dict(each.figures)} for each in self.looks
        }
        told = [{"kind": each.kind, "name": each.name, "text": each.text} for each in self.found]
        return {"at": self.at, "quiet": not self.found, "findings": told, "services": services}


async def look(settings: Settings, clock: Clock) -> Seen:
    """Look at everything, side by side; what does not answer is a finding too."""
    bus = RabbitBus(settings.rabbitmq, settings.tq.portfolio_id, clock)
    blind: list[Finding] = []
    redis = settings.redis
    looks, letters, unknown, _ = await asyncio.gather(
        look_at_all(settings.operations),
        _or_blind(blind, "rabbitmq", lambda: count_letters(bus), 0),
        _or_blind(blind, "database", lambda: asyncio.to_thread(history_unknown, settings), dict[str, str]()),
        _or_blind(
            blind, "redis", lambda: ask_cache(redis.host, redis.port, redis.db, redis.password.get_secret_value()), None
        ),
    )
    now, calendar = clock.now(), calendar_of(settings)
    today = now.astimezone(calendar.timezone).date()
    return Seen(now, looks, [*blind, *findings(looks, unknown, letters, calendar.table.last, today)])


async def _or_blind(blind: list[Finding], name: str, read: Callable[[], Awaitable[T]], otherwise: T) -> T:
    try:
        return await read()
    except QuantError as error:
        blind.append(Finding(Kind.SERVER, name, str(error), patient=True))
        return otherwise


class Messenger:
    """Tells people, by the address in the settings; it remembers in the ledger what was told.

    Where the ledger does not answer, it tells all the same: that is when people have to know.
    """

    def __init__(self, settings: Settings, notifier: Notifier | None = None) -> None:
        self._settings = settings
        urls = settings.operations.notify_urls.get_secret_value().split()
        self._notifier = notifier or (AppriseNotifier(urls) if urls else None)

    def tell(self, finding: Finding, at: datetime) -> str | None:
        """Tell of a finding; return why it did not get out."""
        if self._notifier is None:
            return None
        message = notification(self._settings.tq.portfolio_id, finding, at)
        try:
            delivery = Notices(open_store(self._settings.database.ledger_url), self._notifier).deliver(message)
        except QuantError as error:
            delivery = Delivery(None, str(error))
        if delivery is None or delivery.error is None or delivery.at is not None:
            return None if delivery is None else delivery.error
        try:
            self._notifier.send(message)
        except (NotifyError, InvalidInput) as error:
            return str(error)
        return None
