"""The `release` command."""
