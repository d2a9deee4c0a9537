"""What became of answers: told by the venue, and decided by a look-up."""
