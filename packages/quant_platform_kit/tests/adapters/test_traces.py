"""Spans: what is loaded for them, what they say, and what arrives at a collector."""

from __future__ import annotations

import subprocess
import sys

import pytest
from quant_platform_kit.adapters.traces import open_tracer
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.ports.tracing import NOT_TRACED
from quant_platform_kit.testing.traces import Arrived, Ended, MemoryTraces, collector

SECRET = "a-secret-of-the-test-of-traces"
LOADED = """
import sys

def loaded():
    return {name for name in sys.modules if name.partition(".")[0] == "opentelemetry"}

from quant_platform_kit.adapters.traces import open_tracer
from quant_platform_kit.events import stages, traced
from quant_platform_kit.runtime import run_accounts
tracer = open_tracer("", "service")
with tracer.span("a", order="1") as span:
    span.note(state="x")
    assert tracer.here() == "" and not tracer.is_on
tracer.close()
assert not loaded(), loaded()

import fastapi
its_own = loaded()
from quant_platform_kit.web import serve
assert loaded() == its_own and "opentelemetry.sdk" not in its_own
"""


def test_nothing_of_opentelemetry_is_loaded_unless_traces_are_on() -> None:
    """FastAPI loads its interfaces, and does nothing with them unless a process has a global provider."""
    subprocess.run([sys.executable, "-c", LOADED], timeout=60, check=True)


def test_a_service_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "quant_platform_kit.adapters.otlp_traces")
    with pytest.raises(InvalidInput, match=r"TRACES_URL needs opentelemetry\.sdk\.trace: install quant-platform-kit\["):
        open_tracer("http://127.0.0.1:4318/v1/traces", "service")


@pytest.mark.parametrize("url", ["127.0.0.1:4318", "grpc://host:4317", "http://", "http://[::1", f"tcp://u:{SECRET}@h"])
def test_an_address_that_is_no_collector_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"write it as http://host:4318/v1/traces") as refused:
        open_tracer(url, "service")
    assert SECRET not in str(refused.value)


def test_an_empty_address_traces_nothing() -> None:
    assert open_tracer("", "service") is NOT_TRACED


def test_spans_of_another_process_stay_in_the_trace_of_whoever_led_to_them() -> None:
    traces = MemoryTraces()
    with traces.span("one"):
        here = traces.here()
    with traces.span("two", here):
        pass
    with traces.span("three", "no traceparent"):
        pass
    one, two, three = traces.ended
    assert (two.trace, two.parent) == (one.trace, "one")
    assert three.trace != one.trace
    assert (three.parent, traces.here()) == ("", "")


def test_no_secret_is_in_what_a_span_says() -> None:
    hide([SECRET])
    traces = MemoryTraces()

    def send() -> None:
        with traces.span("send", url=f"https://u:{SECRET}@h") as span:
            span.note(said=f"token {SECRET}", number=3)
            raise ValueError(f"{SECRET} is wrong")

    with pytest.raises(ValueError, match=SECRET):
        send()
    (ended,) = traces.ended
    values = {"url": "https://u:***@h", "said": "token ***", "number": 3, "error.type": "ValueError"}
    assert ended == Ended(ended.trace, "send", "", values, "*** is wrong")


def test_a_collector_gets_what_is_left_when_a_service_ends(socket_enabled: None) -> None:
    with collector() as (url, arrived):
        tracer = open_tracer(url, "house")
        with tracer.span("send", order="o-1"):
            trace = tracer.here().split("-")[1]
        tracer.close()
        assert arrived == [Arrived("house", trace, "send", {"order": "o-1"})]
