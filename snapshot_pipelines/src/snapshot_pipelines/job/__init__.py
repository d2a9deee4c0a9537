"""The scheduled job: builds what is due, verifies it, publishes it, and tells people."""
