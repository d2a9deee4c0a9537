"""The back-test: the pure steps of a run, session after session, on a simulated book."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.domain.carry import CARRY_SESSIONS, carried_intent, supersedes
from quant_platform_kit.domain.cycle import Decided, ExecutionPolicy, Observation, decide, size
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.features import FeatureReading
from quant_platform_kit.domain.gates import move_gate, price_age_gate, session_gate
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.income import Income
from quant_platform_kit.domain.orders import Fill, Order, Side
from quant_platform_kit.domain.paper_book import PaperBook, expected_fill
from quant_platform_kit.domain.performance import (
    BacktestResult,
    DecisionRecord,
    EndedHolding,
    TradedOrder,
    summarise,
)
from quant_platform_kit.domain.planning import IDEAL, OrderPlan, cut_buys
from quant_platform_kit.domain.portfolio import AccountState, PortfolioSnapshot, Quote, quotable, quote_price
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar, Session
from quant_platform_kit.domain.strategy import Action, AllocationIntent, BoundStrategy
from quant_platform_kit.services.research.deviations import NONE, Deviations
from quant_platform_kit.services.research.doubting import Doubting
from quant_platform_kit.services.run.deciding import MADE_UP_SESSIONS

__all__ = ["ACCOUNT", "BacktestSettings", "FillAt", "backtest", "sessions_of"]

ACCOUNT = "BACKTEST"
ZERO = Decimal(0)
_NOISE = Decimal("1e-9")
"""Of a step: what a share of a quantity may be off by its division."""


class FillAt(Enum):
    """At which price of the session after the decision orders fill."""

    NEXT_OPEN = "next-open"
    NEXT_CLOSE = "next-close"

    @property
    def field(self) -> str:
        """The price table's field."""
        return "open" if self is FillAt.NEXT_OPEN else "close"


@dataclass(frozen=True, slots=True)
class BacktestSettings:
    """What a back-test covers and how it trades.

    Attributes
    ----------
    start, end
        Exchange-local dates; the first and the last session inside them are used.
    cash
        Starting cash in the policy's currency, positive.
    benchmark
        Symbol to compare with, None for no comparison.
    believed
        Symbols and days (exchange-local) whose prices are right, however odd: what `quant believe` says to runs.
    holdings
        Units per symbol that it starts with beside the cash.
    deviations
        What happens otherwise than a back-test has it.
    income
        What cash and holdings earn beside their prices; None for nothing.
    """

    start: date
    end: date
    cash: Decimal
    fill: FillAt = FillAt.NEXT_OPEN
    policy: ExecutionPolicy = field(default_factory=ExecutionPolicy)
    benchmark: str | None = None
    believed: frozenset[tuple[str, date]] = frozenset()
    holdings: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    deviations: Deviations = NONE
    income: Income | None = None

    @property
    def is_ideal(self) -> bool:
        """Whether orders trade as if there were no market, but for costs and lots that were asked for."""
        rules = self.policy.rules
        return rules == replace(IDEAL.at_costs_of(rules), quantity_step=rules.quantity_step)


def backtest(
    strategy: BoundStrategy,
    prices: PriceTable,
    calendar: ExchangeCalendar,
    settings: BacktestSettings,
    on_session: Callable[[], object] = lambda: None,
    features: Sequence[FeatureReading] = (),
) -> BacktestResult:
    """Run ``strategy`` over [start, end]: decide on t, trade at t+1's quotes.

    A holding whose prices end is closed at its last close in the session after it.

    Parameters
    ----------
    prices
        Holds every managed, watched and benchmark symbol over every session of ``calendar`` it spans.
    on_session
        Called once per evaluated session, for progress.
    features
        For a snapshot-backed profile, what there is to read for each session.

    Raises
    ------
    InvalidInput
        Dates in the wrong order or outside the prices, less than two sessions, cash not positive, a needed symbol
        without a price on the last session, or a last session that cannot be decided on.
    """
    sessions = sessions_of(prices, calendar, settings)
    _check_prices(strategy, prices, sessions[-1], settings)
    if strategy.manifest.features and not features:
        raise InvalidInput(f"{strategy.manifest.profile} reads feature snapshots: say where they are published")
    simulation = _Simulation(strategy, prices, calendar, settings, sessions, features)
    for session in sessions[:-1]:
        simulation.step(calendar.session(session))
        on_session()
    return simulation.result()


