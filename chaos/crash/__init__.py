"""The crash campaign."""
