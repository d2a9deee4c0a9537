"""The cumulative result of a journal as a picture: SVG, and PNG for mail (extra ``chart``)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from trading_playbook.journal.record import TradeRecord

__all__ = ["drawing", "picture"]

FONTS = "DejaVu Sans, Liberation Sans, Arial, Helvetica"
"""Taken by name: no machine says which font a generic name stands for."""
WIDTH, HEIGHT, LEFT, MARGIN = 720, 300, 64, 28


def drawing(rows: Sequence[TradeRecord]) -> str:
    """Return the drawing of the cumulative result of all closed trades, in R, as SVG; of rows ascending by date."""
    closed = [row for row in rows if row.r_multiple is not None]
    sums = list(accumulate((row.r_multiple or 0.0 for row in closed), initial=0.0))
    low, high = min(sums), max(sums)
    span = (high - low) or 1.0
    step = (WIDTH - LEFT - MARGIN) / max(len(sums) - 1, 1)

    def place(value: float) -> float:
        return HEIGHT - MARGIN - (value - low) / span * (HEIGHT - 2 * MARGIN)

    line = " ".join(f"{LEFT + number * step:.1f},{place(value):.1f}" for number, value in enumerate(sums))
    marks = "".join(_label(8, place(value) + 4, f"{value:+.1f} R") for value in sorted({low, 0.0, high}))
    days = f"{closed[0].trade_date} to {closed[-1].trade_date}" if closed else "no closed trade yet"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<path d="M{LEFT} {place(0.0):.1f}H{WIDTH - MARGIN}" stroke="#999"/>'
        f'<polyline points="{line}" fill="none" stroke="#06c" stroke-width="2"/>'
        f"{marks}{_label(LEFT, HEIGHT - 8, f'{len(closed)} closed trades, {days}')}</svg>"
    )


def picture(svg: str) -> bytes | None:
    """Return a drawing as PNG; None where the extra is not installed. Text shows where the machine has a font."""
    try:
        import resvg_py
    except ImportError:
        return None
    return bytes(resvg_py.svg_to_bytes(svg_string=svg))


def _label(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-family="{FONTS}" font-size="12" fill="#000">{text}</text>'
