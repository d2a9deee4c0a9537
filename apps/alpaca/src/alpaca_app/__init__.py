"""Alpaca: prices for the trading playbook and for price files."""
