"""The command ``tq-broker``."""
