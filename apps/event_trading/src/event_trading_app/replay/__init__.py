"""What was, again: events of the archive or the bus, judged or told anew. Nothing here has a key or knows a venue."""
