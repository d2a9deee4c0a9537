"""Every call that is served: the table behind `docs/reference`."""

from __future__ import annotations

from venue_sandbox.exchange.treatment import Treatment
from venue_sandbox.venues.http.options import CallRow

__all__ = ["CALLS"]

CALLS = (
    CallRow("GET /v2/stocks/bars", Treatment.SERVED, "of finished bars, page by page"),
    CallRow("GET /v2/calendar", Treatment.SERVED, "days and hours of the New York Stock Exchange"),
)
