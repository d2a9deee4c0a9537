"""What every implementation has to pass; nothing deployed imports it."""
