"""The page about what a strategy reads prices with, out of the docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from quant_platform_kit.domain import indicators
from quant_platform_kit.domain.prices import PriceHistory

__all__ = ["page"]

SECTION = re.compile(r"^(?P<name>\w+)\n-+\n", re.MULTILINE)
DEFINED = re.compile(r"^(?P<name>\w+(?:, \w+)*)\n(?P<text> {4}.+(?:\n {4}.+)*)$", re.MULTILINE)


def page() -> str:
    """Return the page."""
    return "\n".join((*_head(), *_history(), *_indicators())).rstrip() + "\n"


def _head() -> Iterator[str]:
    yield "# Prices and indicators\n"
    yield "Made from the code by `scripts/generate_reference.py`.\n"
    yield (
        "What a strategy reads: `ctx.market_history` is a `PriceHistory`, an indicator is a function of it. Arrays\n"
        "have a row for each session, oldest first, and a column for each symbol.\n"
    )


def _history() -> Iterator[str]:
    yield f"## `PriceHistory`\n\n{_text(PriceHistory)}\n"
    for name, member in vars(PriceHistory).items():
        if name.startswith("_") or not inspect.getdoc(member):
            continue
        yield f"### `{name}{'' if isinstance(member, property) else _signature(member)}`\n\n{_text(member)}\n"


def _indicators() -> Iterator[str]:
    told = _text(indicators).partition("\n\n")[2]
    yield f"## Indicators\n\n{told}\n"
    for name in indicators.__all__:
        function = getattr(indicators, name)
        yield f"### `{name}{_signature(function)}`\n\n{_text(function)}\n"


def _signature(function: Callable[..., Any]) -> str:
    words = [name for name in inspect.signature(function).parameters if name != "self"]
    return f"({', '.join(words)})"


def _text(what: object) -> str:
    """Return a docstring as Markdown: its sections are bold words, what they define are lists."""
    text = SECTION.sub(lambda found: f"**{found['name']}**\n\n", inspect.getdoc(what) or "")
    listed = DEFINED.sub(lambda found: f"- `{found['name']}`: {' '.join(found['text'].split())}", text)
    return listed.replace("``", "`")
