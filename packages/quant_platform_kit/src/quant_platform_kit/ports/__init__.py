"""Protocols between the services and the world, one small one per file."""
