"""Venues: a folder each, with what is read from it, what that means, and how it is answered."""
