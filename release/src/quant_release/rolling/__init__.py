"""Workloads where they run: kubectl and compose, asked and told."""
