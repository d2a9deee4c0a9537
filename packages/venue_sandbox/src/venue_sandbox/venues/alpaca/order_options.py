"""Every field of an order, and what becomes of it: the table behind `docs/reference`. All refusals are 422."""

from __future__ import annotations

from venue_sandbox.venues.http.options import refused, served, table

__all__ = ["LIST_OPTIONS", "ORDER_OPTIONS"]

ORDER_OPTIONS = table(
    served("symbol", "one that is listed; 422 otherwise"),
    served("qty", "shares, up to nine decimals; parts of one in market orders for the day only, 422 otherwise"),
    served("side", "buy or sell; 422 otherwise"),
    served("type", "market, limit or stop; 422 otherwise"),
    served("time_in_force", "day or gtc; 422 otherwise"),
    served("limit_price", "of limit; 422 at any other, and between two cents"),
    served("stop_price", "of stop; 422 at any other, and between two cents"),
    served("client_order_id", "up to 128 characters; 422 where an order of the account ever had it; made up if absent"),
    refused("notional", "quantities are numbers of shares"),
    refused("order_class", "orders that wait for others are not supported", "simple"),
    refused("take_profit stop_loss legs", "orders that wait for others are not supported"),
    refused("trail_price trail_percent", "trailing orders are not supported"),
    refused("extended_hours", "orders trade in regular hours", False),
    refused("position_intent", "the account holds shares, and sells none short"),
    refused("advanced_instructions", "orders are routed by the broker"),
)
LIST_OPTIONS = table(
    served("status", "open, closed or all; open if absent"),
    served("limit", "1 to 500; 50 if absent"),
    served("after until", "RFC 3339; when it was submitted"),
    served("direction", "asc or desc; desc if absent"),
    served("nested", "orders have no legs here"),
    served("symbols", "names separated by commas"),
    served("side", "buy or sell"),
    refused("asset_class", "the sandbox has shares only", "us_equity"),
)
