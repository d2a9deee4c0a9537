"""A run, from its request to its report: recover, decide, plan, execute."""
