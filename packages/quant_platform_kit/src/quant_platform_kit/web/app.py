"""The routes of a service. There is no ``/healthz``: Cloud Run keeps that path for itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from typing import Any

from anyio import CapacityLimiter, get_cancelled_exc_class, to_thread
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.store_keys import is_key
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.runtime.preflight import look_ahead
from quant_platform_kit.runtime.run_accounts import run_accounts
from quant_platform_kit.runtime.service import Service
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.runtime.version import version_document
from quant_platform_kit.web import reading
from quant_platform_kit.web.answers import PRIVATE, answered, as_json, described, error_answer
from quant_platform_kit.web.errors import Busy, add_errors, stopping
from quant_platform_kit.web.health import add_health
from quant_platform_kit.web.identity import IdentityCheck
from quant_platform_kit.web.requests import TRIGGER, read_trigger

__all__ = ["create_app"]

LONGEST_RUN_ID = 200
MOST_RUNS = 64
"""Threads for triggers, each with one."""
ROUTES = "POST /run, /preflight, GET /account, /runs, /runs/ID, /health, /ready, /version, /openapi.json"


def create_app(service: Service, stop: StopSignal | None = None) -> FastAPI:
    """Return the application of a service.

    Parameters
    ----------
    stop
        Set when the process is told to stop.
    """
    app = FastAPI(title=service.name, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    stop = stop or StopSignal()
    add_errors(app, ROUTES)
    add_health(
        app,
        lambda: (service.stores.ledger, service.stores.notices),
        {"profile": service.strategy.manifest.profile},
        stop,
    )
    identity = IdentityCheck(service.settings)
    _add_trigger(app, service, identity, stop)
    _add_preflight(app, service, identity)
    _add_runs(app, service, identity)
    return app


# --- routes -----------------------------------------------------------------------------------------


def _add_trigger(app: FastAPI, service: Service, identity: IdentityCheck, stop: StopSignal) -> None:
    threads = CapacityLimiter(MOST_RUNS)

    async def run(request: Request) -> Response:
        try:
            await to_thread.run_sync(identity.may_trigger, request.headers.get("Authorization"))
            trigger = await read_trigger(request)
            if stop.is_set:
                return stopping()
            if not threads.available_tokens:
                raise Busy(f"{MOST_RUNS} triggers are under way, and none of them ends; see what they wait for")
            with service.tracer.span("trigger", due=trigger.slot):
                results = await to_thread.run_sync(
                    run_accounts, service, trigger, stop, abandon_on_cancel=True, limiter=threads
                )
            return answered(results)
        except get_cancelled_exc_class():  # only the end of the process cancels: see `web.serve`
            return stopping()

    answers = described(200, 400, 401, 403, 408, 409, 413, 422, 500, 503)
    app.add_api_route("/run", run, methods=["POST"], responses=answers, openapi_extra=TRIGGER)


def _add_preflight(app: FastAPI, service: Service, identity: IdentityCheck) -> None:
    def preflight(request: Request, schedule: str) -> Response:
        identity.may_trigger(request.headers.get("Authorization"))
        looked = look_ahead(service, schedule, SystemClock().now())
        return as_json({"due": looked.due, "concerns": looked.concerns, "accounts": looked.briefs})

    answers = described(200, 400, 401, 403, 503)
    app.add_api_route("/preflight", preflight, methods=["POST"], responses=answers)


def _add_runs(app: FastAPI, service: Service, identity: IdentityCheck) -> None:
    def may_read(request: Request) -> None:
        identity.may_read(request.headers.get("Authorization"))

    def runs(request: Request, limit: int = 50, session: date | None = None) -> Response:
        found, still_open = reading.newest(service.stores, limit, session), reading.open_runs(service.stores)
        if _wants_page(request):
            return _page("runs.html", service, runs=found, open_runs=still_open)
        return as_json({"runs": found, "open": still_open})

    def one_run(request: Request, run_id: str) -> Response:
        is_run_id = is_key(run_id) and "/" not in run_id and len(run_id) <= LONGEST_RUN_ID
        report = service.stores.reports.find(run_id) if is_run_id else None
        if report is None:
            return _open_run(service, run_id, page=_wants_page(request))
        notice = reading.told_about(service.stores, run_id)
        if _wants_page(request):
            return _page("run.html", service, report=report, notice=notice)
        return as_json({"report": report, "notification": notice})

    def version() -> Response:
        return as_json(version_document(service))

    def openapi() -> Response:
        return as_json(_described_by(app))

    readers: Any = [Depends(may_read)]
    refused = (401, 403, 503)
    for path, route, answers, page in (
        ("/account", _account_route(service), (200, 400), True),
        ("/runs", runs, (200, 400), True),
        ("/runs/{run_id}", one_run, (200, 404), True),
        ("/version", version, (200,), False),
        ("/openapi.json", openapi, (200,), False),
    ):
        responses = described(*answers, *refused, page=page)
        app.add_api_route(path, route, methods=["GET"], dependencies=readers, responses=responses)
    app.add_api_route("/", _to_the_account, methods=["GET"], include_in_schema=False)


def _account_route(service: Service) -> Callable[..., Response]:
    def account(request: Request, limit: int = 60) -> Response:
        found = reading.accounts(service, limit)
        return _page("account.html", service, views=found) if _wants_page(request) else as_json({"accounts": found})

    return account


def _to_the_account() -> Response:
    return RedirectResponse("/account", headers=PRIVATE)


def _described_by(app: FastAPI) -> dict[str, Any]:
    """Return the routes as OpenAPI describes them, without the 422 that FastAPI would answer to a wrong query."""
    document = app.openapi()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path != "/run":
                operation["responses"].pop("422", None)
    return {key: part for key, part in document.items() if key != "components"}


def _open_run(service: Service, run_id: str, *, page: bool) -> Response:
    still_open = reading.find_open(reading.open_runs(service.stores), run_id)
    if still_open is None:
        return error_answer(f"run {run_id[:200]!r} is not known; GET /runs lists the runs", HTTPStatus.NOT_FOUND)
    return _page("open.html", service, run=still_open) if page else as_json({"open": still_open})


def _wants_page(request: Request) -> bool:
    """Whether a browser asks."""
    accepted = request.headers.get("Accept", "")
    return "text/html" in accepted and not accepted.startswith("application/json")


def _page(template: str, service: Service, **values: object) -> Response:
    from quant_platform_kit.web.pages import render

    return Response(redact(render(template, service=service, **values)), headers=PRIVATE, media_type="text/html")
