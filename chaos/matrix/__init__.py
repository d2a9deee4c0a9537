"""Every fault of the brokers' venues, with the real client libraries: how the run that it strikes ends, as a table."""
