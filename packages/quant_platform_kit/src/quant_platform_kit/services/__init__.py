"""Orchestration over ports: the run cycle, the back-test around the same steps, and the order ledger."""
