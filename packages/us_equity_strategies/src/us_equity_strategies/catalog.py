"""Every profile of this package by name; what the entry point ``quant.strategies`` offers."""

from collections.abc import Mapping

from quant_platform_kit.domain.strategy import Strategy

from us_equity_strategies.dual_momentum import DualMomentum
from us_equity_strategies.global_etf_rotation import GlobalEtfRotation
from us_equity_strategies.mega_cap_leader_rotation import MegaCapLeaderRotation
from us_equity_strategies.nasdaq_sp500_smart_dca import NasdaqSp500SmartDca
from us_equity_strategies.russell_1000_multi_factor_defensive import Russell1000MultiFactorDefensive
from us_equity_strategies.soxl_soxx_trend_income import SoxlSoxxTrendIncome
from us_equity_strategies.tactical_asset_allocation import TacticalAssetAllocation
from us_equity_strategies.tech_communication_pullback_enhancement import TechCommunicationPullbackEnhancement
from us_equity_strategies.tqqq_growth_income import TqqqGrowthIncome

__all__ = ["CATALOG"]

_STRATEGIES: tuple[Strategy, ...] = (
    GlobalEtfRotation(),
    TqqqGrowthIncome(),
    SoxlSoxxTrendIncome(),
    DualMomentum(),
    TacticalAssetAllocation(),
    NasdaqSp500SmartDca(),
    Russell1000MultiFactorDefensive(),
    MegaCapLeaderRotation(),
    TechCommunicationPullbackEnhancement(),
)

CATALOG: Mapping[str, Strategy] = {strategy.manifest.profile: strategy for strategy in _STRATEGIES}
