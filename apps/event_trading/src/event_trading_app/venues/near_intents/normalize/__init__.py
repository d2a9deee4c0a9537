"""What raw events of the solver bus mean, in the words that all venues share."""
