"""Schwab's Trader API and market data as schwab-py uses them, in front of the sandbox's exchange."""
