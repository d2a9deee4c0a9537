"""Prometheus's own tool judges the rules of the services: each fires at what it is there for, and not below it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ALERTS = Path(__file__).parents[3] / "deploy" / "alerts"
LAG, OUTCOMES = "event_trading_lag", "event_trading_outcomes_total"
EXECUTOR = f'{OUTCOMES}{{instance="a",outcome="acknowledged"}}'
SHOWN: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "EventTradingDown": ({'up{job="event-trading"}': "0x40"}, {'up{job="event-trading"}': "1x40"}),
    "EventTradingLag": (
        {f'{LAG}{{instance="a",partition="0"}}': "150x40", f'{LAG}{{instance="a",partition="1"}}': "51x40"},
        {f'{LAG}{{instance="a",partition="0"}}': "200x40", f'{LAG}{{instance="b",partition="0"}}': "9x40"},
    ),
    "EventTradingBlocked": (
        {f'{OUTCOMES}{{outcome="alerted"}}': "0x30 1x10"},
        {f'{OUTCOMES}{{outcome="alerted"}}': "3x40"},
    ),
    "EventTradingUnknown": (
        {f'{OUTCOMES}{{outcome="unknown"}}': "0+3x40"},
        {f'{OUTCOMES}{{outcome="unknown"}}': "0+1x40"},
    ),
    "EventTradingExpired": (
        {f'{OUTCOMES}{{instance="a",outcome="expired"}}': "0+4x40", EXECUTOR: "0+6x40"},
        {f'{OUTCOMES}{{instance="a",outcome="expired"}}': "0+1x40", EXECUTOR: "0+9x40"},
    ),
    "EventTradingOpen": ({"event_trading_open_answers": "101x40"}, {"event_trading_open_answers": "900x30 20 900x9"}),
    "EventTradingDeadLetters": (
        {"event_trading_stage_dead_letters_total": "0x35 2x5"},
        {"event_trading_stage_dead_letters_total": "7x40"},
    ),
    "EventTradingRestarts": (
        {"event_trading_stage_restarts_total": "0x30 2 4 6 8x7"},
        {"event_trading_stage_restarts_total": "0x30 1 2 2x8"},
    ),
    "EventTradingQuiet": ({f'{OUTCOMES}{{outcome="failed"}}': "0+2x40"}, {f'{OUTCOMES}{{outcome="failed"}}': "0+1x40"}),
    "TqBrokerDown": ({'up{job="tq-broker"}': "0x40"}, {'up{job="tq-broker"}': "1x36 0x4"}),
    "TqBrokerUnknown": ({"tq_broker_orders_unknown": "1x40"}, {'tq_broker_orders_total{outcome="unknown"}': "4x40"}),
    "TqBrokerTrades": ({"tq_broker_orders_without_trades": "1x40"}, {"tq_broker_orders_without_trades": "0x36 1x4"}),
    "TqBrokerSlow": (
        {'tq_broker_answer_seconds_bucket{le="5"}': "0+1x40", 'tq_broker_answer_seconds_bucket{le="10"}': "0+9x40",
         'tq_broker_answer_seconds_bucket{le="+Inf"}': "0+9x40"},
        {'tq_broker_answer_seconds_bucket{le="5"}': "0+9x40", 'tq_broker_answer_seconds_bucket{le="+Inf"}': "0+9x40"},
    ),
    "TqBrokerRejected": (
        {'tq_broker_orders_total{outcome="rejected"}': "0+2x40"},
        {'tq_broker_orders_total{outcome="rejected"}': "0+1x40"},
    ),
    "TqBrokerForeign": ({"tq_broker_foreign_orders_total": "0x30 1x10"}, {"tq_broker_foreign_orders_total": "5x40"}),
}  # fmt: skip
"""By alert: figures, one a minute, at which it fires after 40 minutes, and at which it does not."""


def case(alert: str, series: dict[str, str], fires: bool) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                "eval_time": "40m",
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
        ],
    }


@pytest.mark.parametrize("file", ["event-trading.yml", "tq-broker.yml"])
def test_each_rule_fires_at_what_it_is_there_for_and_not_below_it(promtool: str, tmp_path: Path, file: str) -> None:
    rules = yaml.safe_load((ALERTS / file).read_text())["groups"][0]["rules"]
    names = [rule["alert"] for rule in rules]
    assert set(names) <= set(SHOWN)
    tests = [case(name, SHOWN[name][not fires], fires) for name in names for fires in (True, False)]
    document = {"rule_files": [str(ALERTS / file)], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
