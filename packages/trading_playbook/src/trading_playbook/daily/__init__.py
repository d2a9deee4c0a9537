"""The daily run: one row a session, whenever and however often it is asked for."""
