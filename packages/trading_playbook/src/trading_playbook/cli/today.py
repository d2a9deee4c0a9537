"""`quant playbook backtest --today`: the daily run from the command line."""

from __future__ import annotations

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.adapters.logs import start_logging
from quant_platform_kit.cli.output import console
from quant_platform_kit.ports.clock import Clock
from rich.markup import escape

from trading_playbook.attempts import Ending
from trading_playbook.compose import Asked, compose_playbook
from trading_playbook.config import Config
from trading_playbook.daily.document import document_of
from trading_playbook.sources.port import Opens

__all__ = ["Asked", "run_today"]

BAD = frozenset({Ending.EARLY, Ending.CONFLICT, Ending.ERROR})


def run_today(config: Config, asked: Asked, opens: Opens, clock: Clock, *, as_json: bool) -> int:
    """Make today's row, print what became of it and return the exit code; what went wrong is in the log."""
    start_logging(as_json=config.log_format == "json")
    attempt, result = compose_playbook(config, asked, opens, clock).run(clock.now())
    if as_json:
        print_json(document_of(attempt, result))
    else:
        counted = f"{attempt.rows} row{'' if attempt.rows == 1 else 's'} written"
        console().print(f"{escape(attempt.symbol)} {attempt.session}: {attempt.ending}, {counted}", soft_wrap=True)
    return 1 if attempt.ending in BAD else 0
