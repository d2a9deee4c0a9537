"""Alpaca: market data v2 and the calendar of trading v2."""
