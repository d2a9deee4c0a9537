"""The run of the tests that need servers: what to run, and the private servers, one a file."""
