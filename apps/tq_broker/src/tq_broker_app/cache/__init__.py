"""What readers find in Redis: positions and the account as they were last seen, for an hour."""
