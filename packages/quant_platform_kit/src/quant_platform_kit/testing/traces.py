"""Traces of tests: every span that has ended, in memory, and a collector that keeps what services send."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from quant_platform_kit.adapters.otlp_traces import OtlpTraces

__all__ = ["Arrived", "Ended", "MemoryTraces", "collector"]

PATH = "/v1/traces"


class Ended(NamedTuple):
    """A span that has ended.

    Attributes
    ----------
    parent
        Name of the span that led to it, ``elsewhere`` for one of another tracer; empty where it began its trace.
    values
        What was said of it.
    failure
        What error passed through it; None for none.
    """

    trace: int
    name: str
    parent: str
    values: Mapping[str, object]
    failure: str | None


class MemoryTraces(OtlpTraces):
    """A tracer that keeps what it is told."""

    def __init__(self, service: str = "test") -> None:
        self._exporter = InMemorySpanExporter()
        super().__init__(service, SimpleSpanProcessor(self._exporter))

    @property
    def ended(self) -> list[Ended]:
        """All spans, in the order in which they ended."""
        spans = [(each, each.get_span_context()) for each in self._exporter.get_finished_spans()]
        names = {context.span_id: span.name for span, context in spans if context}
        return [
            Ended(
                context.trace_id,
                span.name,
                names.get(span.parent.span_id, "elsewhere") if span.parent else "",
                dict(span.attributes or {}),
                None if span.status.is_ok else span.status.description,
            )
            for span, context in spans
            if context
        ]


class Arrived(NamedTuple):
    """A span as a collector gets it.

    Attributes
    ----------
    service
        Who sent it.
    """

    service: str
    trace: str
    name: str
    values: Mapping[str, str]


@contextmanager
def collector() -> Generator[tuple[str, list[Arrived]]]:
    """Take traces on a free port of 127.0.0.1; yield the address, and the spans as they arrive."""
    arrived: list[Arrived] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            arrived.extend(_spans(body) if self.path == PATH else ())
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PATH}", arrived
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(body: bytes) -> Generator[Arrived]:
    request: Any = ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        service = _values(resource.resource.attributes)["service.name"]
        for span in (each for scope in resource.scope_spans for each in scope.spans):
            yield Arrived(service, span.trace_id.hex(), span.name, _values(span.attributes))


def _values(attributes: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in attributes}
