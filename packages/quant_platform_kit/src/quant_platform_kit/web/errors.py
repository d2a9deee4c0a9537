"""What a service answers when something is wrong: one status for each kind of error, and never a traceback."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from loguru import logger
from starlette.exceptions import HTTPException

from quant_platform_kit.domain.errors import BrokerError, InvalidInput, QuantError, Refused, StoreError
from quant_platform_kit.runtime.run_accounts import RETRY_AFTER
from quant_platform_kit.web.answers import error_answer
from quant_platform_kit.web.identity import Forbidden, Unauthenticated
from quant_platform_kit.web.requests import TooLarge, TooSlow

__all__ = ["HEADERS", "Busy", "add_errors", "stopping"]


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
HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": f"{RETRY_AFTER.total_seconds():.0f}"},
    HTTPStatus.REQUEST_TIMEOUT: {"Connection": "close"},
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {"Connection": "close"},
}
"""What goes with an error; the rest of a body that is not read is not waited for either."""


def add_errors(app: FastAPI, known: str) -> None:
    """Have an application answer errors.

    Parameters
    ----------
    known
        The routes there are, in words.
    """

    async def expected(request: Request, error: Exception) -> Response:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.SERVICE_UNAVAILABLE)
        headers = HEADERS.get(status, {})
        logger.warning("{} {} -> {}: {}", request.method, request.url.path, int(status), error)
        return error_answer(str(error), status, headers)

    async def routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
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


def stopping() -> Response:
    """Return the answer of a service that was told to stop."""
    return error_answer("the service is stopping", HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"})
