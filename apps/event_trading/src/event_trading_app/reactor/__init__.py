"""From a demand to a command, or to a reason for none: pure, and repeatable from what a command records."""
