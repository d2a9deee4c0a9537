"""Releases without consequences: an origin in a folder, with the baseline of the first bundle."""
