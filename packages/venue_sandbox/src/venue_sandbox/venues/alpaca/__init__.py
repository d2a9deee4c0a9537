"""Alpaca: trading v2 and market data v2 as alpaca-py uses them, in front of the sandbox's exchange."""
