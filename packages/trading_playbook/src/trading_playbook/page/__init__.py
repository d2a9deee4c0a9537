"""One page about a back-test: its figures, and each trade on its bars."""
