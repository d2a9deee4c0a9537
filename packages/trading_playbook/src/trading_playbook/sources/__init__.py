"""Where bars and daily closes come from."""
