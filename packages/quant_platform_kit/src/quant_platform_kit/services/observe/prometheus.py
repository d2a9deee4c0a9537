"""Rules by which Prometheus tells people, as code declares them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Rule", "rules_file"]


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert of Prometheus.

    Attributes
    ----------
    name
        Unique among all alerts.
    expr
        PromQL; it alerts for each series that it returns.
    summary
        What is wrong, in a line; may name labels as Prometheus's templates do.
    description
        What to do, or the figures.
    severity
        ``critical``: at once; ``warning``: within the day.
    lasts
        How long it has to be so, such as ``2m``; empty for at once.
    """

    name: str
    expr: str
    summary: str
    description: str
    severity: str = "critical"
    lasts: str = ""


def rules_file(group: str, rules: Iterable[Rule], made: str) -> str:
    """Return a file of rules; ``made`` says where it comes from."""
    return f"# {made}\ngroups:\n  - name: {group}\n    rules:\n" + "".join(_written(rule) for rule in rules)


def _written(rule: Rule) -> str:
    lasts = f"        for: {rule.lasts}\n" if rule.lasts else ""
    return (
        f"      - alert: {rule.name}\n"
        f"        expr: {rule.expr}\n"
        f"{lasts}"
        f"        labels:\n          severity: {rule.severity}\n"
        f"        annotations:\n"
        f"          summary: {json.dumps(rule.summary)}\n"
        f"          description: {json.dumps(rule.description)}\n"
    )
