"""Queues: durable, confirmed, and never acknowledged before the work is done."""
