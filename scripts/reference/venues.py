"""docs/reference/venue-*.md: what becomes of every field and call at a venue, out of the venue's own tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from venue_sandbox.exchange.treatment import Treatment
from venue_sandbox.venues.alpaca.bar_options import BAR_OPTIONS, LATEST_OPTIONS
from venue_sandbox.venues.alpaca.calls import CALLS as ALPACA_CALLS
from venue_sandbox.venues.alpaca.order_options import LIST_OPTIONS
from venue_sandbox.venues.alpaca.order_options import ORDER_OPTIONS as ALPACA_ORDER
from venue_sandbox.venues.http.options import CallRow, Option
from venue_sandbox.venues.longbridge.calls import HTTP_CALLS, QUOTE_COMMANDS, TRADE_COMMANDS
from venue_sandbox.venues.longbridge.order_options import CHANGE_OPTIONS
from venue_sandbox.venues.longbridge.order_options import ORDER_OPTIONS as LONGBRIDGE_ORDER
from venue_sandbox.venues.schwab.calls import CALLS as SCHWAB_CALLS
from venue_sandbox.venues.schwab.order_options import INSTRUMENT_OPTIONS, LEG_OPTIONS
from venue_sandbox.venues.schwab.order_options import ORDER_OPTIONS as SCHWAB_ORDER
from venue_sandbox.venues.tws.calls import CALLS as TWS_CALLS
from venue_sandbox.venues.tws.order_options import ORDER_OPTIONS as TWS_ORDER

from reference.markdown import table

__all__ = ["alpaca", "longbridge", "schwab", "tws"]

MADE = (
    "Generated from the tables in the venue's code by `scripts/generate_reference.py`; the repository's check fails "
    "when it is out of date."
)
RULE = """\
A venue never accepts what it does not do. Every field and every call below is **served**, **refused** with the code
and in the shape of the broker, or has **no meaning here**, and the table says why. What is in no table is refused. A
refused field may be written as long as it asks for nothing: most clients write every field there is.\
"""
ASSUMED = {
    "tws": "Where the broker has no code of its own for a field, the refusal is 201, a rejected order. Requests that "
    "cannot be served are 322 and not 321, as ib_async takes 321 for a warning and waits on. A message that cannot be "
    "read is 320 and names its request; one without a length that could be right is 507, and the connection ends.",
    "schwab": "Refusals of orders are 400, of calls 403, of addresses 404; a slash at the end of an address changes "
    "nothing.",
    "longbridge": "Refusals of orders are HTTP 400 with 602001, of calls 403 with 403000, of addresses 404 with "
    "404000, of commands on the quote socket 301604. A frame that is no request is answered with status 3 and 301600. "
    "Fields of a message that its definition does not have are passed over, as protocol buffers are read everywhere.",
    "alpaca": "Orders that are asked wrongly are 422, those that account or asset do not allow 403; questions for "
    "prices that are asked wrongly are 400. Wrong keys are 401, one request too many is 429, an address that is none "
    "404. Bars appear when they are finished, SIP prices 15 minutes later unless the venue is started with `--paid`; "
    "adjusted prices have four decimals. A client order id stays taken for ever.",
}


class _Row(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def treatment(self) -> Treatment: ...
    @property
    def text(self) -> str: ...


def alpaca() -> str:
    """Return the page of Alpaca's venue."""
    return _page(
        "Alpaca",
        "alpaca",
        _fields("Fields of an order", ALPACA_ORDER, "422"),
        _fields("Parameters of a list of orders", LIST_OPTIONS, "422"),
        _fields("Parameters of a question for bars", BAR_OPTIONS, "400"),
        _fields("Parameters of a question for the newest prices", LATEST_OPTIONS, "400"),
        _calls("Calls", ALPACA_CALLS),
    )


def tws() -> str:
    """Return the page of Interactive Brokers' venue."""
    fields = _rows((option, str(option.code or "")) for option in TWS_ORDER)
    calls = [
        (str(call.number), f"`{call.name}`", call.treatment.value, str(call.code or ""), call.text)
        for call in TWS_CALLS.values()
    ]
    return _page(
        "Interactive Brokers",
        "tws",
        ("Fields of an order (message 3)", _counted(TWS_ORDER), table(("field", "", "code", "text"), fields)),
        ("Messages", _counted(TWS_CALLS.values()), table(("number", "message", "", "code", "text"), calls)),
    )


def schwab() -> str:
    """Return the page of Schwab's venue."""
    return _page(
        "Schwab",
        "schwab",
        _fields("Fields of an order", SCHWAB_ORDER, "400"),
        _fields("Fields of its leg", LEG_OPTIONS, "400"),
        _fields("Fields of the leg's instrument", INSTRUMENT_OPTIONS, "400"),
        _calls("Calls", SCHWAB_CALLS),
    )


def longbridge() -> str:
    """Return the page of LongBridge's venue."""
    return _page(
        "LongBridge",
        "longbridge",
        _fields("Fields of an order", LONGBRIDGE_ORDER, "602001"),
        _fields("Fields of a change", CHANGE_OPTIONS, "602001"),
        _calls("Calls over HTTP", HTTP_CALLS),
        _commands("Commands of the quote socket", QUOTE_COMMANDS),
        _commands("Commands of the trade socket", TRADE_COMMANDS),
    )


def _page(title: str, venue: str, *sections: tuple[str, str, str]) -> str:
    parts = [f"# What the venue of {title} does", MADE, RULE, ASSUMED[venue]]
    for heading, counted, rows in sections:
        parts += [f"## {heading}", counted, rows]
    return "\n\n".join(parts) + "\n"


def _fields(heading: str, options: Mapping[str, Option], code: str) -> tuple[str, str, str]:
    rows = _rows((option, code if option.treatment is Treatment.REFUSED else "") for option in options.values())
    return heading, _counted(options.values()), table(("field", "", "code", "text"), rows)


def _calls(heading: str, calls: Iterable[CallRow]) -> tuple[str, str, str]:
    calls = list(calls)
    return heading, _counted(calls), table(("call", "", "code", "text"), _rows((call, call.code) for call in calls))


def _commands(heading: str, rows: Mapping[int, CallRow]) -> tuple[str, str, str]:
    shown = [(str(number), row.name, row.treatment.value, row.code, row.text) for number, row in rows.items()]
    return heading, _counted(rows.values()), table(("number", "command", "", "code", "text"), shown)


def _rows(rows: Iterable[tuple[_Row, str]]) -> list[tuple[str, str, str, str]]:
    return [(f"`{row.name}`", row.treatment.value, code, row.text) for row, code in rows]


def _counted(rows: Iterable[_Row]) -> str:
    counts = Counter(row.treatment for row in rows)
    return ", ".join(f"{counts[treatment]} {treatment.value}" for treatment in Treatment) + "."
