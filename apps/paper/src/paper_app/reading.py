"""How each sort of document is read, for captures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quant_platform_kit.paper.client import ACCOUNT, ORDER, QUOTES, quotes_of, report_of, state_of

from paper_app.beliefs import TABLES

__all__ = ["READERS", "TABLES"]

READERS: Mapping[str, Callable[[Any], object]] = {ACCOUNT: state_of, ORDER: report_of, QUOTES: quotes_of}
"""Subject -> what a document says; raises `BrokerError` for one that cannot be read."""
