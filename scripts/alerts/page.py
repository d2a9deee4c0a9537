"""docs/operate.md: which alerts there are, what each means, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from event_trading_app.operations.alerting import RULES as EVENT_TRADING
from quant_platform_kit.services.observe.prometheus import Rule
from tq_broker_app.operations.alerting import RULES as TQ
from trading_playbook.live.alerts import ALERTS
from trading_playbook.observe.alerting import rule_of
from trading_playbook.observe.bounds import BOUNDS

from alerts.told import RUNS, TQ_BROKER, WATCHDOG, Meaning

__all__ = ["page"]

HEAD = """\
# Operating: alerts

Made by `scripts/generate_alerts.py`, out of the code. Which alerts there are, what each means, what to do. Every day's
look is in the runbooks: [daily runs](reference/operating.md), [event-trading](runbooks/event-trading.md#every-day),
[tq-broker](runbooks/tq-broker.md#every-day), [the playbook](runbooks/playbook.md).
[Backups and restoring](runbooks/restore.md) stand apart.

First, whatever the alert: when in doubt, halt. `quant halt all --reason TEXT --store "$STORE"` stops every order and
every answer of a ledger within seconds, and loses nothing; look-ups and cancels go on.

| from | tells | by |
| --- | --- | --- |
| each daily run | how it ended, where that is not well | `NOTIFY_URLS` of the service |
| `quant watchdog` | what should have happened and did not | its exit code, and `--notify` |
| the playbook | figures above their bounds, alerts of live sessions | `NOTIFY_URLS`, Prometheus, Cloud Monitoring |
| `monitor` of event-trading | a command that is BLOCKED, once | `NOTIFY_URLS` |
| `tq-broker watch` | what is not as it should be, once until it ends | `operations.notify_urls` |
| Prometheus | rules of `deploy/alerts` and `deploy/playbook/alerts.yml` | its Alertmanager |

Prometheus scrapes `/metrics` of every service: those of event-trading as job `event-trading`, those of tq-broker as job
`tq-broker`; `critical` is told at once, `warning` within the day.
"""
TRACES = """\
## Traces

They are off. `TRACES_URL` switches them on, for a service of daily runs and for each service of event-trading: where a
collector takes OTLP over HTTP, such as `http://127.0.0.1:4318/v1/traces`. A service that is installed without its extra
`deploy` needs `quant-platform-kit[traces]`, and says so. The SDK's own variables hold too: a collector that asks for a
token gets it by `OTEL_EXPORTER_OTLP_HEADERS`; with `OTEL_TRACES_SAMPLER=parentbased_traceidratio` and
`OTEL_TRACES_SAMPLER_ARG=0.01` one quote in a hundred is traced.

| trace | spans |
| --- | --- |
| of a trigger | `trigger` > `run` of each account > `plan`, `send` of each order, `settle` until they end |
| of a quote | `ingest` > `normalize` > `react` > `execute` > `result`, each in the service that does it |

A span names the run, the order, the command; never a secret. A collector that does not answer costs spans, and no order
waits for it. In a cluster with network policies the collector has to be allowed for each service.
"""
PROMETHEUS = ("alert", "severity", "means", "do")
PLAYBOOK_DOES = {
    "errors": "See the reasons in the log; keys, the source and the journal's place are asked by `--today` by hand.",
    "idle": "Look at the journal's notes: no rows mean that the schedule does not run it.",
    "slow": "See the calls of the source in the log; the cache may be gone.",
}


def page() -> str:
    """Return the page."""
    playbook = [(rule_of(bound).name, "critical", bound.what, PLAYBOOK_DOES[bound.name]) for bound in BOUNDS]
    return "\n".join(
        (
            HEAD,
            "## Daily runs\n",
            _table(("outcome", "means", "do"), _rows(RUNS)),
            "## The watchdog\n",
            "`quant watchdog` names each with the account and the command to type; exit code 1 if there is any.\n",
            _table(("kind", "means", "do"), _rows(WATCHDOG)),
            "## The playbook\n",
            _table(PROMETHEUS, playbook),
            "Of live sessions, by the service's notices, and those that are urgent by Cloud Monitoring:\n",
            _table(("kind", "urgent", "means", "do"), _live()),
            "## event-trading\n",
            _table(PROMETHEUS, _ruled(EVENT_TRADING)),
            "## tq-broker\n",
            "`tq-broker watch` names each with the order, the service or the day.\n",
            _table(("kind", "means", "do"), _rows(TQ_BROKER)),
            "Of Prometheus:\n",
            _table(PROMETHEUS, _ruled(TQ)),
            TRACES.rstrip("\n"),
        )
    )


def _live() -> Iterable[tuple[str, ...]]:
    return ((f"`{alert.kind}`", "yes" if alert.is_urgent else "no", alert.means, alert.does) for alert in ALERTS)


def _rows(meanings: Mapping[Any, Meaning]) -> Iterable[tuple[str, ...]]:
    return ((f"`{kind.value!s}`", *meaning) for kind, meaning in meanings.items())


def _ruled(rules: Iterable[Rule]) -> Iterable[tuple[str, ...]]:
    for rule in rules:
        means = re.sub(r"^\{\{[^}]*\}\}: ", "", rule.summary)
        lasts = f", for {rule.lasts}" if rule.lasts else ""
        yield (
            f"`{rule.name}`",
            rule.severity,
            f"{_sentence(means)} `{_cell(rule.expr)}`{lasts}.",
            _sentence(rule.description),
        )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if not text.endswith(".") else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
