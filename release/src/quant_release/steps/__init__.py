"""The table of steps, the machine that takes them, and the check of all states that they can lead to."""
