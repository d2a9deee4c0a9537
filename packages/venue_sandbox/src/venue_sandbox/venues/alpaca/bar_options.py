"""The parameters of a question for bars, and what becomes of each."""

from __future__ import annotations

from venue_sandbox.venues.http.options import meaningless, refused, served, table

__all__ = ["BAR_OPTIONS", "FEEDS", "LATEST_OPTIONS", "TIMEFRAMES"]

FEEDS = ("sip", "iex")
TIMEFRAMES = ("1Min", "1Day")

BAR_OPTIONS = table(
    served("symbols", "names separated by commas; one that is not known has no bars"),
    served("timeframe", "1Min or 1Day; 400 otherwise"),
    served("start end", "RFC 3339, both included; 403 where SIP bars of the last 15 minutes are asked for"),
    served("adjustment", "raw, split, dividend or all; 400 otherwise"),
    served("feed", "sip or iex, whose prices are the same and whose volume is smaller; 400 otherwise"),
    served("limit", "1 to 10,000, usually 1,000; 400 otherwise"),
    served("page_token", "of the answer before; 400 otherwise"),
    refused("sort", "bars ascend", "asc"),
    refused("currency", "prices are in USD", "USD"),
    meaningless("asof", "no symbol of the sandbox was ever called otherwise"),
)
LATEST_OPTIONS = table(
    served("symbols", "names separated by commas; one that is not known has no prices"),
    served("feed", "sip, 403 unless it is paid for, or iex, where symbols may trade seldom; 400 otherwise"),
    refused("currency", "prices are in USD", "USD"),
    meaningless("page_token limit", "there is one page"),
)
