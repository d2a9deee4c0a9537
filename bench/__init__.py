"""Benchmarks: each prints one JSON line, as ratios within one run because machines are noisy."""
