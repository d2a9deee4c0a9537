"""Events for ever: immutable columnar files that any tool reads, each event in one of them exactly once."""
