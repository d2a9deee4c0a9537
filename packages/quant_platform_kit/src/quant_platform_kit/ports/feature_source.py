"""Where the feature snapshots of a snapshot-backed profile come from."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from quant_platform_kit.domain.features import FeatureReading
from quant_platform_kit.domain.strategy import BoundStrategy

__all__ = ["FeatureSource"]


class FeatureSource(Protocol):
    """Published snapshots, verified before a strategy sees them."""

    def read(self, strategy: BoundStrategy, sessions: Sequence[date]) -> tuple[FeatureReading, ...]:
        """Return what there is to read for each session decided on (exchange-local dates), in their order.

        A snapshot that is missing, wrong or stale is a reading that says so.

        Raises
        ------
        StoreError
            The store cannot answer now.
        """
        ...
