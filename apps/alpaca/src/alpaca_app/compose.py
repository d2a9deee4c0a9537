"""Where concrete classes meet: a login at Alpaca, what was kept of it, and the clock."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.adapters.server_clock import ServerClock, http_time
from quant_platform_kit.adapters.snapshot_stores import open_snapshots
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.runtime.settings import read_part
from trading_playbook.sources.installed import Wanted
from trading_playbook.sources.port import BarSource
from trading_playbook.sources.usage import Usage

from alpaca_app.addresses import addresses_of
from alpaca_app.api import Alpaca
from alpaca_app.cache import SessionCache
from alpaca_app.settings import AlpacaAccess, keys_of
from alpaca_app.source import AlpacaSource

__all__ = ["alpaca_of", "clock_of", "open_source"]


@contextmanager
def open_source(wanted: Wanted) -> Generator[BarSource]:
    """Open the source that the environment describes; see `trading_playbook.sources.installed.OpenSource`."""
    access = read_part(AlpacaAccess)
    feed = wanted.feed or access.alpaca_feed
    with closing(alpaca_of(access)) as alpaca:
        store = open_snapshots(wanted.cache or access.data_cache_dir, endpoint=access.storage_emulator_host)
        cache = SessionCache(store, wanted.symbol, feed, alpaca.usage)
        yield AlpacaSource(alpaca, cache, wanted, feed, clock_of(alpaca))


def alpaca_of(access: AlpacaAccess) -> Alpaca:
    """Return a login at Alpaca; raises as `addresses_of` and `keys_of`."""
    addresses = addresses_of(access)
    return Alpaca(keys_of(access, GoogleSecrets()), addresses, access.alpaca_timeout_seconds, Usage())


def clock_of(alpaca: Alpaca) -> Clock:
    """Return the time of Alpaca, which is this machine's; that of a venue of the sandbox is its own."""
    if not alpaca.addresses.is_sandbox:
        return SystemClock()
    return ServerClock(http_time(alpaca.addresses.data, alpaca.seconds))
