"""The two loops of a stage: `Transform` turns messages into others, `Durable` does something outside the bus."""

from __future__ import annotations

from quant_platform_kit.events.bus import Membership
from quant_platform_kit.events.durable import Durable, Flow, HandleAll, Hooks
from quant_platform_kit.events.figures import Figures
from quant_platform_kit.events.transform import Limits, Transform

__all__ = ["Durable", "Figures", "Flow", "HandleAll", "Hooks", "Limits", "Membership", "Transform"]
