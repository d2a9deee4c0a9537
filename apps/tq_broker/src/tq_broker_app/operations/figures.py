"""The figures of a service, for Prometheus and for /healthz."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["COUNTERS", "Figures"]

COUNTERS = {
    "published": ("Messages published.", ("queue",)),
    "requests": ("Requests processed, by what became of them.", ("outcome",)),
    "orders": ("Orders to the exchange, by what became of them.", ("outcome",)),
    "cancels": ("Cancels sent to the exchange.", ()),
    "updates": ("Updates written, by kind.", ("kind",)),
    "foreign_orders": ("Orders that the ledger does not know, such as those of other clients of the account.", ()),
}
"""Every counter: what it counts, and its labels."""


class Figures:
    """Counters, gauges and times of one process; all names begin with ``tq_broker_``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {
            name: Counter(f"tq_broker_{name}", text, labels, registry=self.registry)
            for name, (text, labels) in COUNTERS.items()
        }
        self._gauges: dict[str, Gauge] = {}
        self._answer = Histogram(
            "tq_broker_answer_seconds", "From the intent to send to the exchange's answer.", registry=self.registry
        )

    def count(self, name: str, **labels: str) -> None:
        """Add one to a counter."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc()

    def set(self, name: str, text: str, value: float) -> None:
        """Set a gauge, made when it is first set."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(f"tq_broker_{name}", text, registry=self.registry)
        self._gauges[name].set(value)

    def answered(self, seconds: float) -> None:
        """Take note of how long an answer took."""
        self._answer.observe(seconds)

    def text(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        return generate_latest(self.registry)
