"""Feature snapshots: built point in time, published once, verified everywhere."""
