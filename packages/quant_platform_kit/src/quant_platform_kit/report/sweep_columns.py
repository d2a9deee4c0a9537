"""A sweep by columns: of its trials, and of their equity."""

from __future__ import annotations

from typing import Any

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.sweeping import Sweep

__all__ = ["CONFIG", "curve_columns", "trial_columns"]

CONFIG = "config_"
"""What the columns of settings begin with."""


def trial_columns(found: Sweep) -> dict[str, Any]:
    """Return what there is of each trial, by column: its key, its configuration, its Sharpe ratios, its figures."""
    columns: dict[str, Any] = {"trial": [trial.key for trial in found.trials]}
    for name in found.trials[0].config:
        columns[CONFIG + name] = [_cell(trial.config[name]) for trial in found.trials]
    columns["in_sharpe"] = found.inside.tolist()
    if found.outside is not None:
        columns["out_sharpe"] = found.outside.tolist()
    return columns | {name: [figures[name] for figures in found.figures] for name in found.figures[0]}


def _cell(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else canonical_json(value).decode()


def curve_columns(found: Sweep) -> dict[str, Any]:
    """Return the equity of each trial by session; its column is named by the first letters of its key."""
    curves = {trial.key[:12]: found.equity[:, place].tolist() for place, trial in enumerate(found.trials)}
    return {"session": list(found.sessions), **curves}
