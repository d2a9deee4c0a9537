"""The routes of the playbook's service, on those of every service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from http import HTTPStatus
from typing import cast

from anyio import CapacityLimiter, get_cancelled_exc_class, to_thread
from fastapi import Depends, FastAPI, Request, Response
from quant_platform_kit.domain.errors import InvalidInput, QuantError, UnknownSession
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.runtime.version import installed
from quant_platform_kit.web.answers import PRIVATE, as_json, described, error_answer
from quant_platform_kit.web.errors import HEADERS, Busy, add_errors, stopping
from quant_platform_kit.web.health import add_health
from quant_platform_kit.web.identity import IdentityCheck
from quant_platform_kit.web.requests import read_body, read_due, read_fields

from trading_playbook.attempts import Ending
from trading_playbook.config import Config
from trading_playbook.daily.document import document_of
from trading_playbook.daily.run import DailyResult
from trading_playbook.daily.service import Playbook
from trading_playbook.observe.exposition import exposition

__all__ = ["create_app"]

ROUTES = "POST /backtest, GET /health, /ready, /version, /metrics"
PACKAGES = ("trading-playbook", "quant-platform-kit")
MOST_RUNS = 4
EXAMPLE = '{"mode": "probe"} or {"date": "2025-11-28"}'
_STATUS = {Ending.EARLY: HTTPStatus.CONFLICT, Ending.ERROR: HTTPStatus.SERVICE_UNAVAILABLE}
"""Of endings that another try may change; all others are 200."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks for: the run that was due at an instant, or only whether one could be made."""

    scheduled: datetime
    probes: bool


def create_app(playbook: Playbook, config: Config, stop: StopSignal) -> FastAPI:
    """Return the application: ``POST /backtest``, ``/health``, ``/ready``, ``/version`` and ``/metrics``.

    Parameters
    ----------
    stop
        Set when the process is told to stop.
    """
    app = FastAPI(
        title=config.cloud_run_service, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    add_errors(app, ROUTES)
    add_health(app, lambda: (playbook.store,), {"symbol": playbook.symbol}, stop)
    identity = IdentityCheck(config)
    _add_backtest(app, playbook, identity, stop)
    _add_readings(app, playbook, config, identity)
    return app


def _add_backtest(app: FastAPI, playbook: Playbook, identity: IdentityCheck, stop: StopSignal) -> None:
    threads = CapacityLimiter(MOST_RUNS)

    async def backtest(request: Request) -> Response:
        try:
            await to_thread.run_sync(identity.may_trigger, request.headers.get("Authorization"))
            asked = await _asked(request, playbook)
            if stop.is_set:
                return stopping()
            if not threads.available_tokens:
                raise Busy(f"{MOST_RUNS} runs are under way; try again when one has ended")
            answer = _probed if asked.probes else _ran
            return await to_thread.run_sync(answer, playbook, asked, abandon_on_cancel=True, limiter=threads)
        except get_cancelled_exc_class():  # only the end of the process cancels
            return stopping()

    answers = described(200, 400, 401, 403, 408, 409, 413, 500, 503)
    app.add_api_route("/backtest", backtest, methods=["POST"], responses=answers)


def _add_readings(app: FastAPI, playbook: Playbook, config: Config, identity: IdentityCheck) -> None:
    def may_read(request: Request) -> None:
        identity.may_read(request.headers.get("Authorization"))

    def version() -> Response:
        return as_json(
            {
                "service": config.cloud_run_service,
                "revision": config.revision,
                "commit": config.commit_sha,
                "image": config.image,
                "packages": {name: installed(name) for name in PACKAGES},
                "symbol": playbook.symbol,
                "feed": playbook.feed,
            }
        )

    def metrics() -> Response:
        try:
            text = exposition(playbook.readings())
        except QuantError as error:
            return _unavailable(str(error))
        return Response(text, headers=PRIVATE, media_type="text/plain; version=0.0.4; charset=utf-8")

    for path, route in (("/version", version), ("/metrics", metrics)):
        app.add_api_route(
            path, route, methods=["GET"], dependencies=[Depends(may_read)], responses=described(200, 401, 403, 503)
        )


async def _asked(request: Request, playbook: Playbook) -> _Asked:
    """Read what a request asks for; `InvalidInput` says what of it cannot be meant."""
    fields = read_fields(await read_body(request), ("mode", "date"), EXAMPLE)
    scheduled, today = read_due(request), playbook.calendar.local_date(playbook.clock.now())
    if "mode" in fields and fields["mode"] != "probe":
        raise InvalidInput(f'mode is {str(fields["mode"])[:60]!r}; it is "probe", or left out for a run')
    if "date" in fields:
        scheduled = _noon(fields["date"], playbook)
    session = playbook.calendar.local_date(scheduled)
    if session > today:
        raise InvalidInput(f"{session} is in the future, today is {today}; a run is for a session that has been")
    try:
        playbook.calendar.is_session(session)
    except UnknownSession as error:
        raise InvalidInput(str(error)) from None
    return _Asked(scheduled, fields.get("mode") == "probe")


def _noon(text: object, playbook: Playbook) -> datetime:
    try:
        day = date.fromisoformat(cast(str, text))
    except (TypeError, ValueError):
        raise InvalidInput(f"date is {str(text)[:60]!r}; write it as 2025-11-28") from None
    return datetime.combine(day, time(12), playbook.calendar.timezone).astimezone(UTC)


def _ran(playbook: Playbook, asked: _Asked) -> Response:
    attempt, result = playbook.run(asked.scheduled)
    status = _STATUS.get(attempt.ending, HTTPStatus.OK)
    return as_json(document_of(attempt, result), status, _headers(playbook, result, status))


def _probed(playbook: Playbook, asked: _Asked) -> Response:
    if faults := playbook.probe():
        return _unavailable("; ".join(faults))
    session = playbook.calendar.local_date(asked.scheduled)
    return as_json({"mode": "probe", "symbol": playbook.symbol, "session": session, "faults": []})


def _unavailable(message: str) -> Response:
    return error_answer(message, HTTPStatus.SERVICE_UNAVAILABLE, HEADERS[HTTPStatus.SERVICE_UNAVAILABLE])


def _headers(playbook: Playbook, result: DailyResult, status: HTTPStatus) -> dict[str, str]:
    if result.retry_at is None:
        return HEADERS.get(status, {})
    wait = (result.retry_at - playbook.clock.now()).total_seconds()
    return {"Retry-After": f"{max(1, wait):.0f}"}
