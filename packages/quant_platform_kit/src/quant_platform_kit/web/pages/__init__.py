"""The pages of a service, for people: no script, nothing loaded from elsewhere."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.services.run.advice import PLACE
from quant_platform_kit.web.pages import drawing, headlines, texts

__all__ = ["render"]


def render(template: str, **values: object) -> str:
    """Return a page."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("quant_platform_kit.web", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_redacted,
    )
    filters: dict[str, Any] = {name: getattr(texts, name) for name in texts.__all__}
    functions: dict[str, Any] = {
        name: getattr(module, name) for module in (drawing, headlines) for name in module.__all__
    }
    made.filters.update(filters)  # pyright: ignore[reportUnknownMemberType]
    made.globals.update({**functions, "PLACE": PLACE})  # pyright: ignore[reportUnknownMemberType]
    return made


def _redacted(value: object) -> object:
    """Return what is printed without secrets: afterwards a secret that holds ``&`` is escaped and not recognised."""
    return redact(value) if isinstance(value, str) else value
