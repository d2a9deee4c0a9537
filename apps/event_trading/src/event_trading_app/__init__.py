"""Event-driven trading: services that talk over a Kafka-compatible bus only."""
