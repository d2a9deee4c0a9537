"""The page: every text of it made ready, so that the template only places it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from quant_platform_kit import report
from quant_platform_kit.report import formats
from quant_platform_kit.report.cards import NONE, Card

from trading_playbook.backtest import Backtest, SessionResult
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.figures import Figures, figures
from trading_playbook.journal.cells import cells_of
from trading_playbook.journal.record import COLUMNS
from trading_playbook.page.drawing import trade_chart

__all__ = ["render_page", "template_of"]

_ROWS = (
    "trade_date",
    "notes",
    "pullback_time",
    "reversal_time",
    "confirmation_time",
    "entry_time",
    "exit_time",
    "r_multiple",
)


def render_page(tested: Backtest, symbol: str, parameters: Dp20Parameters) -> str:
    """Return a page about a back-test of at least one session; it loads nothing."""
    found = figures(tested.records)
    context = {
        "head": {
            "symbol": symbol,
            "first": tested.records[0].trade_date.isoformat(),
            "last": tested.records[-1].trade_date.isoformat(),
            "sessions": formats.number(found.sessions),
            "bar_minutes": parameters.bar_minutes,
            "sentence": _sentence(found),
        },
        "cards": _cards(found),
        "warnings": tested.warnings,
        "notes": sorted(found.notes.items(), key=lambda entry: -entry[1]),
        "trades": [_trade(session, parameters) for session in tested.sessions if session.outcome.trade is not None],
        "columns": [name.removesuffix("_time").replace("_", " ") for name in _ROWS],
        "rows": [_cells(session) for session in tested.sessions],
        "parameters": parameters.model_dump(),
    }
    return template_of("playbook.html.j2").render(**context)


@cache
def template_of(name: str) -> Template:
    """Return a template of this folder, which may include those of the kit's reports."""
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, *map(Path, report.__path__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _sentence(found: Figures) -> str:
    if found.total is None or found.expectancy is None:
        return f"{formats.number(found.sessions)} sessions, and no trade was closed."
    return (
        f"{formats.number(found.closed)} trades in {formats.number(found.sessions)} sessions: "
        f"{_r(found.total)} in all, {_r(found.expectancy, 3)} a trade."
    )


def _cards(found: Figures) -> tuple[Card, ...]:
    return (
        Card("Expectancy", _r(found.expectancy, 3), "mean result of closed trades"),
        Card("Total", _r(found.total), f"of {formats.number(found.closed)} closed trades"),
        Card("Win rate", _share(found.win_rate), f"{found.wins} of {found.closed}"),
        Card("Win rate, 30 days", _share(found.trailing_win_rate), f"{found.trailing_wins} of {found.trailing_closed}"),
        Card("Largest drawdown", _r(found.drawdown, sign=False), "of the cumulative result"),
        Card("Trades a session", _share(found.trades_per_day), f"{found.entries} of {found.sessions}"),
        Card("Longest wait", formats.number(found.longest_without_entry), "sessions in a row without an entry"),
    )


def _trade(session: SessionResult, parameters: Dp20Parameters) -> dict[str, object]:
    assert session.outcome.trade is not None
    return {
        "date": session.day.date.isoformat(),
        "result": _r(session.record.r_multiple),
        "note": session.record.notes.value,
        "chart": trade_chart(session, session.outcome.trade, parameters),
    }


def _cells(session: SessionResult) -> list[str]:
    cells = dict(zip(COLUMNS, cells_of(session.record), strict=True))
    return [cells[name] for name in _ROWS]


def _r(value: float | None, digits: int = 2, *, sign: bool = True) -> str:
    return NONE if value is None else f"{formats.number(value, digits, sign=sign)} R"


def _share(value: float | None) -> str:
    return NONE if value is None else formats.percent(value)
