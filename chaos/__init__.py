"""Fault campaigns: each prints one JSON line; RESULTS.md beside them keeps what was measured."""
