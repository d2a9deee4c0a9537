"""Clients that nobody here wrote, and what each of them asks of a venue.

A flow runs in an environment of its own, so it imports nothing of the house: the standard library, `verdicts`, and its
client.
"""
