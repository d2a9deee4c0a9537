"""Feature snapshots built point in time: a row uses bars and facts that were known when its session had closed."""
