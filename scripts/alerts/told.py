"""What people are told of without Prometheus: by the watchdog, by a service's notices, by `tq-broker watch`."""

from __future__ import annotations

from collections.abc import Mapping

from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.services.observe.watchdog import Kind as Watchdog
from tq_broker_app.operations.alerts import Kind as TqBroker

__all__ = ["RUNS", "TQ_BROKER", "WATCHDOG", "Meaning"]

Meaning = tuple[str, str]
"""What an alert means, and what to do."""

WATCHDOG: Mapping[Watchdog, Meaning] = {
    Watchdog.STORE: (
        "The ledger or the reports do not answer, or an object is damaged: nothing can be watched, no order is sent.",
        "Check the address and the access; `quant ledger verify` names damage; restore from a backup.",
    ),
    Watchdog.CALENDAR: (
        "The exchange's calendar ends within 90 days, or has ended: later sessions are refused.",
        "Deploy a newer version, or extend it as the alert says.",
    ),
    Watchdog.MISSING: (
        "A run that was due left no report, or the account has never run.",
        "Look at the schedule and at the service's log; the next run makes up for what was missed.",
    ),
    Watchdog.HALT: (
        "A halt has been on for longer than a day.",
        "Ask who set it, by the alert's words; `quant resume` when its reason is over.",
    ),
    Watchdog.DUE: (
        "A decision was made and not executed, and its time runs out.",
        "`quant status` shows why; `quant rerun` executes it while it may be.",
    ),
    Watchdog.BEHIND: (
        "Orders of a run did not reach its targets.",
        "Read the report; the next run goes by the positions that there are.",
    ),
    Watchdog.OPEN_RUN: (
        "A run was begun and never closed: its worker died.",
        "The next run closes it; ask for one with `quant rerun` if none is due soon.",
    ),
    Watchdog.UNKNOWN: (
        "Nobody knows what became of an order; the account sends nothing until it is settled.",
        "Look it up at the broker, then `quant resolve` it by what was seen.",
    ),
    Watchdog.LAST_RUN: (
        "The last run did not end well.",
        "The report's reasons say what it needs; then `quant rerun`.",
    ),
    Watchdog.SNAPSHOT: (
        "The feature snapshot of a session is late, or does not hold what it has to.",
        "See [Feature snapshots](runbooks/snapshots.md); runs of profiles that need it are blocked until then.",
    ),
    Watchdog.SHORTFALL: (
        "An account makes less than its back-test, beyond what `--most-shortfall` allows, or cannot be compared.",
        "`quant shortfall` shows which part it is; see [Live against back-test](reference/shortfall.md).",
    ),
}

RUNS: Mapping[Outcome, Meaning] = {
    Outcome.INCOMPLETE: ("Orders were sent, and not all were filled.", "The next run goes on from there; look why."),
    Outcome.BLOCKED: (
        "The run sent nothing more, as something does not add up: a halt, a price, an order, a snapshot.",
        "The report names the reason and the command that lifts it.",
    ),
    Outcome.FAILED: (
        "The run could not be made: the broker, the data or the store did not answer.",
        "See the log; it is asked for again by the schedule, or by `quant rerun`.",
    ),
}

TQ_BROKER: Mapping[TqBroker, Meaning] = {
    TqBroker.SERVICE: (
        "A service does not work: down, or waiting for a server.",
        "Read the last lines of its log; [status 75](runbooks/tq-broker.md#restart-status-75) passes by itself.",
    ),
    TqBroker.SERVER: (
        "RabbitMQ, PostgreSQL or Redis does not answer whoever watches.",
        "Start it; requests wait in their queues meanwhile.",
    ),
    TqBroker.TRADES: (
        "Orders are over, and their trades do not add up to what they say.",
        "See the log of order-monitor for the ids; compare with the company's bill.",
    ),
    TqBroker.TRADING_DAY: (
        "Logins show different trading days, long after the settlement.",
        "Restart those that show the older one.",
    ),
    TqBroker.UNKNOWN: (
        "Nobody can prove what became of an order; it is not sent again.",
        "[A stuck order](runbooks/tq-broker.md#a-stuck-order).",
    ),
    TqBroker.DEAD_LETTERS: (
        "Messages could not be processed at all.",
        "[Dead letters](runbooks/tq-broker.md#dead-letters): understand every reason, then `replay` or `drop`.",
    ),
    TqBroker.CALENDAR: (
        "The calendar of the exchanges ends within 90 days.",
        "[New year's holidays](runbooks/tq-broker.md#new-years-holidays).",
    ),
}
