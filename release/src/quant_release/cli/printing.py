"""What commands print: no value that was given as a secret leaves in any of it."""

from __future__ import annotations

import sys
from typing import Any, cast

from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.digests import canonical_json, plain
from quant_platform_kit.domain.redaction import redact
from rich.console import Console
from rich.markup import escape

__all__ = ["ask_console", "print_json", "say", "shown"]


def shown(text: object) -> str:
    """Return a text that came from elsewhere, as markup that shows it as it is."""
    return escape(redact(str(text)))


def say(text: str) -> None:
    """Print one line; rich markup is taken as such."""
    console().print(text, soft_wrap=True)


def ask_console() -> Console:
    """Return the console that progress and questions go to: standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(document: object) -> None:
    """Print canonical JSON as one line on standard output; what is hidden is hidden from its texts alone."""
    sys.stdout.write(canonical_json(_without_secrets(plain(document))).decode() + "\n")


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(one) for key, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_without_secrets(one) for one in cast("list[Any]", value)]
    return redact(value) if isinstance(value, str) else value
