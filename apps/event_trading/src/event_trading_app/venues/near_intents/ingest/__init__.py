"""Listening to the solver bus: what it says becomes raw events, byte for byte."""
