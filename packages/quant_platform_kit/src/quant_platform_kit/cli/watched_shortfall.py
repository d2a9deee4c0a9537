"""The accounts that `quant watchdog` holds against their back-tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import typer

from quant_platform_kit.adapters.price_files import read_price_files
from quant_platform_kit.backtest_request import Execution, policy
from quant_platform_kit.cli.backtest_options import columns_read
from quant_platform_kit.cli.place import Place
from quant_platform_kit.cli.shortfall import Comparison, compared
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.strategy import TargetMode
from quant_platform_kit.services.observe.shortfall_watch import shortfall_alert, uncompared_alert
from quant_platform_kit.services.observe.watchdog import Alert, Watch
from quant_platform_kit.services.research.backtest import FillAt

__all__ = ["ShortfallWatch", "watch_shortfalls"]

SINCE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class ShortfallWatch:
    """What an account may be behind its back-test.

    Attributes
    ----------
    most
        Share of what it began with; None where nobody asks.
    since
        How far back the runs are compared.
    strategy
        Reference of a strategy of the user's own; None where it is installed.
    """

    most: Decimal | None
    prices: Sequence[Path]
    price_field: str
    fill: FillAt
    since: timedelta | None
    strategy: str | None = None

    def comparison(self, today: date) -> Comparison:
        """Return what accounts are compared with; a usage error without prices."""
        if not self.prices:
            raise typer.BadParameter("--most-shortfall needs --prices, what back-tests are made on")
        file = read_price_files(list(self.prices), columns_read(self.price_field, self.fill))
        start = today - (self.since or SINCE)
        rules = policy(Execution.REALISTIC, TargetMode.VALUE)
        return Comparison(file, self.price_field, self.fill, rules, self.strategy, period=(start, None))


def watch_shortfalls(place: Place, asked: Watch, watched: ShortfallWatch) -> list[Alert]:
    """Return an alert for each account that is too far behind, or cannot be compared."""
    if watched.most is None:
        if watched.prices:
            raise typer.BadParameter("--prices goes with --most-shortfall")
        return []
    comparison, alerts = watched.comparison(asked.schedule.calendar.local_date(asked.now)), list[Alert | None]()
    for account in place.chosen:
        try:
            alerts.append(shortfall_alert(compared(place, account, comparison), watched.most, asked.where(account)))
        except QuantError as error:
            alerts.append(uncompared_alert(account, error))
    return [alert for alert in alerts if alert]
