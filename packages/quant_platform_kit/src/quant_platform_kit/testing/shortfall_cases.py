"""Accounts that differ from their back-test in one way, in none and in many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import price_table
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.planning import IDEAL, REALISTIC, ExecutionRules
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.shortfall import Part, Shortfall
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt, backtest
from quant_platform_kit.services.research.live_record import live_record
from quant_platform_kit.services.research.shortfall import shortfall
from quant_platform_kit.testing.paper_sessions import Accidents, PaperSessions
from quant_platform_kit.testing.simulation.strategy import SYMBOLS, bound
from quant_platform_kit.testing.synthetic import synthetic_prices

__all__ = ["ALONE", "SEED", "Case", "cases", "market", "played"]

FIRST = date(2023, 1, 3)
SEED, OTHER_SEED = 3, 9
D = Decimal
FRACTIONAL = replace(REALISTIC, quantity_step=IDEAL.quantity_step, minimum_notional=D(0))

FEES = replace(REALISTIC, commission_bps=D(0), commission_per_share=D("0.01"), commission_minimum=D(2))
"""What most brokers take: by the share, and of every order at least."""


@dataclass(frozen=True, slots=True)
class Case:
    """An account and the back-test that it is compared with.

    Attributes
    ----------
    alone
        The only part that is not zero; None where it is none, or several.
    seed, rules, fill
        Of the back-test: what its strategy draws from, how it sizes and what it takes, at which price it fills.
    """

    accidents: Accidents = field(default_factory=Accidents)
    alone: Part | None = None
    seed: int = SEED
    rules: ExecutionRules = REALISTIC
    fill: FillAt = FillAt.NEXT_CLOSE


def cases(days: tuple[date, ...]) -> Mapping[str, Case]:
    """Return the cases by name.

    Parameters
    ----------
    days
        The sessions traded in, eight at least.
    """
    wide, dear = replace(REALISTIC, slippage_bps=D(15)), replace(REALISTIC, commission_bps=D(9))
    trade = {days[5]: ("AAA", D(-30))}
    return {
        "equal": Case(),
        "decision": Case(alone=Part.DECISION, seed=OTHER_SEED),
        "delay": Case(alone=Part.DELAY, fill=FillAt.NEXT_OPEN),
        "spread": Case(Accidents(market_rules=wide), Part.SPREAD),
        "commission": Case(Accidents(market_rules=dear), Part.COMMISSION),
        "same fees": Case(Accidents(market_rules=FEES), rules=FEES),
        "fees": Case(Accidents(market_rules=FEES), Part.COMMISSION),
        "lots": Case(alone=Part.LOTS, rules=FRACTIONAL),
        "halt": Case(Accidents(halts=frozenset(days[4:6])), Part.CARRY),
        "partial": Case(Accidents(shares={days[3]: D("0.5"), days[6]: D("0.3")}), Part.CARRY),
        "outside": Case(Accidents(deposits={days[3]: D(20_000), days[6]: D(-1_700)}, trades=trade), Part.OUTSIDE),
        "many": Case(
            Accidents(
                market_rules=replace(wide, commission_bps=D(5)),
                shares={days[2]: D("0.5"), days[7]: D("0.3")},
                halts=frozenset(days[4:6]),
                deposits={days[6]: D(20_000)},
                trades=trade,
            ),
            rules=FRACTIONAL,
            fill=FillAt.NEXT_OPEN,
        ),
    }


ALONE = ("decision", "delay", "spread", "commission", "fees", "lots", "halt", "partial", "outside")
"""Cases with one part."""


def market(sessions: int) -> tuple[ExchangeCalendar, PriceTable]:
    """Return invented prices of the sessions traded in, and of two before them."""
    calendar = load_calendar("XNYS")
    start = calendar.sessions.index(FIRST)
    days = calendar.sessions[start : start + sessions + 2]
    file = synthetic_prices(SYMBOLS, calendar, days[0], days[-1])
    return calendar, price_table(file, SYMBOLS, "close", calendar)


def played(name: str, sessions: int) -> tuple[PaperSessions, Shortfall]:
    """Return the account of a case after some sessions, and the comparison with its back-test."""
    calendar, prices = market(sessions)
    days = prices.sessions
    case = cases(days[2:])[name]
    account = PaperSessions(bound(SEED, monthly=False), prices, calendar, case.accidents)
    account.run_all(days[2], days[-1])
    strategy = bound(case.seed, monthly=False)
    settings = BacktestSettings(days[1], days[-1], D(0), case.fill, ExecutionPolicy(rules=case.rules))

    def play(settings: BacktestSettings) -> BacktestResult:
        return backtest(strategy, prices, calendar, settings)

    live = live_record(account.reports, account.store, account.account_id, case.rules)
    return account, shortfall(live, prices, calendar, settings, play)