def sessions_of(prices: PriceTable, calendar: ExchangeCalendar, settings: BacktestSettings) -> tuple[date, ...]:
    """Return the sessions that a back-test covers; raises as `backtest`."""
    start, end = settings.start, settings.end
    if not settings.cash > 0 and not settings.holdings:
        raise InvalidInput(f"--cash is {settings.cash}; a back-test starts with a positive amount")
    if end < start:
        raise InvalidInput(f"--end {end} is before --start {start}")
    first, last = prices.sessions[0], prices.sessions[-1]
    if start < first or end > last:
        raise InvalidInput(f"{start} to {end} is not covered: the prices run from {first} to {last}")
    sessions = calendar.between(start, end)
    if len(sessions) < 2:
        raise InvalidInput(f"{start} to {end} has {len(sessions)} sessions; a back-test needs two")
    return sessions


def _check_prices(strategy: BoundStrategy, prices: PriceTable, end: date, settings: BacktestSettings) -> None:
    if settings.fill.field not in prices.fields:
        raise InvalidInput(f"--fill {settings.fill.value} needs a column {settings.fill.field} in the price file")
    row = PriceHistory(prices).until(end)
    if absent := row.without_bar(end, strategy.manifest.required_symbols):
        raise InvalidInput(f"no price on the last session {end}: {', '.join(absent)}; choose an earlier --end")


@dataclass(frozen=True, slots=True)
class _Pending:
    """A REBALANCE that is not executed yet."""

    as_of: date
    intent: AllocationIntent
    base: Decimal
    holdings: Mapping[str, Decimal]
    spent: dict[str, Decimal] = field(default_factory=dict[str, Decimal])


