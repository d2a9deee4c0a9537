"""Every field of an order and of a change, and what becomes of it: the table behind `docs/reference`.

All refusals are 602001.
"""

from __future__ import annotations

from venue_sandbox.venues.http.options import meaningless, refused, served, table

__all__ = ["CHANGE_OPTIONS", "ORDER_OPTIONS"]

_CONDITIONS = (
    *refused("trigger_price", "orders with a trigger are not supported"),
    *refused("limit_offset trailing_amount trailing_percent", "trailing orders are not supported"),
    *refused("limit_depth_level", "prices by depth are not supported", 0),
    *refused("trigger_count", "orders with a trigger are not supported", 0),
    *refused("monitor_price", "orders with a trigger are not supported"),
    *refused("attached_params", "attached orders are not supported"),
    *refused("delayed_until", "delayed orders are not supported", 0),
)

ORDER_OPTIONS = table(
    served("symbol", "one that is listed; 602001 otherwise"),
    served("order_type", "LO or MO; 602001 for ELO, AO, ALO, ODD, LIT, MIT, TSLPAMT, TSLPPCT, TSMAMT, TSMPCT, SLO"),
    served("side", "Buy or Sell"),
    served("submitted_quantity", "whole lots; 602001 otherwise"),
    served("submitted_price", "of LO; 602001 at MO"),
    served("time_in_force", "Day or GTC; 602001 for GTD"),
    served("remark", "up to 64 characters"),
    served("client_request_id", "returns the same order for ten minutes"),
    refused("expire_date", "an order lives for the day or until it is cancelled"),
    refused("outside_rth", "orders trade in regular hours only", "RTH_ONLY"),
    _CONDITIONS,
)
CHANGE_OPTIONS = table(
    served("order_id", "one of the account that is not done; 603404 and 603001 otherwise"),
    served("quantity", "more than what is filled"),
    served("price", "of LO; 602001 at MO"),
    refused("remark", "an order keeps its remark"),
    meaningless("clear_delayed_until", "no order is delayed"),
    _CONDITIONS,
)
