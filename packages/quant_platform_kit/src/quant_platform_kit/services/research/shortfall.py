"""Live against back-test: back-tests with one kind of what an account did otherwise, beside what it made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.portfolio import quotable, quote_price
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.returns import worth
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.shortfall import Curve, Curves, Part, Shortfall, taken_apart
from quant_platform_kit.services.research.backtest import ACCOUNT, BacktestSettings
from quant_platform_kit.services.research.live_record import LiveRecord

__all__ = ["BACKTESTS", "Play", "shortfall"]

ZERO, CENT = Decimal(0), Decimal("0.01")


BACKTESTS = 1 + len(Part)
"""How many back-tests a comparison may take."""
Play = Callable[[BacktestSettings], BacktestResult]
"""Back-tests the account's strategy."""


def shortfall(
    live: LiveRecord,
    prices: PriceTable,
    calendar: ExchangeCalendar,
    settings: BacktestSettings,
    play: Play,
    on_part: Callable[[], object] = lambda: None,
) -> Shortfall:
    """Hold an account against back-tests of the same strategy that begin with what the account began with.

    A back-test may owe money here: what was taken out of the account may be more than it has left.

    Parameters
    ----------
    prices
        What is back-tested on; of the same basis as the account's quotes.
    settings
        Of the back-test: its fill and its cost model. Its period, cash, holdings and share are the account's.
    on_part
        Called once per back-test, for progress.

    Raises
    ------
    InvalidInput
        As `backtest`, the prices do not cover the runs, or the account was worth nothing when it began.
    """
    player = _Player(live, prices, _of_account(live, prices, settings), play, on_part)
    sessions = calendar.between(live.start, live.end)
    actual = player.actual(sessions)
    if not actual[0] > 0:
        raise InvalidInput(f"account {live.account_id} was worth {actual[0]} {live.policy.currency} on {sessions[0]}")
    plain = player.played()
    funded = player.played(Part.OUTSIDE, instead=plain)
    moved = {part: player.played(Part.OUTSIDE, part, instead=funded) for part in Part if part is not Part.OUTSIDE}
    curves = Curves(sessions, actual, plain, funded, moved)
    whole, decisions = curves.between(0, len(sessions) - 1), taken_apart(curves, live.executions)
    return Shortfall(live.account_id, live.profile, live.policy.currency, sessions, actual, plain, whole, decisions)


def _of_account(live: LiveRecord, prices: PriceTable, settings: BacktestSettings) -> BacktestSettings:
    if live.start < prices.sessions[0] or live.end > prices.sessions[-1]:
        covered = f"the prices run from {prices.sessions[0]} to {prices.sessions[-1]}"
        raise InvalidInput(
            f"the runs of {live.account_id} need prices from {live.start} to {live.end}, and {covered}; choose a later "
            "--start or an earlier --end, or give a file that covers them"
        )
    held = {symbol: units for symbol, units in live.begin.quantities.items() if units and symbol in prices.column}
    row = prices.sessions.index(live.start)
    if unpriced := [s for s in sorted(held) if not quotable(prices.fields["close"][row, prices.column[s]])]:
        raise InvalidInput(f"no close on {live.start} of {', '.join(unpriced)}, which the account held then")
    policy = live.policy
    own = replace(
        settings.policy,
        native_mode=policy.native_mode,
        currency=policy.currency,
        allocation_fraction=policy.allocation_fraction,
        balances=replace(policy.balances, debit_accounts=(ACCOUNT,)),
    )
    cash = live.begin.cash_by_currency.get(policy.currency, ZERO)
    told = settings.believed | live.believed
    return replace(settings, start=live.start, end=live.end, cash=cash, holdings=held, policy=own, believed=told)


@dataclass(frozen=True, slots=True)
class _Player:
    """What equity curves are made of."""

    live: LiveRecord
    prices: PriceTable
    settings: BacktestSettings
    play: Play
    on_part: Callable[[], object]

    def played(self, *parts: Part, instead: Curve = ()) -> Curve:
        """Return the equity of a back-test with some kinds of deviations.

        Parameters
        ----------
        instead
            What it is without the last of them, which is not played where there is none.
        """
        recorded = self.live.deviations
        self.on_part()
        if parts and not recorded.only(parts[-1]).any:
            return instead
        result = self.play(replace(self.settings, deviations=recorded.only(*parts)))
        return tuple(_cents(Decimal(value)) for value in result.equity.tolist())

    def actual(self, sessions: Sequence[date]) -> Curve:
        """Return the equity of the account; what has no prices here is left out."""
        account, known, values = self.live.begin, dict[str, Decimal](), list[Decimal]()
        first = self.prices.sessions.index(sessions[0])
        for row, session in enumerate(sessions, first):
            closes = self.prices.fields["close"][row]
            found = {symbol: closes[column] for symbol, column in self.prices.column.items()}
            known |= {symbol: quote_price(close) for symbol, close in found.items() if quotable(close)}
            account = self.live.states.get(session, account)
            values.append(_cents(worth(account, known, self.live.policy.currency)))
        return tuple(values)


def _cents(value: Decimal) -> Decimal:
    """Round to cents, and never to minus zero."""
    return value.quantize(CENT) + ZERO
