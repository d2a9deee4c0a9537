"""The way from a quote to its result as one trace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from event_trading_app.executor.executing import Executor
from event_trading_app.monitor.monitor import Monitor
from event_trading_app.reactor.commands import Terms
from event_trading_app.reactor.quoters import SpreadQuoter
from event_trading_app.reactor.stage import Reactor
from event_trading_app.services.executor import command_in
from event_trading_app.topics import outgoing
from event_trading_app.venues.near_intents.normalize.demand import normalize
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.events.bus import Outgoing, Received
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.traced import traced_function, traced_handle, traced_telling
from quant_platform_kit.testing.traces import MemoryTraces

from .frame import ACCOUNT, TOKEN_A, TOKEN_B, Desk, run
from .test_reactor import inventory, market, price
from .venues.near_frame import event
from .venues.test_near_normalize import quote

STAGES = ("ingest", "normalize", "react", "execute", "result")
SECRET = "a-secret-in-the-name-of-a-quote"


class Road:
    """The stages, with lists for a bus."""

    def __init__(self) -> None:
        self.desk, self.traces, self.sent = Desk(), MemoryTraces(), list[Outgoing]()

    async def drive(self, asked: Event) -> None:
        """Bring a quote to its result."""
        tell = traced_telling(self.traces, outgoing, self._publish)
        with self.traces.span("ingest", event=asked.event_id):
            await tell(asked)
        self.sent += self._normalize(self._last())
        self.sent += self._react(self._last())
        parts = self.desk.parts(tell=tell, tracer=self.traces)
        executor, monitor = Executor(parts), Monitor(parts, lambda _: None, timedelta(seconds=30))
        await monitor.assigned(0)
        await executor.assigned(0)
        await self._execute(executor)(self._last())
        await self._settled(monitor)

    async def _settled(self, monitor: Monitor) -> None:
        """Have the monitor hear of the answer, and find it settled."""
        told = self._last()
        await monitor.handle(told.event(), 0, told.trace)
        intent_hash = told.event().payload["intent_hash"]
        self.desk.venue.settled.add(intent_hash[:32])
        monitor.hint(intent_hash, "tx1")
        await monitor.turn()

    async def _publish(self, message: Outgoing) -> None:
        self.sent.append(message)

    def _last(self) -> Received:
        topic, key, value, trace = self.sent[-1]
        return Received(topic, 0, len(self.sent), key, value, trace)

    def _normalize(self, message: Received) -> Iterable[Outgoing]:
        made = traced_function(self.traces, "normalize", lambda m: [outgoing(each) for each in normalize(m.event())])
        return made(message)

    def _react(self, message: Received) -> Iterable[Outgoing]:
        quoter = SpreadQuoter(limits={TOKEN_B: "1000000"})
        reactor = Reactor(market(price(), inventory()), quoter, Terms(ACCOUNT))
        return traced_function(self.traces, "react", reactor.react)(message)

    def _execute(self, executor: Executor) -> Callable[[Received], Awaitable[None]]:
        return traced_handle(self.traces, "execute", lambda m: executor.handle(command_in(m)))


def driven(**changes: str) -> Road:
    road = Road()
    asked = quote(defuse_asset_identifier_in=TOKEN_A, defuse_asset_identifier_out=TOKEN_B, **changes)
    run(road.drive(event(asked)))
    return road


def test_one_trace_leads_from_a_quote_to_its_result() -> None:
    road = driven()
    spans, messages = road.traces.ended, road.sent
    assert [(span.name, span.parent) for span in spans] == list(zip(STAGES, ("", *STAGES), strict=False))
    assert len({span.trace for span in spans}) == 1
    assert {message.trace.split("-")[1] for message in messages} == {f"{spans[0].trace:032x}"}
    assert [message.topic for message in messages][2:] == ["cmd.execute_trade", *["exec.trade_result"] * 2]
    assert (spans[-1].values["state"], {span.failure for span in spans}) == ("SETTLED", {None})


def test_no_secret_is_in_what_spans_say() -> None:
    hide([SECRET])
    spans = driven(quote_id=SECRET).traces.ended
    assert len(spans) == len(STAGES)
    assert SECRET not in repr(spans)


def test_messages_of_services_that_trace_nothing_have_no_header() -> None:
    assert outgoing(event(quote())).headers is None


def test_services_load_nothing_of_opentelemetry_unless_traces_are_on() -> None:
    names = ("archiver", "executor", "ingestor", "inventory", "monitor", "normalizer", "prices", "reactor", "running")
    code = "".join(f"import event_trading_app.services.{name}\n" for name in names)
    code += "import sys; print(sorted(name for name in sys.modules if name.startswith('opentelemetry')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
