"""docs/reference/tq-broker.md, made out of the settings, the command line and the figures of the app."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import tq_broker_app
import typer.main
from prometheus_client import Metric
from pydantic import BaseModel
from tq_broker_app.bus.names import places
from tq_broker_app.bus.ports import Queue
from tq_broker_app.cli.main import ENTRY_POINTS, with_all_commands
from tq_broker_app.names import RESTART, Role
from tq_broker_app.operations.alerts import CALENDAR_DAYS
from tq_broker_app.operations.figures import COUNTERS, Figures
from tq_broker_app.settings import PREFIX, RabbitSettings, Settings

from reference.fields import default, values
from reference.markdown import table

DOES = {
    Role.ORDER_SUBMITTER: "takes SUBMIT, plans and checks an order, records it, and sends it at most once",
    Role.ORDER_CANCELLER: "takes CANCEL, records it, and repeats it until the order has come to its end",
    Role.ORDER_MONITOR: "tells what became of orders: events, and where each stands",
    Role.POSITION_MONITOR: "tells positions: on change, at the start, every minute",
    Role.ACCOUNT_MONITOR: "tells the account's amounts: on change, at the start, every minute",
    Role.ORDER_HANDLER: "writes `order_history` and `order_event`; makes and migrates the tables",
    Role.POSITION_HANDLER: "writes the position keys of Redis, each for an hour",
    Role.ACCOUNT_HANDLER: "writes the account key of Redis, for an hour",
}
QUEUES = {
    Queue.SUBMIT: ("the engine", "order-submitter"),
    Queue.CANCEL: ("the engine", "order-canceller"),
    Queue.ORDERS: ("order-monitor, order-submitter, order-canceller, `resolve`", "order-handler"),
    Queue.POSITIONS: ("position-monitor", "position-handler"),
    Queue.ACCOUNT: ("account-monitor", "account-handler"),
    Queue.DEAD: ("whoever cannot process a message", "nobody; `dead-letters`"),
}
STATUSES = (
    ("0", "done; of a service: it was told to stop"),
    ("1", "refused, failed, or found something; one line that starts with `tq-broker:` says what, and what to do"),
    ("2", "the command line is wrong"),
    (str(RESTART), "of a service: its login or a server is gone; its supervisor starts it again"),
)
WATCHED = (
    ("`service`", "a service does not answer, or does not work", "yes"),
    ("`server`", "RabbitMQ or PostgreSQL does not answer", "yes"),
    ("`trading-day`", "logins show different trading days", "yes"),
    ("`unknown`", "`order_history` has an order that is UNKNOWN", "no"),
    ("`dead-letters`", "there are some; told again when there are ten times as many", "no"),
    ("`trades`", "an order has come to its end, and its trades do not add up after a minute", "no"),
    ("`calendar`", f"the calendar ends in less than {CALENDAR_DAYS} days", "no"),
)
GAUGE = re.compile(r'figures\.set\(\s*"(\w+)",\s*"([^"]+)"')


def page() -> str:
    """Return the page."""
    parts = [
        "# tq-broker",
        "Generated from the code by `scripts/generate_reference.py`; the repository's check fails when it is out of "
        "date. How to run it is in [the runbook](../runbooks/tq-broker.md), what goes over its queues in "
        "[Messages of tq-broker](tq-messages.md).",
        "## Services",
        "`tq-broker run SERVICE`; each has a page `/healthz` and figures at `/metrics`, at `operations.host` and at "
        "`operations.port` plus its offset. Whoever logs in has a TqApi of its own, in a thread of its own.",
        table(("service", "image", "logs in", "port", "what it does"), map(_service, Role)),
        "## Queues",
        "Durable, classic, without arguments, bound to durable direct exchanges by their own names. With "
        "`rabbitmq.portfolio_queues` every name ends in `_` and the portfolio's id. What is there and differs is "
        "refused, with what was wanted and found. An exclusive queue, that of submits with `.active` behind its name, "
        "makes one submitter the active one; others stand by.",
        table(("queue", "exchange", "filled by", "emptied by"), map(_queue, Queue)),
        "A message is acknowledged once what it asks for is durable. While something that is needed is down, nothing "
        "is consumed. What can never be processed is published to the dead letters, confirmed, and then acknowledged: "
        "`queue`, `reason`, `original`, `encoded` (whether the original is in base64), `attempts`, `at`.",
        "## Settings",
        f"One YAML file, named by `--config` or `TQ_BROKER_CONFIG`. Then the environment, where `{PREFIX}REDIS__PORT` "
        "is `port` of the section `redis`. In place of any key, the key and `_secret_name` behind it names a secret of "
        "Google's Secret Manager. A key that is not known is refused, so that no limit is misspelt. **Secret** values "
        "are replaced by `***` in everything that is logged or told.",
        *_sections(Settings),
        "## Commands",
        f"`demo` is there where the sandbox is installed: it comes from the entry point group `{ENTRY_POINTS}`.",
        *_commands(),
        "### What `watch` finds",
        "What may pass by itself is told once it has lasted for `--patience`, all of it in one message; the rest at "
        "once. Nothing is told again before it was over, and an UNKNOWN order only once for ever: the ledger remembers "
        "it. While the ledger does not answer, people are told all the same.",
        table(("kind", "what is found", "may pass by itself"), WATCHED),
        "### What `resolve` does",
        "It records who says what became of an UNKNOWN order, and why, in the ledger's audit; then the order's last "
        "step; then it tells the order handler, which makes `order_history` final. With all lots filled the order is "
        "COMPLETE_FILL, otherwise CANCELLED with what has traded. Part by part for an order that was split: the order "
        "itself is told once all ends are known. The same again tells the same again. The exchange is told nothing.",
        "## Exit status",
        table(("status", "meaning"), STATUSES),
        "## Figures",
        "Every name starts with `tq_broker_`; those of counters end in `_total`. Figures begin anew with the process.",
        table(("figure", "kind", "labels", "meaning"), [*map(_figure, Figures().registry.collect()), *_gauges()]),
    ]
    return "\n\n".join(parts) + "\n"


def _service(role: Role) -> tuple[str, ...]:
    return f"`{role.value}`", f"`{role.image}`", "yes" if role.trades else "no", f"+{role.offset}", DOES[role]


def _queue(queue: Queue) -> tuple[str, ...]:
    place = places(RabbitSettings.model_validate({"url": "amqp://localhost"}), "")[queue]
    filled, emptied = QUEUES[queue]
    return f"`{place.queue}`", f"`{place.exchange}`", filled, emptied


def _sections(model: type[BaseModel], prefix: str = "") -> Iterable[str]:
    """Yield a title and a table for each section, and those inside of it after it."""
    inner = {name: kind for name, field in model.model_fields.items() if (kind := _model(field.annotation))}
    plain = {name: field for name, field in model.model_fields.items() if name not in inner}
    if plain:
        doc = (model.__doc__ or "").strip().splitlines()[0]
        rows = ((f"`{name}`", default(field), values(field), field.description or "") for name, field in plain.items())
        yield f"### `{prefix}`"
        yield doc
        yield table(("key", "default", "values", "meaning"), rows)
    for name, kind in inner.items():
        yield from _sections(kind, f"{prefix}.{name}".lstrip("."))


def _model(annotation: Any) -> type[BaseModel] | None:
    kinds = get_args(annotation) or (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _commands() -> Iterable[str]:
    group: Any = typer.main.get_command(with_all_commands())
    for name, command in group.commands.items():
        subs = getattr(command, "commands", None) or {"": command}
        for sub, one in subs.items():
            yield from _command(f"{name} {sub}".strip(), one)


def _command(name: str, command: Any) -> Iterable[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
    names = (one.metavar or ("SERVICE" if one.name == "role" else one.name.upper()) for one in arguments)
    yield f"### `{' '.join(['tq-broker', name, *names])}`"
    yield " ".join(str(command.help).split())
    if options:
        yield table(("option", "meaning"), ((f"`{_option(one)}`", str(one.help)) for one in options))


def _option(option: Any) -> str:
    return option.opts[0] if option.is_flag else f"{option.opts[0]} {option.metavar or 'FILE'}"


def _figure(family: Metric) -> tuple[str, ...]:
    _, labels = COUNTERS.get(family.name.removeprefix("tq_broker_"), ("", ()))
    ending = "_total" if family.type == "counter" else ""
    return f"`{family.name}{ending}`", family.type, ", ".join(f"`{name}`" for name in labels), family.documentation


def _gauges() -> Iterable[tuple[str, ...]]:
    """Yield the gauges, which are made when they are first set."""
    folder = Path(tq_broker_app.__file__).parent
    found = {name: text for file in sorted(folder.rglob("*.py")) for name, text in GAUGE.findall(file.read_text())}
    for name, text in sorted(found.items()):
        yield f"`tq_broker_{name}`", "gauge", "", text
