"""The service of the paper platform."""
