"""Frozen types and pure rules: no I/O, no clock, no environment, nothing beyond numpy and the standard library."""
