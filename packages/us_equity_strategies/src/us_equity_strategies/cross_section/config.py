"""Settings that the rules over a cross-section share: how many to hold, what to leave out, how much to invest."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from us_equity_strategies.config import ProfileConfig
from us_equity_strategies.cross_section.regime import Regime

__all__ = ["Dollars", "NameCap", "RegimeConfig", "SectorCap", "SelectionConfig", "Share"]

Dollars = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
NameCap = Annotated[float, Field(gt=0, le=0.2)]
SectorCap = Annotated[float, Field(gt=0, le=1)]


class SelectionConfig(ProfileConfig):
    """How many stocks are held and up to which rank a held one is kept; liquidity below which none is looked at.

    Attributes
    ----------
    min_adv20_usd
        Mean of price x volume over 20 sessions, in US dollars.
    """

    model_config = ConfigDict(validate_default=True)

    holdings: int
    keep_rank: int
    min_adv20_usd: Dollars

    @field_validator("keep_rank")
    @classmethod
    def _reaches_holdings(cls, value: int, info: ValidationInfo) -> int:
        return _not_below(value, info, "holdings")


class RegimeConfig(SelectionConfig):
    """Caps of names and sectors, and what share of the base is invested in each regime."""

    max_per_sector: Annotated[int, Field(ge=1, le=60)]
    name_cap: NameCap
    sector_cap: SectorCap
    exposure_on: Share
    exposure_soft: Share
    exposure_hard: Share
    breadth_soft: Share
    breadth_hard: Share

    @field_validator("exposure_soft", "exposure_hard", "breadth_hard")
    @classmethod
    def _does_not_rise(cls, value: float, info: ValidationInfo) -> float:
        return _not_above(value, info, _ABOVE[str(info.field_name)])

    def exposure(self, regime: Regime) -> float:
        """Return the share of the base that is invested in a regime."""
        return {Regime.ON: self.exposure_on, Regime.SOFT: self.exposure_soft, Regime.HARD: self.exposure_hard}[regime]


_ABOVE = {"exposure_soft": "exposure_on", "exposure_hard": "exposure_soft", "breadth_hard": "breadth_soft"}


def _not_below(value: int, info: ValidationInfo, other: str) -> int:
    """Return the value; one below that of another field is refused (where the other was refused itself, it is not)."""
    bound = info.data.get(other, value)
    if value < bound:
        raise ValueError(f"it is at least {other}, {bound}")
    return value


def _not_above(value: float, info: ValidationInfo, other: str) -> float:
    bound = info.data.get(other, value)
    if value > bound:
        raise ValueError(f"it is at most {other}, {bound}")
    return value
