"""The figures of a service for Prometheus: those of its stage, and what it counts itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from quant_platform_kit.events.figures import Figures

__all__ = ["Metrics"]

NAMESPACE = "event_trading"
COUNTED = {
    "handled": "Messages that were processed.",
    "sent": "Messages that were made of them.",
    "dead_letters": "Messages that became dead letters.",
    "suppressed": "Messages that had been processed before.",
    "retried": "Attempts after which a message was tried again.",
    "paused": "How often a partition was paused, as too many of its messages waited.",
    "transactions": "Transactions that were committed.",
    "aborted": "Transactions that were not.",
    "restarts": "How often the stage has joined its group anew.",
    "seconds": "Seconds spent in the stage's own function or handler.",
}
Outcomes = Callable[[], Mapping[str, float]]


class Metrics(Collector):
    """Read at every scrape from where it is counted; all names begin with ``event_trading_``.

    Attributes
    ----------
    figures
        Of the stage; None where a service has none.
    outcomes
        Returns by outcome how often it came to it.
    gauges
        Returns what stands at a value.
    """

    def __init__(self) -> None:
        self.figures: Figures | None = None
        self.outcomes: Outcomes = dict[str, float]
        self.gauges: Outcomes = dict[str, float]
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield all of it."""
        if self.figures is not None:
            yield from self._of_stage(self.figures)
        outcomes = CounterMetricFamily(f"{NAMESPACE}_outcomes", "What it came to.", labels=["outcome"])
        for name, value in self.outcomes().items():
            outcomes.add_metric([name], value)
        yield outcomes
        for name, value in self.gauges().items():
            yield GaugeMetricFamily(f"{NAMESPACE}_{name}", name.replace("_", " "), value=value)

    @staticmethod
    def _of_stage(figures: Figures) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        for name, text in COUNTED.items():
            yield CounterMetricFamily(f"{NAMESPACE}_stage_{name}", text, value=getattr(figures, name))
        lag = GaugeMetricFamily(f"{NAMESPACE}_lag", "Messages that wait.", labels=["topic", "partition"])
        for place, value in tuple(figures.lag.items()):
            lag.add_metric([place.topic, str(place.partition)], value)
        yield lag
