"""DP20, deep pullback continuation: one session in, one outcome out; no file, clock or network.

A time is a whole number of minutes since the session's open, a bar is named by its start.
"""
