"""What is seen from outside a run: where accounts stand, what did not happen, whom to tell."""
