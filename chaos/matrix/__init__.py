"""Every fault of the brokers' venues, with the real client libraries: how the run that it hits ends, as a table."""
