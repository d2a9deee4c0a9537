"""What people are told of a day: its summary with a picture, and its trades."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from quant_platform_kit.ports.notifier import Attachment, Notification, Severity

from trading_playbook.attempts import Attempt, Ending, slug
from trading_playbook.journal.cells import cell_of
from trading_playbook.journal.record import TradeRecord
from trading_playbook.observe.picture import drawing, picture
from trading_playbook.observe.readings import Readings

__all__ = ["daily_summary", "trade_alert"]

NONE = "-"
_SEVERITY = {Ending.ERROR: Severity.FAILURE, Ending.CONFLICT: Severity.WARNING}


def daily_summary(
    attempt: Attempt, rows: Sequence[TradeRecord] | None, readings: Readings, warnings: Iterable[str]
) -> Notification:
    """Return the summary of a session: text, the same as HTML, and the picture of all results where it can be drawn.

    Parameters
    ----------
    rows
        Of the journal, ascending; None where it is not known: no figures of it are told then.
    warnings
        What else a reader should know, in sentences.
    """
    row = next((row for row in rows or () if row.trade_date == attempt.session), None)
    lines = [*_session_lines(attempt, row), *_figure_lines(readings)]
    said = [text for text in (attempt.reason, *warnings) if text]
    title = f"trading playbook, {attempt.symbol} {attempt.session}: {row.notes if row else attempt.ending}"
    body = "\n".join([*(f"{name}: {value}" for name, value in lines), *said])
    image = None if rows is None else picture(drawing(rows))
    key = f"playbook/{slug(attempt.symbol)}/summary-{attempt.session}-{attempt.ending}"
    attachments = (Attachment("results.png", "image/png", image),) if image else ()
    severity = _SEVERITY.get(attempt.ending, Severity.INFO)
    return Notification(key, severity, title, body, _page(title, lines, said), attachments)


def trade_alert(row: TradeRecord) -> Notification:
    """Return what is told of a trade."""
    result = NONE if row.r_multiple is None else f"{row.r_multiple:+.2f} R"
    title = f"trading playbook, {row.symbol} {row.trade_date}: {row.notes}, {result}"
    lines = (f"{name}: {value}" for name, value in _trade_lines(row))
    return Notification(f"playbook/{slug(row.symbol)}/trade-{row.trade_date}", Severity.INFO, title, "\n".join(lines))


def _session_lines(attempt: Attempt, row: TradeRecord | None) -> list[tuple[str, str]]:
    lines = [("session", str(attempt.session)), ("outcome", attempt.ending.value)]
    if row is not None:
        lines += [("note", row.notes), *(_trade_lines(row) if row.entered else [])]
    lines.append(("took", f"{attempt.seconds:.1f} s, {attempt.usage.calls} calls of the source"))
    return [*lines, ("feed", attempt.feed)] if attempt.feed else lines


def _trade_lines(row: TradeRecord) -> list[tuple[str, str]]:
    return [
        ("entry", f"{_cell(row.entry_time)} at {_cell(row.entry_price)}, stop {_cell(row.stop_price)}"),
        ("exit", f"{_cell(row.exit_time)} at {_cell(row.eod_exit_price)}"),
        ("result", NONE if row.r_multiple is None else f"{row.r_multiple:+.6f} R"),
    ]


def _figure_lines(readings: Readings) -> list[tuple[str, str]]:
    errors = ("errors of 30 days", _number(readings.error_rate, "{:.2%}"))
    if (found := readings.figures) is None:
        return [errors]
    return [
        ("trades", f"{found.entries} in {found.sessions} sessions"),
        ("win rate of 30 days", _number(readings.win_rate, "{:.1%}")),
        ("expectancy", _number(readings.expectancy, "{:+.4f} R")),
        ("drawdown", _number(readings.drawdown, "{:.4f} R")),
        ("sessions without entry", str(readings.sessions_without_entry)),
        errors,
    ]


def _page(title: str, lines: Iterable[tuple[str, str]], said: Iterable[str]) -> str:
    rows = "".join(f"<tr><th align=left>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in lines)
    notes = "".join(f"<p>{escape(text)}</p>" for text in said)
    return f"<h1>{escape(title)}</h1><table cellpadding=4>{rows}</table>{notes}"


def _cell(value: object) -> str:
    return cell_of(value) or NONE


def _number(value: float | None, form: str) -> str:
    return NONE if value is None else form.format(value)
