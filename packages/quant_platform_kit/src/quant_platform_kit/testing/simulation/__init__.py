"""Whole days of workers, watchdog, operator and venue, in one process and on virtual time."""
