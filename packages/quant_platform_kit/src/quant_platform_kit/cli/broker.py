"""How an operator's command reaches a broker: as the platform's service does, or at a paper venue by its port."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quant_platform_kit.adapters.file_history import FileHistory
from quant_platform_kit.adapters.installed import load_of_platform
from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.paper.client import PaperClient
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.contact_source import ContactSource
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.contact.reading import Asked, Met
from quant_platform_kit.services.record.seen import Seen
from quant_platform_kit.services.run.account_reading import read_account

if TYPE_CHECKING:  # an app brings what its service needs; the command line does without
    from quant_platform_kit.runtime.service import Account, Service

__all__ = [
    "ENTRY_POINTS",
    "NO_BROKER",
    "AccountRun",
    "PlatformOption",
    "PortOption",
    "Reach",
    "Visits",
    "reach_of",
    "run_service",
    "visits_of",
]

ENTRY_POINTS = "quant.services"
"""Entry point group: each loads an app's ``compose`` under the name of its platform."""
PAPER_TRAITS = BrokerTraits(visibility_window=timedelta(seconds=2), timeout=timedelta(seconds=5))
NO_BROKER = (
    "cancelling needs the broker; add --platform NAME, with the settings of its service in the environment, or cancel "
    "at the broker"
)

Reach = Callable[[str], AbstractContextManager[Broker]]
"""Returns the broker of an account, which has not logged in yet; leaving the context closes it."""

PlatformOption = Annotated[
    str | None,
    typer.Option(
        "--platform", metavar="NAME", help="Reach the broker as its service does, by the settings in the environment."
    ),
]
PortOption = Annotated[
    int | None, typer.Option("--paper-port", min=1, max=65535, help="Port of a running paper venue, instead.")
]


@dataclass(frozen=True, slots=True)
class AccountRun:
    """What became of one account of a service; without a report, ``ending`` and ``error`` say why."""

    account_id: str
    ending: str
    error: str | None
    report: RunReport | None


def run_service(platform: str, due: datetime, mode: Mode | None) -> list[AccountRun]:
    """Run every account of a platform's service once, as its settings in the environment say.

    Parameters
    ----------
    due
        When the run was due, aware UTC; the same in every try.
    mode
        As low as this; None for what the settings allow.

    Raises
    ------
    QuantError
        As `run_accounts`, or the settings describe no service.
    """
    compose: Callable[[], Service] = load_of_platform(ENTRY_POINTS, platform, "service")
    from loguru import logger

    from quant_platform_kit.runtime.run_accounts import Trigger, run_accounts
    from quant_platform_kit.runtime.stopping import StopSignal

    logger.disable("quant_platform_kit")  # the command says itself what the service would log
    results = run_accounts(compose(), Trigger(due, mode), StopSignal())
    return [AccountRun(each.account_id, each.ending.value, each.error, each.report) for each in results]


@dataclass(frozen=True, slots=True)
class Visits:
    """The accounts of a service, to be looked at: each has a broker that has not logged in yet."""

    store: VersionedStore
    asked: Asked
    accounts: Sequence[Met]
    seen: Sequence[Seen] = ()
    """What the documents of each login are held against."""


@contextmanager
def visits_of(platform: str) -> Generator[Visits]:
    """Return the accounts of a platform's service, composed as the service composes them; leaving closes them.

    Raises
    ------
    QuantError
        The settings in the environment describe no service, or its accounts cannot be told.
    """
    compose: Callable[[], Service] = load_of_platform(ENTRY_POINTS, platform, "service")
    service = compose()
    asked = Asked(
        platform=service.platform.name,
        manifest=service.strategy.manifest,
        calendar=service.calendar,
        balances=service.policy.balances,
        limits=service.policy.limits,
        fill_timeout=service.terms.execution.fill_timeout,
        stale_settings=service.stale_settings,
    )
    accounts = service.accounts()
    try:
        seen = tuple(dict.fromkeys(each.seen for each in accounts if each.seen.tables))
        yield Visits(service.stores.ledger, asked, [_met(service, each) for each in accounts], seen)
    finally:
        for each in accounts:
            each.close()


def _met(service: Service, account: Account) -> Met:
    """Return an account as a contact looks at it."""
    state = partial(read_account, account.broker, account.clock, service.policy.balances)
    path, source = service.settings.price_history_path, account.contact
    filed = _filed(Path(path), service, source) if path and source else None
    return Met(account.broker, account.clock, source, state, filed, account.seen if account.seen.tables else None)


def _filed(path: Path, service: Service, source: ContactSource) -> Callable[[date, int], PriceHistory]:
    """Return what reads the price file's closes that carry what the broker's do."""
    manifest = service.strategy.manifest
    symbols = list(manifest.history_symbols or manifest.symbols)
    file = FileHistory(path, source.adjustment, service.calendar, source.market)
    return lambda until, sessions: file.history(symbols, until, sessions)


def reach_of(platform: str | None, paper_port: int | None) -> Reach | None:
    """Return how the options reach a broker, None if they name no way to one."""
    if platform is not None and paper_port is not None:
        raise typer.BadParameter("give either --platform NAME or --paper-port PORT")
    if platform is not None:
        return lambda account: _of_service(platform, account)
    if paper_port is not None:
        return lambda account: _at_venue(paper_port, account)
    return None


@contextmanager
def _of_service(platform: str, account: str) -> Generator[Broker]:
    compose: Callable[[], Service] = load_of_platform(ENTRY_POINTS, platform, "service")
    accounts = compose().accounts()
    try:
        served = {each.broker.account_id: each.broker for each in accounts}
        if account not in served:
            raise Refused(
                f"account {account} is not served under the settings in the environment; {platform} serves "
                f"{', '.join(served)}"
            )
        yield served[account]
    finally:
        for each in accounts:
            each.close()


@contextmanager
def _at_venue(port: int, account: str) -> Generator[Broker]:
    client = PaperClient(port, account, PAPER_TRAITS)
    try:
        yield client
    finally:
        client.close()
