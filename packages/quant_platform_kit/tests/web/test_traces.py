"""The way from a trigger to its orders, as one trace."""

from __future__ import annotations

from dataclasses import replace

from quant_platform_kit.testing.traces import MemoryTraces

from .test_service import House, report_of


def test_one_trace_leads_from_a_trigger_to_its_orders() -> None:
    house, traces = House(), MemoryTraces("house")
    house.service = replace(house.service, tracer=traces)
    report = report_of(house.run())
    (run,) = [each for each in traces.ended if each.name == "run"]
    sent = [each for each in traces.ended if each.name == "send"]
    assert len({each.trace for each in traces.ended}) == 1
    assert [(each.name, each.parent) for each in traces.ended] == [
        ("plan", "run"),
        *[("send", "run")] * 2,
        ("settle", "run"),
        ("run", "trigger"),
        ("trigger", ""),
    ]
    assert run.values["run"] == report["run_id"]
    assert run.values["outcome"] == report["outcome"]
    orders = {order["client_order_id"]: order["symbol"] for order in report["orders"]}
    assert {each.values["order"]: each.values["symbol"] for each in sent} == orders
    assert {each.failure for each in traces.ended} == {None}


def test_a_run_that_could_not_go_on_says_so_in_its_span() -> None:
    house, traces = House(), MemoryTraces("house")
    house.service = replace(house.service, tracer=traces)
    house.stores.go_down()
    assert house.run().status_code == 503
    (run,) = [each for each in traces.ended if each.name == "run"]
    assert run.values["error.type"] == "StoreError"
    assert run.failure


def test_whoever_asks_for_a_run_does_not_choose_its_trace() -> None:
    """A scheduler that samples nothing would have the run sampled out too."""
    house, traces = House(), MemoryTraces("house")
    house.service = replace(house.service, tracer=traces)
    report_of(house.run(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"))
    (trigger,) = [each for each in traces.ended if each.name == "trigger"]
    assert trigger.trace != 0x0AF7651916CD43DD8448EB211C80319C


def test_what_is_traced_answers_the_same() -> None:
    plain, traced = House(), House()
    traced.service = replace(traced.service, tracer=MemoryTraces())
    assert plain.run().json() == traced.run().json()
