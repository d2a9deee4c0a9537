"""What readers find in PostgreSQL: one row per order, and every event once."""
