"""What every service is made of."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from loguru import logger
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.adapters.traces import open_tracer
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.events.bus import Membership
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.publishing import Publisher
from quant_platform_kit.events.topics import declare
from quant_platform_kit.events.traced import traced_telling
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.tracing import Tracer
from quant_platform_kit.ports.versioned_store import VersionedStore

from event_trading_app.executor.ledger import Ledger
from event_trading_app.executor.parts import Parts, Point, Terms
from event_trading_app.names import Service, Topic
from event_trading_app.operations.health import Health
from event_trading_app.operations.metrics import Metrics
from event_trading_app.ports import Venue
from event_trading_app.settings import Settings
from event_trading_app.topics import declared, outgoing

__all__ = ["Context"]


def _pass(point: Point) -> None:
    """Go on."""


@dataclass
class Context:
    """A service at work.

    Attributes
    ----------
    stop
        Set when the service has to end.
    reached
        Called at every `Point`; a fault campaign stops the service there.
    """

    service: Service
    settings: Settings
    health: Health
    metrics: Metrics
    clock: Clock = field(default_factory=SystemClock)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    reached: Callable[[Point], None] = _pass

    @cached_property
    def store(self) -> VersionedStore:
        """The ledger's store."""
        self.settings.required("store_url")
        return open_store(self.settings.store_url.get_secret_value())

    @cached_property
    def tracer(self) -> Tracer:
        """Where spans go."""
        name = f"{self.settings.service_name}-{self.service.value}"
        return open_tracer(self.settings.traces_url.get_secret_value(), name)

    def topic(self, *topics: Topic) -> tuple[str, ...]:
        """Return the names of topics, in the namespace."""
        return tuple(self.settings.namespace + topic.value for topic in topics)

    def member(self, *topics: Topic, patience: float = 0.0) -> Membership:
        """Return what the stage of this service is a member of; see `Membership`."""
        settings = self.settings
        stage = f"{settings.namespace}{self.service.stage}"
        return Membership(stage, settings.bus, self.topic(*topics), settings.instance, patience)

    def declare_topics(self) -> None:
        """Make the topics that are missing; what differs is told, and left alone."""
        for drift in declare(self.settings.bus, declared(self.settings.partitions, self.settings.namespace)):
            logger.warning("{}", drift)

    def teller(self, publisher: Publisher) -> Callable[[Event], Awaitable[None]]:
        """Return what puts an event on the bus."""
        namespace = self.settings.namespace
        return traced_telling(self.tracer, lambda event: outgoing(event, namespace), publisher.publish)

    def parts(self, publisher: Publisher, venue: Venue) -> Parts:
        """Return the world of an executor or a monitor."""
        settings = self.settings
        root = "trades" if settings.mode in (Mode.LIVE, Mode.PAPER) else "dry-run"
        return Parts(
            account=settings.account,
            service=settings.service_name,
            mode=settings.mode,
            holder=f"{settings.service_name} {self.service.value} {socket.gethostname()} {os.getpid()}",
            store=self.store,
            ledger=Ledger(self.store, settings.account, root),
            venue=venue,
            clock=self.clock,
            tell=self.teller(publisher),
            terms=Terms(
                lease=timedelta(seconds=settings.lease_seconds), finality=timedelta(seconds=settings.finality_seconds)
            ),
            reached=self.reached,
            tracer=self.tracer,
        )
