"""Tells reference prices out of a file: a JSON line for each pair, the newest line of a pair counts."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from loguru import logger
from pydantic import ValidationError
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.envelope import Event, derived_id
from quant_platform_kit.events.publishing import Publisher

from event_trading_app.names import NEAR_INTENTS, Topic
from event_trading_app.payloads import ReferencePrice
from event_trading_app.services.context import Context

__all__ = ["price_events", "run"]

VERSION = 1


async def run(context: Context) -> None:
    """Tell the prices of the file again and again; those that are not dated hold when they are read."""
    settings = context.settings
    path, outcomes = Path(settings.prices_file), Counter[str]()
    context.metrics.outcomes = lambda: outcomes
    async with Publisher(settings.bus) as publisher:
        tell = context.teller(publisher)
        context.health.phase = "working"
        while not context.stop.is_set():
            try:
                events = price_events(path, context.clock.now())
                context.health.state = str
            except InvalidInput as error:
                logger.error("{}", error)
                context.health.state = lambda error=error: f"waiting: {error}"
                outcomes["failed"] += 1
                events = []
            for event in events:
                await tell(event)
                outcomes["told"] += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(context.stop.wait(), settings.poll_seconds)


def price_events(path: Path, now: datetime) -> list[Event]:
    """Return the prices of a file as events; `InvalidInput` names the line that is none, and none is told."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"prices file {path}: {error}; write JSON lines") from None
    found: dict[tuple[str, str], Event] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            price = _price(f"{path}, line {number}", line, now)
            found[price.token_in, price.token_out] = _event(price, now)
    return list(found.values())


def _price(where: str, line: str, now: datetime) -> ReferencePrice:
    try:
        document: dict[str, Any] = {"priced_at": now.isoformat(), "source": "file", **json.loads(line)}
        return ReferencePrice.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "price"
        raise InvalidInput(f"{where}: {place} is {first['input']!r}: {first['msg']}; nothing was told") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{where}: no JSON object: {error}; nothing was told") from None


def _event(price: ReferencePrice, now: datetime) -> Event:
    native = f"{price.token_in}|{price.token_out}|{price.priced_at.isoformat()}"
    identity = derived_id(NEAR_INTENTS, native, Topic.REFERENCE_PRICE.value, VERSION)
    payload = price.model_dump(mode="json")
    return Event(identity, Topic.REFERENCE_PRICE.value, NEAR_INTENTS, price.priced_at, now, VERSION, payload)
