"""What the paper service says of its routes is how it answers: requests made up from its own description."""

from __future__ import annotations

import warnings
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from .service_frame import DUE, TIME, Start, slot

EXAMPLES = 15
"""Requests per route and kind: those that fit the description, and those that do not."""
BOUNDED = settings(
    derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


def operations(address: str) -> dict[str, Any]:
    """Return the routes that a service describes, but for the description itself."""
    import schemathesis

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
        found = [result.ok() for result in schema.get_all_operations()]
    return {operation.label: operation for operation in found}


def test_every_answer_is_one_that_the_description_names_and_none_is_a_defect(platform: Start) -> None:
    from requests import Session
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    made = platform()
    run_id = made.post().document["runs"][0]["report"]["run_id"]
    address = f"http://127.0.0.1:{made.service.port}"
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]
    described = operations(address)
    assert sorted(described) == [
        "GET /account",
        "GET /health",
        "GET /ready",
        "GET /runs",
        "GET /runs/{run_id}",
        "GET /version",
        "POST /preflight",
        "POST /run",
    ]
    seen: dict[str, set[int]] = {label: set() for label in described}
    known = {"GET /runs/{run_id}": ("path_parameters", {"run_id": run_id}), "POST /run": ("headers", {TIME: slot(DUE)})}
    with Session() as session:

        def ask(case: Any) -> None:
            """Send a request, every second one with what this service knows."""
            label = case.operation.label
            part, values = known.get(label, ("headers", {}))
            if values and next(turn) % 2:
                setattr(case, part, {**(getattr(case, part) or {}), **values})
            answer = case.call(base_url=address, session=session, timeout=30)
            seen[label].add(answer.status_code)
            case.validate_response(answer, checks=checks)

        turn = count()
        for label, operation in described.items():
            takes_something = label in (*known, "GET /runs")
            sampled = settings(BOUNDED, max_examples=EXAMPLES if takes_something else 2)
            sampled(given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))(ask))()
            if label in ("GET /runs", "POST /run"):  # any text may be the name of a run
                sampled(given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))(ask))()
    assert seen["GET /runs"] == {200, 400}
    assert seen["GET /runs/{run_id}"] == {200, 404}
    assert 400 in seen["POST /run"]
    assert {status for label in seen for status in seen[label] if status >= 500} == set()
    assert len(made.orders()) == 1
    assert "Traceback" not in made.log
