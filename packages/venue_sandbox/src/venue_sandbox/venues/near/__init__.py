"""The message bus of NEAR Intents and its contract, as solvers and takers find them on the wire."""
