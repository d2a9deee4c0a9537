"""`quant playbook watchdog`: whether daily runs are within their bounds.

Exit codes: 0 all is well; 1 something is not, or cannot be judged; 2 usage.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.errors import InvalidInput
from rich.markup import escape

from trading_playbook.cli import options
from trading_playbook.sources.port import BarSource

__all__ = ["watchdog_command"]


def watchdog_command(
    symbol: Annotated[
        str | None, typer.Option(parser=options.symbol, metavar="QQQ", help="One symbol; PLAYBOOK_SYMBOL if absent.")
    ] = None,
    cloud: Annotated[bool, typer.Option("--cloud", help="Journal and store are those of GCS_BUCKET.")] = False,
    output: Annotated[str | None, typer.Option(metavar="PLACE", help="The journal, if not the settings' own.")] = None,
    metrics_file: Annotated[
        Path | None, typer.Option(metavar="FILE.prom", dir_okay=False, help="Write the figures for Prometheus.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Look at errors, idle sessions and slow runs, and tell of what is above its bound, once an episode."""
    # other commands do not wait for what this one needs
    from quant_platform_kit.adapters.logs import start_logging

    from trading_playbook.compose import Asked, compose_playbook

    config = options.configured(cloud=cloud)
    start_logging(as_json=config.log_format == "json")
    asked = Asked(symbol or config.playbook_symbol, output, metrics_file=metrics_file)
    found = compose_playbook(config, asked, _no_source, SystemClock()).watch()
    if json:
        print_json({"findings": found})
    else:
        console().print("\n".join(escape(text) for text in found) or "all is well", soft_wrap=True)
    raise typer.Exit(1 if found else 0)


def _no_source() -> AbstractContextManager[BarSource]:
    raise InvalidInput("the watchdog asks no source")
