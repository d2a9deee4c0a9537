"""From a command to a signed answer at the venue: each exactly once."""
