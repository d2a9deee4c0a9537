"""The routes of a service. There is no ``/healthz``: Cloud Run keeps that path for itself."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus
from threading import Semaphore
from typing import Any

from anyio import CapacityLimiter, fail_after, get_cancelled_exc_class, to_thread
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from loguru import logger
from starlette.exceptions import HTTPException

from quant_platform_kit.adapters.store_keys import is_key
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, QuantError, Refused, StoreError
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.runtime.run_accounts import RETRY_AFTER, run_accounts
from quant_platform_kit.runtime.service import Service
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.runtime.version import version_document
from quant_platform_kit.services.observe.readiness import make_sure_it_writes
from quant_platform_kit.web import reading
from quant_platform_kit.web.answers import PRIVATE, answered, as_json, described, error_answer
from quant_platform_kit.web.identity import Forbidden, IdentityCheck, Unauthenticated
from quant_platform_kit.web.requests import TRIGGER, TooLarge, TooSlow, read_trigger

__all__ = ["create_app"]

LONGEST_RUN_ID = 200
MOST_RUNS, READY_THREADS = 64, 8
"""Threads for triggers, each with one, and of ``/ready``, which no trigger that hangs takes."""
READY_SECONDS = 10.0
"""How long ``/ready`` waits for the stores."""


class Busy(QuantError):
    """As many triggers are under way as there are threads for."""


_STATUS: tuple[tuple[type[QuantError], HTTPStatus], ...] = (
    (Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (TooSlow, HTTPStatus.REQUEST_TIMEOUT),
    (InvalidInput, HTTPStatus.BAD_REQUEST),
    (Refused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
    (BrokerError, HTTPStatus.SERVICE_UNAVAILABLE),
)
_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": f"{RETRY_AFTER.total_seconds():.0f}"},
    HTTPStatus.REQUEST_TIMEOUT: {"Connection": "close"},
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {"Connection": "close"},
}
"""What goes with an error; the rest of a body that is not read is not waited for either."""


def create_app(service: Service, stop: StopSignal | None = None) -> FastAPI:
    """Return the application of a service.

    Parameters
    ----------
    stop
        Set when the process is told to stop.
    """
    app = FastAPI(title=service.name, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    stop = stop or StopSignal()
    _add_errors(app)
    _add_health(app, service, stop)
    identity = IdentityCheck(service.settings)
    _add_trigger(app, service, identity, stop)
    _add_runs(app, service, identity)
    return app


def _add_errors(app: FastAPI) -> None:
    async def expected(request: Request, error: Exception) -> Response:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.SERVICE_UNAVAILABLE)
        headers = _HEADERS.get(status, {})
        logger.warning("{} {} -> {}: {}", request.method, request.url.path, int(status), error)
        return error_answer(str(error), status, headers)

    async def routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        known = "POST /run, GET /runs, /runs/ID, /health, /ready, /version, /openapi.json"
        words = {404: f"there is no {request.url.path[:200]} here; there are {known}"}
        words[405] = f"{request.method} is not for {request.url.path[:200]}; there are {known}"
        return error_answer(words.get(error.status_code, str(error.detail)), error.status_code, error.headers)

    async def query(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        given = str(first.get("input"))[:60]
        return error_answer(f"{first['loc'][-1]} is {given!r}: {first['msg']}", HTTPStatus.BAD_REQUEST)

    async def defect(request: Request, error: Exception) -> Response:
        logger.opt(exception=error).error("{} {} failed", request.method, request.url.path)
        return error_answer("a defect in the service; its log has the details", HTTPStatus.INTERNAL_SERVER_ERROR)

    app.add_exception_handler(QuantError, expected)
    app.add_exception_handler(HTTPException, routing)
    app.add_exception_handler(RequestValidationError, query)
    app.add_exception_handler(Exception, defect)


# --- routes -----------------------------------------------------------------------------------------


def _stopping() -> Response:
    return error_answer("the service is stopping", HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"})


def _add_health(app: FastAPI, service: Service, stop: StopSignal) -> None:
    async def health() -> Response:
        return as_json({"status": "stopping" if stop.is_set else "ok"})

    limiter, free = CapacityLimiter(READY_THREADS), Semaphore(READY_THREADS)

    def stores_write() -> None:
        try:
            for store in (service.stores.ledger, service.stores.notices):
                make_sure_it_writes(store)
        finally:
            free.release()

    async def ready() -> Response:
        if stop.is_set:
            return _stopping()
        if not free.acquire(blocking=False):
            raise StoreError(f"the stores do not answer: {READY_THREADS} earlier calls wait for them")
        try:
            with fail_after(READY_SECONDS):
                await to_thread.run_sync(stores_write, abandon_on_cancel=True, limiter=limiter)
        except TimeoutError:
            raise StoreError(f"the stores do not answer within {READY_SECONDS:g} s") from None
        return as_json({"ready": True, "profile": service.strategy.manifest.profile})

    app.add_api_route("/health", health, methods=["GET"], responses=described(200))
    app.add_api_route("/ready", ready, methods=["GET"], responses=described(200, 503))


def _add_trigger(app: FastAPI, service: Service, identity: IdentityCheck, stop: StopSignal) -> None:
    threads = CapacityLimiter(MOST_RUNS)

    async def run(request: Request) -> Response:
        try:
            await to_thread.run_sync(identity.may_trigger, request.headers.get("Authorization"))
            trigger = await read_trigger(request)
            if stop.is_set:
                return _stopping()
            if not threads.available_tokens:
                raise Busy(f"{MOST_RUNS} triggers are under way, and none of them ends; see what they wait for")
            results = await to_thread.run_sync(
                run_accounts, service, trigger, stop, abandon_on_cancel=True, limiter=threads
            )
            return answered(results)
        except get_cancelled_exc_class():  # only the end of the process cancels: see `web.serve`
            return _stopping()

    answers = described(200, 400, 401, 403, 408, 409, 413, 422, 500, 503)
    app.add_api_route("/run", run, methods=["POST"], responses=answers, openapi_extra=TRIGGER)


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
        ("/runs", runs, (200, 400), True),
        ("/runs/{run_id}", one_run, (200, 404), True),
        ("/version", version, (200,), False),
        ("/openapi.json", openapi, (200,), False),
    ):
        responses = described(*answers, *refused, page=page)
        app.add_api_route(path, route, methods=["GET"], dependencies=readers, responses=responses)


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
