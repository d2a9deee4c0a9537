"""The figures as Prometheus reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from quant_platform_kit.adapters.durable_files import store_errors, written_beside

from trading_playbook.journal.record import STRATEGY
from trading_playbook.observe.readings import Readings

__all__ = ["GAUGES", "Gauge", "exposition", "metric_of", "values", "write_metrics"]


class Gauge(NamedTuple):
    """A figure that is shown: an attribute of `Readings`, and what it is."""

    figure: str
    help: str


GAUGES = (
    Gauge("error_rate", "Share of failed attempts in the last 30 calendar days."),
    Gauge("run_seconds", "How long the last attempt took, in seconds."),
    Gauge("api_seconds", "Mean time of a call of the source in the last attempt, in seconds."),
    Gauge("api_calls", "Calls of the source in the last attempt."),
    Gauge("cache_hit_rate", "Share of sessions that the cache had in the last attempt."),
    Gauge("sessions_without_entry", "Sessions in a row without an entry or without a row."),
    Gauge("trades_per_day", "Entries a session."),
    Gauge("win_rate", "Share of won trades in the last 30 calendar days."),
    Gauge("expectancy", "Mean result of a closed trade, in R."),
    Gauge("drawdown", "Largest fall of the cumulative result, in R."),
)
SESSION = Gauge("session_timestamp_seconds", "Midnight UTC of the session that the figures are as of.")


def metric_of(figure: str) -> str:
    """Return the name of the metric of a figure."""
    return f"playbook_{figure}"


def values(readings: Readings) -> dict[str, float]:
    """Return the figures by name; what nothing is known of is left out."""
    found = ((gauge.figure, getattr(readings, gauge.figure)) for gauge in GAUGES)
    return {name: value for name, value in found if value is not None}


def exposition(readings: Readings) -> str:
    """Return the figures in Prometheus' text format; what nothing is known of is left out."""
    labels = f'{{strategy="{STRATEGY}",symbol="{readings.symbol}"}}'
    midnight = datetime.combine(readings.session, datetime.min.time(), UTC)
    shown = {**values(readings), SESSION.figure: midnight.timestamp()}
    return "".join(
        f"# HELP {metric_of(gauge.figure)} {gauge.help}\n# TYPE {metric_of(gauge.figure)} gauge\n"
        f"{metric_of(gauge.figure)}{labels} {float(shown[gauge.figure])!r}\n"
        for gauge in (*GAUGES, SESSION)
        if gauge.figure in shown
    )


def write_metrics(path: Path, readings: Readings) -> None:
    """Write the figures to a file of the node exporter's textfile collector, whole or not at all; its name ends .prom.

    Raises
    ------
    StoreError
        The operating system refuses.
    """
    with store_errors(str(path)):
        temporary = written_beside(path, exposition(readings).encode())
        temporary.chmod(0o644)
        temporary.replace(path)