class _Simulation:
    """The book, the clock and the record of one back-test."""

    def __init__(
        self,
        strategy: BoundStrategy,
        prices: PriceTable,
        calendar: ExchangeCalendar,
        settings: BacktestSettings,
        sessions: tuple[date, ...],
        features: Sequence[FeatureReading],
    ) -> None:
        self.strategy, self.prices, self.calendar, self.settings = strategy, prices, calendar, settings
        self.sessions, self.features = sessions, {reading.session: reading for reading in features}
        self.history = PriceHistory(prices.select(strategy.manifest.history_symbols))
        self.doubting = self._doubting()
        self.first_row = prices.sessions.index(sessions[0])
        self.book = PaperBook(ACCOUNT, settings.policy.currency, settings.cash, dict(settings.holdings))
        self.account: AccountState | None = None
        self.booked: tuple[Decimal, dict[str, Decimal], dict[str, Decimal]] | None = None
        self.deviations = settings.deviations
        self.rules = self.deviations.sized(settings.policy.rules)
        self.income = settings.income
        self.earned: list[tuple[Decimal, Decimal]] = [(ZERO, ZERO)]
        stocks = (reading.snapshot.stocks for reading in features if reading.snapshot)
        self.symbols = tuple(sorted(strategy.manifest.managed_set.union(*stocks)))
        self.position = {symbol: column for column, symbol in enumerate(self.symbols)}
        self.holdings = np.zeros((len(sessions), len(self.symbols)))
        self.last_price: dict[str, Decimal] = {}
        self.equity: list[float] = []
        self.cash: list[float] = []
        self._close_day(self.first_row)
        self.last_bar = _last_bars(prices)
        self.none_ends_before = int(self.last_bar.min())
        self.ended: list[EndedHolding] = []
        self.doubts: tuple[str, ...] = ()
        self.pending: _Pending | None = None
        self.missed: list[Session] = []
        self.decisions: list[DecisionRecord] = []
        self.trades: list[TradedOrder] = []

    def _doubting(self) -> Doubting:
        window, settings = self.strategy.manifest.history_sessions + MADE_UP_SESSIONS, self.settings
        limits = None if settings.is_ideal else settings.policy.limits
        return Doubting(self.prices, self.history, settings.fill.field, window, limits, settings.believed)

    def step(self, session: Session) -> None:
        """Decide on ``session``, trade in the next one, and close the day."""
        row = self.first_row + len(self.equity)
        hours = self.calendar.hours(session.next)
        now = hours.open if self.settings.fill is FillAt.NEXT_OPEN else hours.close
        if self.income is not None:
            self._earn(self.income, session.next)
        self._close_ended(session, row, now)
        self._change(session)
        quotes = self._traded_at(session, row, self.book.quantities, now)
        self.doubts = () if self.doubting.is_quiet(row) else self._doubts(session, row, quotes, now)
        decided = self._decide(session, quotes, now)
        blocked = session_gate(self.calendar.name, hours, now)
        if self.missed and decided.portfolio:
            self._make_up(session, quotes, now)
        self._note(session, decided)
        intent = self._due(session, decided)
        blocked += [] if self.deviations.executes(session.next) else ["nothing was executed in this session"]
        if intent and decided.portfolio and not blocked:
            blocked, done = self._trade(session, intent, decided.portfolio, quotes, row)
            self.pending = None if done else self.pending
        self.decisions.append(DecisionRecord(decided.decision, decided.digest, tuple(blocked)))
        self._close_day(row)

    def _doubts(self, session: Session, row: int, quotes: dict[str, Quote], now: datetime) -> tuple[str, ...]:
        """Return what is doubted of the prices that are held or decided on."""
        decided_on = [symbol for symbol in self.doubting.may_doubt(row) if symbol in self.history.symbols]
        odd = self._traded_at(session, row, decided_on, now) if decided_on else {}
        return self.doubting.about(session, row, quotes | odd if odd else quotes)

    def _decide(self, session: Session, quotes: dict[str, Quote], now: datetime) -> Decided:
        reading = self.features.get(session.date)
        seen = Observation(
            session,
            self.history,
            self._account(),
            quotes,
            now,
            doubts=self.doubts,
            features=(reading,) if reading else (),
            owned=frozenset(self.book.quantities),
        )
        return self.deviations.decided(decide(self.strategy, seen, self.settings.policy))

    def _account(self) -> AccountState:
        """Return the account as a broker would tell it; the one told last, while nothing has been booked."""
        book, told = self.book, self.account
        booked = (book.cash, book.quantities, book.marks)
        if told is None or booked != self.booked:
            self.booked = (book.cash, dict(book.quantities), dict(book.marks))
            self.account = told = book.state()
        return told

    def _make_up(self, session: Session, quotes: dict[str, Quote], now: datetime) -> None:
        """Decide the sessions that were BLOCKED, as long as they may still be executed, with today's portfolio."""
        oldest = self.sessions[max(0, len(self.equity) - 1 - CARRY_SESSIONS)]
        missed = [past for past in self.missed if oldest <= past.date < session.date]
        self.missed = []
        for past in missed:
            self._note(past, self._decide(past, quotes, now))

    def _note(self, session: Session, decided: Decided) -> None:
        """Remember a decision until it is executed, superseded or too old: the carry rule of live runs.

        A BLOCKED one stays to be decided for as long, whatever is decided since, unless that supersedes it.
        """
        decision, portfolio = decided.decision, decided.portfolio
        if decision.action is Action.BLOCKED:
            self.missed.append(session)
        if supersedes(decision.action, every_session=self.strategy.manifest.every_session):
            self.pending = None
            self.missed = [past for past in self.missed if past.date > session.date]
        if decision.intent and portfolio:
            holdings = {position.symbol: position.value for position in portfolio.positions}
            self.pending = _Pending(decision.as_of, decision.intent, portfolio.base, holdings)

    def _due(self, session: Session, decided: Decided) -> AllocationIntent | None:
        """Return what is to be executed now, in today's terms."""
        pending, portfolio = self.pending, decided.portfolio
        if pending is None or portfolio is None:
            return None
        if pending.as_of == session.date:
            return pending.intent
        waited = len(self.calendar.between(pending.as_of, session.date)) - 1
        if waited > CARRY_SESSIONS:
            self.pending = None
            return None
        return carried_intent(pending.intent, pending.holdings, pending.base, portfolio, pending.spent)

    def _trade(
        self,
        session: Session,
        intent: AllocationIntent,
        portfolio: PortfolioSnapshot,
        quotes: dict[str, Quote],
        row: int,
    ) -> tuple[list[str], bool]:
        """Trade what is due; return why it is not traded, and whether nothing of it is left."""
        policy, now = replace(self.settings.policy, rules=self.rules), portfolio.as_of
        wanted = [symbol for symbol, target in intent.targets.items() if target and symbol not in quotes]
        quotes |= self._traded_at(session, row, wanted, now)
        blocked = [*self._price_gates(quotes, now), *self.doubting.about(session, row, quotes)]
        key = RunKey(ACCOUNT, session.next, "backtest", Mode.PAPER)
        sized = size(key, intent, portfolio, quotes, policy)
        blocked += sized.blocked
        if blocked or not sized.plan:
            return blocked, False
        if self.deviations.any:
            return blocked, self._fill_otherwise(session, sized.plan, portfolio, quotes)
        for order in sized.plan.orders:
            price = quotes[order.symbol].price
            self._book(session, price, self.book.match(order, price, self.rules, now))
        return blocked, True

    def _fill_otherwise(
        self, session: Session, plan: OrderPlan, portfolio: PortfolioSnapshot, quotes: Mapping[str, Quote]
    ) -> bool:
        """Fill a plan as the deviations have it, buys cut to what the sells brought; return whether all was filled."""
        prices, done = {order.symbol: quotes[order.symbol].price for order in plan.orders}, True
        for side in (Side.SELL, Side.BUY):
            orders = [order for order in plan.orders if order.side is side]
            if side is Side.BUY:
                buffer = self.rules.cash_buffer * max(portfolio.base, ZERO)
                cut = cut_buys(orders, prices, self.book.cash - buffer, self.rules)
                orders = [replace(order, quantity=cut[order.client_order_id]) for order in orders]
            for order in orders:
                share = self.deviations.share(session.next, order.symbol)
                units = self.rules.whole(order.quantity * share + _NOISE * self.rules.quantity_step)
                done = done and units == order.quantity
                self._fill_part(session, replace(order, quantity=units), prices[order.symbol], portfolio.as_of)
        return done

    def _fill_part(self, session: Session, order: Order, price: Decimal, now: datetime) -> None:
        if not order.quantity:
            return
        fill = self.deviations.filled(session.next, expected_fill(order, price, self.rules, now), price, self.rules)
        self._book(session, price, fill)
        if self.pending and fill.side is Side.BUY:
            spent = self.pending.spent
            spent[fill.symbol] = spent.get(fill.symbol, ZERO) + fill.quantity * fill.price

    def _price_gates(self, quotes: dict[str, Quote], now: datetime) -> list[str]:
        limits = self.settings.policy.limits
        blocked = price_age_gate(quotes.values(), now, limits.max_price_age)
        if limits.max_price_move is not None:
            closes = self._quotes(self.first_row + len(self.equity) - 1, "close", quotes, now)
            blocked += move_gate(quotes.values(), {s: q.price for s, q in closes.items()}, limits.max_price_move)
        return blocked

    def _book(self, session: Session, quote: Decimal, fill: Fill) -> None:
        self.book.apply(fill)
        self.last_price[fill.symbol] = quote
        self.trades.append(TradedOrder(session.date, session.next, quote, fill))

    def _change(self, session: Session) -> None:
        """Book what happens to the account from outside before it trades in the session after."""
        change = self.deviations.changes.get(session.next)
        if change is None:
            return
        held = self.book.quantities
        self.book.cash += change.cash
        changed = {s: held.get(s, ZERO) + units for s, units in change.units.items() if s in self.prices.column}
        self.book.quantities = {s: units for s, units in {**held, **changed}.items() if units}

    def _earn(self, income: Income, session: date) -> None:
        """Book what was earned until a session, before anything is traded in it."""
        earned = income.earned(session, self.book.cash, self.book.quantities)
        self.book.cash += sum(earned)
        self.earned.append(earned)

    def _close_ended(self, session: Session, row: int, now: datetime) -> None:
        """Close what has no price any more at its last close: its cash is there for what is decided next."""
        if self.none_ends_before >= row:
            return
        for symbol, units in list(self.book.quantities.items()):
            last = int(self.last_bar[self.prices.column[symbol]])
            if last >= row:
                continue
            price = self.last_price[symbol]
            fill = Fill("", symbol, Side.SELL, units, price, ZERO, now)
            self.book.apply(fill)
            self.trades.append(TradedOrder(session.date, session.next, price, fill))
            self.ended.append(EndedHolding(symbol, self.prices.sessions[last], units, price))

    def _close_day(self, row: int) -> None:
        """Value the book at the close; a holding without a bar keeps the price it was last valued at."""
        values, equity = self.holdings[len(self.equity)], self.book.cash
        price_at, column, last_price = self.prices.fields["close"].item, self.prices.column, self.last_price
        for symbol, units in self.book.quantities.items():
            if quotable(price := price_at(row, column[symbol])):
                last_price[symbol] = quote_price(price)
            value = units * last_price[symbol]
            values[self.position[symbol]] = value
            equity += value
        self.equity.append(float(equity))
        self.cash.append(float(self.book.cash))

    def _traded_at(self, session: Session, row: int, symbols: Collection[str], now: datetime) -> dict[str, Quote]:
        """Return the quotes that the session after ``session`` trades at."""
        quotes = self._quotes(row, self.settings.fill.field, symbols, now)
        return self.deviations.quoted(session.next, quotes)

    def _quotes(self, row: int, name: str, symbols: Collection[str], now: datetime) -> dict[str, Quote]:
        price_at, column = self.prices.fields[name].item, self.prices.column
        quotes: dict[str, Quote] = {}
        for symbol in symbols:
            if symbol in column and quotable(price := price_at(row, column[symbol])):
                quotes[symbol] = Quote(symbol, quote_price(price), now)
        return quotes

    def result(self) -> BacktestResult:
        """Decide once more on the last session, without trading, and draw the figures."""
        end = self.sessions[-1]
        now = self.calendar.hours(end).close
        quotes = self._quotes(self.first_row + len(self.sessions) - 1, "close", self.book.quantities, now)
        self.doubts = ()
        final = self._decide(self.calendar.session(end), quotes, now)
        if final.decision.action is Action.BLOCKED:
            raise InvalidInput(f"the last session {end} is BLOCKED: {'; '.join(final.decision.reasons)}")
        equity = np.array(self.equity)
        digest = sha256("\n".join(record.digest for record in self.decisions).encode())
        manifest = self.strategy.manifest
        kept = [
            n for n, symbol in enumerate(self.symbols) if symbol in manifest.managed_set or self.holdings[:, n].any()
        ]
        return BacktestResult(
            profile=manifest.profile,
            display_name=manifest.display_name,
            sessions=self.sessions,
            equity=equity,
            cash=np.array(self.cash),
            symbols=tuple(self.symbols[n] for n in kept),
            holdings=np.take(self.holdings, kept, axis=1),
            decisions=tuple(self.decisions),
            final=DecisionRecord(final.decision, final.digest),
            trades=tuple(self.trades),
            summary=summarise(self.sessions, equity, self.decisions, self.trades, digest, self.earned),
            benchmark_symbol=self.settings.benchmark,
            benchmark=self._benchmark(),
            ended=tuple(self.ended),
            earned=tuple(self.earned) if self.income else (),
        )

    def _benchmark(self) -> np.ndarray | None:
        symbol = self.settings.benchmark
        if symbol is None:
            return None
        rows = slice(self.first_row, self.first_row + len(self.sessions))
        closes = self.prices.fields["close"][rows, self.prices.column[symbol]]
        if np.isnan(closes).any():
            missing = self.sessions[int(np.argmax(np.isnan(closes)))]
            raise InvalidInput(f"benchmark {symbol} has no price on {missing}; choose another --benchmark or period")
        units = self._units(self.income, symbol, closes) if self.income else 1.0
        return closes / closes[0] * self.equity[0] * units

    def _units(self, income: Income, symbol: str, closes: np.ndarray) -> np.ndarray:
        """Return what one unit becomes when each dividend buys more of it at the close of its ex-date."""
        paid = [float(income.dividends.get(session, {}).get(symbol, ZERO)) for session in self.sessions]
        return np.cumprod(1 + np.array([0.0, *paid[1:]]) / closes)


def _last_bars(prices: PriceTable) -> NDArray[np.intp]:
    """Return the row of each symbol's last close, shape (n_symbols,), -1 without any."""
    known = ~np.isnan(prices.fields["close"])
    return np.where(known.any(axis=0), len(known) - 1 - np.argmax(known[::-1], axis=0), -1)
