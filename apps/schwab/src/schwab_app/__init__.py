"""The service of Charles Schwab."""
