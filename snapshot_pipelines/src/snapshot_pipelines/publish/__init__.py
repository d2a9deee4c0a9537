"""Snapshots as they are published: verified, put where readers find them, shown, compared, removed."""
