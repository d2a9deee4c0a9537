"""One page about a snapshot: what is in it, how its features are spread, who leads, and what changed."""
