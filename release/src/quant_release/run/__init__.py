"""A release at work: locked, checked, done step by step, and recorded."""
