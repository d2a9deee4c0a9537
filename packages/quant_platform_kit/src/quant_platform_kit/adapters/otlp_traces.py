"""Spans as OpenTelemetry has them. Nothing else here imports it, and only whoever traces imports this."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from quant_platform_kit.domain.redaction import redact

__all__ = ["OtlpTraces", "traces_to"]

EXPORT_SECONDS = 2.0
"""How long the collector may take for a batch; a service that stops waits no longer for it."""
EVERY_MS = 1_000
HEADER = "traceparent"
_propagator = TraceContextTextMapPropagator()


class _OtlpSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def note(self, **values: str | int) -> None:
        for name, value in values.items():
            self._span.set_attribute(name, redact(value) if isinstance(value, str) else value)


class OtlpTraces:
    """Spans of a service.

    Parameters
    ----------
    processor
        Takes the spans that have ended.
    """

    is_on = True

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        resource = Resource.create({"service.name": service})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("quant_platform_kit")

    @contextmanager
    def span(self, name: str, parent: str = "", /, **values: str | int) -> Generator[_OtlpSpan]:
        """Begin a span; an error that passes through it is told of with its secrets taken out."""
        context = _propagator.extract({HEADER: parent}) if parent else None
        with self._tracer.start_as_current_span(
            name, context, record_exception=False, set_status_on_exception=False
        ) as span:
            begun = _OtlpSpan(span)
            begun.note(**values)
            try:
                yield begun
            except BaseException as error:
                begun.note(**{"error.type": type(error).__name__})
                span.set_status(Status(StatusCode.ERROR, redact(str(error))))
                raise

    def here(self) -> str:
        """Return the ``traceparent`` of the span that is open."""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier.get(HEADER, "")

    def close(self) -> None:
        """Send what is left, within seconds."""
        self._provider.shutdown()


def traces_to(url: str, service: str) -> OtlpTraces:
    """Return traces that a collector takes over HTTP; see `open_tracer`."""
    exporter = OTLPSpanExporter(endpoint=url, timeout=EXPORT_SECONDS)
    return OtlpTraces(service, BatchSpanProcessor(exporter, schedule_delay_millis=EVERY_MS))
