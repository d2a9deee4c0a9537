"""What Prometheus tells people of the services, by their own figures."""

from __future__ import annotations

from quant_platform_kit.services.observe.prometheus import Rule

__all__ = ["RULES"]

AT = "{{ $labels.instance }}"
COMMANDS = "event_trading_outcomes_total"

RULES = (
    Rule(
        "EventTradingDown",
        'up{job="event-trading"} == 0',
        f"{AT}: a service does not answer",
        "see its log; after status 75, by which the bus, the ledger or a lease is gone, it starts again by itself",
        lasts="2m",
    ),
    Rule(
        "EventTradingLag",
        "sum by (instance) (event_trading_lag) > 200",
        f"{AT}: messages wait",
        "look for `waiting` at /healthz, and at the machine; commands that wait too long are EXPIRED",
        lasts="2m",
    ),
    Rule(
        "EventTradingBlocked",
        'increase(event_trading_outcomes_total{outcome="alerted"}[15m]) > 0',
        f"{AT}: a command is BLOCKED: nobody can tell what became of its answer",
        "the node of the chain does not answer: `event-trading check` asks it; another node, and a restart of monitor",
    ),
    Rule(
        "EventTradingUnknown",
        'increase(event_trading_outcomes_total{outcome="unknown"}[10m]) > 20',
        f"{AT}: many answers are UNKNOWN",
        "the solver bus does not answer; `quant halt all` if it goes on",
    ),
    Rule(
        "EventTradingExpired",
        f'sum by (instance) (increase({COMMANDS}{{outcome="expired"}}[10m])) > 5 + 0.2 * sum by (instance) '
        f'(increase({COMMANDS}{{outcome=~"acknowledged|expired|rejected|unknown"}}[10m]))',
        f"{AT}: more than a fifth of the commands come too late",
        "the machine, the bus or the venue is slow: see the lag of each service, and the times in the log of executor",
        severity="warning",
    ),
    Rule(
        "EventTradingOpen",
        "min_over_time(event_trading_open_answers[30m]) > 100",
        f"{AT}: answers stay open",
        "the monitor does not end them: /healthz and the log of monitor; what they give stays committed",
        severity="warning",
    ),
    Rule(
        "EventTradingDeadLetters",
        "increase(event_trading_stage_dead_letters_total[15m]) > 0",
        f"{AT}: messages that cannot be processed",
        "`event-trading dead-letters list`, and understand every reason before `replay` or `drop`",
        severity="warning",
    ),
    Rule(
        "EventTradingRestarts",
        "increase(event_trading_stage_restarts_total[15m]) > 3",
        f"{AT}: a service joins its group again and again",
        "look for `was given back` in its log, and for what stops the machine for seconds",
        severity="warning",
    ),
    Rule(
        "EventTradingQuiet",
        'increase(event_trading_outcomes_total{outcome="failed"}[10m]) > 10',
        f"{AT}: prices or balances cannot be told",
        "see its log; the reactor passes demands by once a price is too old",
        severity="warning",
    ),
)
"""Every rule; names begin with ``EventTrading``."""
