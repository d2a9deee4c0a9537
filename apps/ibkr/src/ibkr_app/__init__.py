"""The service of Interactive Brokers."""
