"""The same decisions over the past: the back-test, and the replay of recorded runs."""
