"""The playbook's service as a process."""

from __future__ import annotations

from collections.abc import Callable

from quant_platform_kit.web.serve import Serving, serve_process

from trading_playbook.compose import Asked, compose_playbook
from trading_playbook.config import Config
from trading_playbook.sources.port import Opens
from trading_playbook.web.app import create_app

__all__ = ["SourceOf", "serve_playbook"]

SourceOf = Callable[[Config, str], Opens]
"""Returns how the source of a symbol is opened, from the settings."""


def serve_playbook(source_of: SourceOf, *, cloud: bool = True) -> None:
    """Serve the daily run until the process is told to stop; see `serve_process`.

    Parameters
    ----------
    cloud
        Whether journal, cache and store are those of the bucket where nothing else is said.
    """
    serve_process(lambda: _serving(source_of, cloud=cloud))


def _serving(source_of: SourceOf, *, cloud: bool) -> Serving:
    config = Config.from_env(cloud=cloud)
    symbol = config.playbook_symbol
    playbook = compose_playbook(config, Asked(symbol), source_of(config, symbol))
    says = f"{config.cloud_run_service} runs DP20 on {symbol}"
    return Serving(config, says, lambda stop: create_app(playbook, config, stop))
