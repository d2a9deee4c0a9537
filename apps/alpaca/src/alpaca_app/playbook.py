"""The trading playbook with Alpaca's bars: a service, and with arguments the command.

``python -m alpaca_app.playbook`` serves ``POST /backtest``, see `trading_playbook.web`;
``python -m alpaca_app.playbook live`` serves live sessions, see `trading_playbook.web.live`;
``python -m alpaca_app.playbook --symbol QQQ --start ... --end ...`` is ``quant playbook backtest``.
"""

from __future__ import annotations

import sys
from functools import partial

from quant_platform_kit.adapters.calendar_tables import load_calendar
from trading_playbook.config import Config
from trading_playbook.sources.installed import Wanted
from trading_playbook.sources.port import Opens

__all__ = ["main", "source_of"]


def source_of(config: Config, symbol: str) -> Opens:
    """Return how the source of a symbol is opened; see `trading_playbook.web.serve.SourceOf`."""
    from alpaca_app.compose import open_source

    return partial(open_source, Wanted(symbol, load_calendar("XNYS"), cache=config.cache))


def main() -> None:
    """Serve where nothing is asked for, else run the command; each loads what it needs."""
    if sys.argv[1:] in ([], ["--stop-at-eof"]):
        from trading_playbook.web.serve import serve_playbook

        serve_playbook(source_of)
    elif sys.argv[1:2] == ["live"]:
        from trading_playbook.web.live import serve_live

        del sys.argv[1]
        serve_live()
    else:
        from trading_playbook.cli.backtest import main as run_command

        run_command()


if __name__ == "__main__":
    main()
