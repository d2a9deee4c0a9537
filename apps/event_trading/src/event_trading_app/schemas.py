"""All schemas of the app: what each service checks an event by."""

from __future__ import annotations

from quant_platform_kit.events.schemas import Schema, Schemas

from event_trading_app.names import Topic
from event_trading_app.payloads import ExecuteTrade, Inventory, ReferencePrice, SwapDemand, TradeResult
from event_trading_app.venues.near_intents.raw import RAW_SCHEMAS

__all__ = ["SCHEMAS"]

SCHEMAS = Schemas(
    (
        *RAW_SCHEMAS,
        Schema(Topic.SWAP_DEMAND.value, 1, SwapDemand),
        Schema(Topic.REFERENCE_PRICE.value, 1, ReferencePrice),
        Schema(Topic.INVENTORY.value, 1, Inventory),
        Schema(Topic.EXECUTE_TRADE.value, 1, ExecuteTrade),
        Schema(Topic.TRADE_RESULT.value, 1, TradeResult),
    )
)
