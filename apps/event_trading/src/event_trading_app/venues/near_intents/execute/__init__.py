"""Answers to the solver bus: signed once, sent as those bytes, and looked up on the chain."""
