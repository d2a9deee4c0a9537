"""``tq-broker resolve``: orders whose end nobody knows, and settling one by what a person has seen."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from quant_platform_kit.adapters.command_line import columns, print_json, say
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator

from tq_broker_app.bus.ports import Queue
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.cli.options import DEFAULT_CONFIG, AsJson, Config, settings_of, words
from tq_broker_app.cli.output import told_if_slow
from tq_broker_app.cli.settling import known_of, messages_of, price_text
from tq_broker_app.messages import OrderUpdate
from tq_broker_app.record.order_book import OrderBook
from tq_broker_app.record.resolving import Evidence, Settled, Waiting, settle, waiting, waiting_for
from tq_broker_app.running import clock_of
from tq_broker_app.settings import Settings

__all__ = ["resolve"]


def price(text: str) -> Decimal:
    """Read a positive number."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and value > 0):
        raise typer.BadParameter(f"{text!r} is not a price; write it as 3500 or 3500.5")
    return value


def resolve(
    order_id: Annotated[
        str | None, typer.Argument(metavar="[ORDER_ID]", help="An UNKNOWN order; list if absent.")
    ] = None,
    filled: Annotated[
        int | None, typer.Option(min=0, metavar="LOTS", help="Lots that traded; 0: none ever did.")
    ] = None,
    at: Annotated[
        Decimal | None, typer.Option("--price", parser=price, metavar="CNY", help="Mean price of what traded.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(parser=words, metavar="TEXT", help="Where you saw it, for the audit.")
    ] = None,
    who: Annotated[
        str | None, typer.Option(parser=words, metavar="NAME", help="Who says so; the login name if absent.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List orders whose end nobody knows, or settle one by what the futures company shows; nothing is sent there."""
    if order_id is None:
        if (filled, at, reason) != (None, None, None):
            raise typer.BadParameter("--filled, --price and --reason are about one order: name it")
        with told_if_slow("reading the ledger"):
            _list(settings_of(config), as_json=as_json)
        return
    if filled is None or reason is None:
        raise typer.BadParameter("say what became of it: --filled LOTS (0 if it never traded) and --reason TEXT")
    if (filled > 0) != (at is not None):
        raise typer.BadParameter("--price is for lots that traded: give it with --filled 1 or more, and only then")
    name = who or _login_name()
    settings = settings_of(config)
    with told_if_slow("asking PostgreSQL and RabbitMQ"):
        done, told = asyncio.run(_settle(settings, order_id, Evidence(filled, at, reason), name))
    _show_settled(done, told, as_json=as_json)


def _login_name() -> str:
    try:
        return words(getpass.getuser())
    except (KeyError, OSError):
        raise typer.BadParameter("your login name is not known here: add --who NAME") from None


# --- the list ------------------------------------------------------------------------------------


def _list(settings: Settings, *, as_json: bool) -> None:
    from tq_broker_app.cli.history import history_unknown

    store = open_store(settings.database.ledger_url)
    portfolio = settings.tq.portfolio_id
    found = {each.child.order_id: each for each in waiting(store, portfolio)}
    lost = {name: why for name, why in history_unknown(settings).items() if name not in found}
    documents = [_document(each) for each in found.values()] + [_lost(store, name, why) for name, why in lost.items()]
    if as_json:
        print_json(documents)
    elif not documents:
        say(f"portfolio {portfolio}: nobody waits for the end of an order")
    else:
        head = ("order", "state", "day", "what", "candidates", "what is known")
        columns(head, (_line(document) for document in documents))


def _document(found: Waiting) -> dict[str, Any]:
    wanted = found.plan.wanted
    return {
        "order_id": found.child.order_id,
        "parent_order_id": wanted.order_id,
        "state": found.record.state.value,
        "trading_day": found.plan.trading_day,
        "symbol": wanted.symbol,
        "direction": wanted.direction,
        "offset": found.child.offset,
        "volume": found.child.volume,
        "limit_price": wanted.limit_price,
        "candidates": list(found.candidates),
        "note": found.note,
    }


def _lost(store: VersionedStore, order_id: str, why: str) -> dict[str, Any]:
    """Return an order that only ``order_history`` calls UNKNOWN: its login does not show it any more."""
    plan = OrderBook(store, "").plan(order_id)
    if plan is None or len(plan.children) != 1:
        return {"order_id": order_id, "state": "UNKNOWN", "note": why, "candidates": []}
    found = waiting_for(store, plan.wanted.portfolio_id, order_id)
    return {**_document(found), "ledger": found.record.state.value, "state": "UNKNOWN", "note": why}


def _line(told: Mapping[str, Any]) -> tuple[str, ...]:
    known = ("direction", "offset", "volume", "symbol")
    asked = " ".join(str(told[name]) for name in known) if "symbol" in told else "-"
    limit = told.get("limit_price")
    asked += f" at {price_text(limit)}" if limit is not None else ""
    candidates = " ".join(told["candidates"]) or "-"
    return (told["order_id"], told["state"], told.get("trading_day", "-"), asked, candidates, told["note"] or "-")


# --- settling one --------------------------------------------------------------------------------


async def _settle(settings: Settings, order_id: str, evidence: Evidence, who: str) -> tuple[Settled, list[BaseModel]]:
    from tq_broker_app.cli.history import history_rows

    clock = clock_of(settings)
    store = open_store(settings.database.ledger_url)
    found = waiting_for(store, settings.tq.portfolio_id, order_id)
    ids = {found.plan.wanted.order_id, *(child.order_id for child in found.plan.children)}
    rows = history_rows(settings, ids)
    done = settle(Operator(store, clock, who), found, evidence, known_of(rows.get(order_id)))
    records = OrderBook(store, found.plan.account_id).children(found.plan)
    told: list[BaseModel] = list(messages_of(done.waiting, records, rows, clock.now()))
    bus = RabbitBus(settings.rabbitmq, settings.tq.portfolio_id, clock)
    try:
        for message in told:
            await bus.publish(Queue.ORDERS, message.model_dump_json().encode())
    finally:
        await bus.close()
    return done, told


def _show_settled(done: Settled, told: list[BaseModel], *, as_json: bool) -> None:
    found = done.waiting
    final = next((message for message in told if isinstance(message, OrderUpdate)), None)
    if as_json:
        messages = [message.model_dump(mode="json") for message in told]
        print_json({"order": _document(found), "changed": done.changed, "final": final is not None, "told": messages})
        return
    verb = "is now" if done.changed else "was already"
    say(f"order {found.child.order_id} {verb} {found.record.state.value}, {int(found.record.filled)} filled")
    if final is None:
        say(f"  {found.plan.wanted.order_id} has other parts whose end is not known yet")
    else:
        say(f"  told: {final.order_id} {final.event_type}, {final.filled_quantity} filled")
