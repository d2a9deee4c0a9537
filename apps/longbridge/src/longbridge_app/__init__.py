"""The service of LongBridge."""
