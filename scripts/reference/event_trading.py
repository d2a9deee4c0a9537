"""docs/reference/event-trading.md, made out of the names, topics and settings of the app."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from event_trading_app.names import RESTART, Service
from event_trading_app.settings import CONFIG, Settings, name_of
from event_trading_app.topics import declared

from reference.fields import default, values
from reference.markdown import table

__all__ = ["page"]

DOES = {
    Service.INGESTOR: ("the solver bus of the venue", "raw events, byte for byte; connects and subscribes again"),
    Service.PRICES: ("a file of JSON lines", "`norm.reference_price`"),
    Service.INVENTORY: ("balances at the venue", "`norm.inventory`"),
    Service.NORMALIZER: ("`raw.near_intents.quote`", "`norm.swap_demand`, in the same transaction"),
    Service.REACTOR: ("`norm.*`, `cmd.*`, `exec.*`", "`cmd.execute_trade`, in the same transaction"),
    Service.EXECUTOR: ("`cmd.execute_trade`", "answers to the venue; the ledger; `exec.trade_result`"),
    Service.MONITOR: (
        "`exec.trade_result`, `raw.near_intents.quote_status`",
        "ends in the ledger; `exec.trade_result`",
    ),
    Service.ARCHIVER: ("all of them", "Parquet files below `topic=/date=/hour=`"),
}
STATUSES = (
    ("0", "done; of a service: it was told to stop"),
    ("1", "refused or failed; one line that starts with `event-trading:` says what, and what to do"),
    ("2", "the command line is wrong"),
    (str(RESTART), "of a service: a server is gone; its supervisor starts it again"),
)


def page() -> str:
    """Return the page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "# event-trading"
    yield ""
    yield "Made by `scripts/generate_reference.py`. [How a command is executed once](event-execution.md); payloads are"
    yield "in [events](events/cmd.execute_trade.v1.json), a JSON Schema for each version."
    yield ""
    yield "## Services"
    yield ""
    yield table(("`event-trading run`", "reads", "writes"), ((f"`{s.value}`", *DOES[s]) for s in Service))
    yield ""
    yield "A service listens on `EVENT_TRADING_PORT` and its place in this table: `/healthz` is 200 while it works,"
    yield "`/metrics` is for Prometheus. What it cannot process is in `dead.<service>`: `event-trading dead-letters`."
    yield ""
    yield table(("status", "means"), STATUSES)
    yield ""
    yield "## Topics"
    yield ""
    yield table(
        ("topic", "kept"),
        ((f"`{topic.name}`", _kept(topic.retention, compacted=topic.compacted)) for topic in declared(1)),
    )
    yield ""
    yield "Each of them has `EVENT_TRADING_PARTITIONS` partitions, topics of dead letters have one. What differs from"
    yield "that is told in the log, and never altered."
    yield ""
    yield "## Settings"
    yield ""
    yield f"Environment variables, or keys of the YAML file that `--config` or `{CONFIG}` names: there in small"
    yield "letters, without `EVENT_TRADING_`. The environment comes first. With `_SECRET_NAME` at its end, a name leads"
    yield "to Google's Secret Manager."
    yield ""
    rows = (
        (f"`{name_of(name)}`", values(field), default(field), field.description or "")
        for name, field in Settings.model_fields.items()
    )
    yield table(("name", "values", "default", "meaning"), rows)
    yield ""


def _kept(retention: timedelta | None, *, compacted: bool) -> str:
    if compacted:
        return "the newest of each key"
    return "for ever" if retention is None else f"{retention.days} days"
