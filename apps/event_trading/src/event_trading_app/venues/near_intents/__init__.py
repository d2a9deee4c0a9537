"""NEAR Intents: quotes of its solver bus, and answers that its contract settles."""
