"""Looking at the services from outside: their pages, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from quant_platform_kit.domain.errors import InvalidInput

from tq_broker_app.names import Role
from tq_broker_app.operations.health import WAITING
from tq_broker_app.settings import OperationsSettings

__all__ = ["Look", "address_of", "look_at", "look_at_all"]

ANSWER_SECONDS = 3.0
ANYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Look:
    """What a service says of itself.

    Attributes
    ----------
    phase
        Its own word; ``down`` where it does not answer, ``waiting`` where its consumer waits for what is down.
    details
        More of its page, such as the trading day; or why there is no page.
    figures
        Gauges of ``/metrics`` by name.
    """

    role: Role
    phase: str
    details: Mapping[str, str] = field(default_factory=dict[str, str])
    figures: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def good(self) -> bool:
        """Whether it works."""
        return self.phase == "working"


def address_of(settings: OperationsSettings, role: Role) -> str:
    """Return where the page of a service is.

    Raises
    ------
    InvalidInput
        Services listen on any free port.
    """
    if not settings.port:
        raise InvalidInput("operations.port is 0, any free port: give a number, such as 8701, to find the services by")
    host = "127.0.0.1" if settings.host in ANYWHERE else settings.host
    return f"http://{host}:{settings.port + role.offset}"


async def look_at_all(settings: OperationsSettings) -> list[Look]:
    """Look at all eight."""
    addresses = {role: address_of(settings, role) for role in Role}
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        return list(await asyncio.gather(*(look_at(session, role, url) for role, url in addresses.items())))


async def look_at(session: aiohttp.ClientSession, role: Role, url: str) -> Look:
    """Look at one service; a page of another one is none."""
    try:
        async with session.get(f"{url}/healthz") as answer:
            page: dict[str, Any] = await answer.json()
        if page.get("role") != role.value:
            return Look(role, "down", {"error": f"{url} is the page of {page.get('role', 'something else')}"})
        async with session.get(f"{url}/metrics") as answer:
            figures = _gauges(await answer.text())
    except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError) as error:
        return Look(role, "down", {"error": f"{url}: {error or type(error).__name__}"})
    told = {name: str(value) for name, value in page.items() if name not in ("role", "phase")}
    if (state := told.get("state", "")).startswith(WAITING):
        return Look(role, WAITING, told | {"error": state.removeprefix(f"{WAITING}: ")}, figures)
    return Look(role, str(page.get("phase")), told, figures)


def _gauges(text: str) -> dict[str, float]:
    families = text_string_to_metric_families(text)
    return {sample.name: sample.value for each in families if each.type == "gauge" for sample in each.samples}
