"""Where a service sends its spans, by the address that it is given."""

from __future__ import annotations

from urllib.parse import urlsplit

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.ports.tracing import NOT_TRACED, Tracer

__all__ = ["open_tracer"]


def open_tracer(url: str, service: str) -> Tracer:
    """Return a tracer that sends to a collector; for an empty address one that does nothing, and loads nothing.

    Parameters
    ----------
    url
        Where a collector takes OTLP over HTTP, such as ``http://127.0.0.1:4318/v1/traces``; may hold a password.
    service
        What the collector calls whoever sends.

    Raises
    ------
    InvalidInput
        The address is none, or the extra that it needs is not installed.
    """
    if not url:
        return NOT_TRACED
    if not _is_address(url):
        raise InvalidInput(
            "TRACES_URL is not where a collector takes OTLP over HTTP; write it as http://host:4318/v1/traces"
        )
    try:
        from quant_platform_kit.adapters.otlp_traces import traces_to
    except ImportError as error:
        raise InvalidInput(
            f"TRACES_URL needs {error.name or error}: install quant-platform-kit[traces], or leave it empty"
        ) from error
    return traces_to(url, service)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
