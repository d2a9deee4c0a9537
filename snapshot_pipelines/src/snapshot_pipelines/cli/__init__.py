"""The `snapshots` command."""
