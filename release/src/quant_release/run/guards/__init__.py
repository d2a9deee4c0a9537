"""The guards of the transition table, as questions to a checkout and its origin."""
