"""Prometheus's own tool judges the rules of alerts: it finds what the check after each run finds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml
from trading_playbook.observe.alerting import alert_of, prometheus_rules
from trading_playbook.observe.bounds import BOUNDS, exceeded
from trading_playbook.observe.exposition import metric_of
from trading_playbook.testing.readings import SHOWN, readings


def test_prometheus_alerts_at_the_same_figures(promtool: str, tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(prometheus_rules())
    cases = [(bound, value) for bound in BOUNDS for value in SHOWN[bound.name]]
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": metric_of(bound.figure), "values": repr(value)}],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert_of(bound)}",alertstate="firing"}}) or vector(0)',
                    "eval_time": "0m",
                    "exp_samples": [{"labels": "{}", "value": len(list(exceeded(readings(**{bound.figure: value}))))}],
                }
            ],
        }
        for bound, value in cases
    ]
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "tests": tests}))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
