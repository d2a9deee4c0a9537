"""One wire-level venue per broker, on the exchange."""
