"""Where concrete classes meet: the paper venue, a price file, and the service every app shares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.price_files import PRICE_FIELDS
from quant_platform_kit.adapters.strategies import load_strategy_file
from quant_platform_kit.domain.errors import BrokerError, InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.domain.strategy import Strategy
from quant_platform_kit.paper.client import PaperClient, VenueClock, venue_quotes
from quant_platform_kit.paper.platform import description
from quant_platform_kit.runtime.service import Account, Service, configured
from quant_platform_kit.runtime.settings import read_settings

from paper_app.contact import PaperContact
from paper_app.history import PriceFile
from paper_app.settings import PaperSettings

__all__ = ["compose"]


class _Market:
    """History out of a price file, quotes from the venue; ``calls`` counts the requests for these."""

    def __init__(self, prices: PriceFile, settings: PaperSettings) -> None:
        self._prices, self._port, self._account = prices, settings.paper_venue_port, settings.paper_account
        self.calls = 0

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return all the file has of ``symbols`` up to ``until``."""
        table = self._prices.table()
        if absent := sorted(set(symbols) - set(table.symbols)):
            raise BrokerError(f"PAPER_PRICES has no prices of {', '.join(absent)}: add them to the file")
        return PriceHistory(table.select(symbols)).until(until)

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return what the venue quotes."""
        self.calls += 1
        return venue_quotes(self._port, self._account, symbols)


def _check_lease(settings: PaperSettings, traits: BrokerTraits) -> None:
    """Refuse a lease that runs out while the venue may still answer: no order would ever be sent under it."""
    needed = max(2 * traits.timeout, traits.visibility_window + traits.timeout).total_seconds()
    if settings.lease_seconds <= needed:
        given = f"{settings.paper_timeout_seconds:g} and PAPER_SETTLE_SECONDS {settings.paper_settle_seconds:g}"
        raise InvalidInput(
            f"LEASE_SECONDS is {settings.lease_seconds:g}; with PAPER_TIMEOUT_SECONDS {given} it has to be more than "
            f"{needed:g}"
        )


def _own(settings: PaperSettings) -> Strategy:
    """Return the strategy of a file; the profile that the service goes by has to be its own."""
    own = load_strategy_file(settings.paper_strategy)
    if own.manifest.profile != settings.strategy_profile:
        raise InvalidInput(
            f"STRATEGY_PROFILE is {settings.strategy_profile!r}; PAPER_STRATEGY {settings.paper_strategy} has "
            f"{own.manifest.profile}: name that"
        )
    return own


def compose() -> Service:
    """Return the service that the environment describes; raises as `configured`."""
    settings = read_settings(PaperSettings)
    calendar = load_calendar("XNYS")
    prices = PriceFile(settings.paper_prices, settings.paper_price_field, calendar)
    traits = BrokerTraits(
        visibility_window=timedelta(seconds=settings.paper_settle_seconds),
        timeout=timedelta(seconds=settings.paper_timeout_seconds),
    )
    _check_lease(settings, traits)

    def accounts() -> tuple[Account, ...]:
        port, name = settings.paper_venue_port, settings.paper_account
        clock = VenueClock(port, name)
        client = PaperClient(port, name, traits)
        market = _Market(prices, settings)
        contact = PaperContact(client, market, clock, PRICE_FIELDS[settings.paper_price_field])
        return (Account(client, market, clock, Mode.PAPER, client.close, contact=contact),)

    platform = read_platform(description())
    if not settings.paper_strategy:
        return configured(settings, platform, accounts)
    own = _own(settings)
    return configured(settings, platform.with_enabled(own.manifest.profile), accounts, own)
