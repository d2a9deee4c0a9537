"""What can be asked without changing anything: what is there, what a release would do, what has moved since."""
