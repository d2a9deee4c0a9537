"""The rules of an order on its way, without I/O: what it may be, how it is split, what became of it."""
