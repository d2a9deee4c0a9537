"""Where settings become journals, stores and notices: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.observe.notifying import Notices

from trading_playbook.config import Config
from trading_playbook.daily.service import Playbook, Telling
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.sources.port import Opens
from trading_playbook.writers.places import writers_of
from trading_playbook.writers.writer import TradeWriter

__all__ = ["Asked", "compose_playbook", "store_of"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for beside the settings.

    Attributes
    ----------
    output
        The journal instead of the settings'; None for theirs.
    metrics_file
        Where figures are written for Prometheus; None for nowhere.
    feed
        Where the source's bars come from; empty for the feed of the settings.
    """

    symbol: str
    output: str | None = None
    parameters: Dp20Parameters = field(default_factory=Dp20Parameters)
    metrics_file: Path | None = None
    feed: str = ""


def store_of(config: Config) -> VersionedStore:
    """Open the store of attempts and notices."""
    url = config.store
    return open_store(url, endpoint=config.storage_emulator_host if url.startswith("gs:") else None)


def compose_playbook(config: Config, asked: Asked, opens: Opens, clock: Clock | None = None) -> Playbook:
    """Return the daily run that settings and options describe.

    A secret of a journal that cannot be read is the run's matter: its attempt is recorded.

    Parameters
    ----------
    opens
        The source of bars; it is opened when a row is missing.

    Raises
    ------
    InvalidInput
        The settings name no place, or a password stands where none may.
    StoreError
        The store of attempts cannot be opened.
    """
    store, urls = store_of(config), config.notify_urls.get_secret_value().split()

    def writers() -> Sequence[TradeWriter]:
        return writers_of(config, asked.output)

    with suppress(StoreError):
        writers()  # what cannot be meant is refused at once
    telling = Telling(
        Notices(store, AppriseNotifier(urls) if urls else None),
        config.daily_summary,
        config.trade_alerts,
        asked.metrics_file,
        "" if config.alpaca_dry_run_only else config.alpaca_feed or "iex",
    )
    return Playbook(
        asked.symbol,
        load_calendar("XNYS"),
        clock or SystemClock(),
        store,
        writers,
        opens,
        telling,
        asked.parameters,
        asked.feed or config.history_feed,
    )
