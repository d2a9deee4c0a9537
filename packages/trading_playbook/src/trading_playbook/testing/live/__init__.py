"""A world for live sessions on virtual time: clock, store, exchange and stream in one process."""
