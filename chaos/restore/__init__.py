"""Stores that are lost and brought back from a backup, and executors that have lost all they knew."""
