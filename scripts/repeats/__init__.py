"""What would make two runs of one input differ, and the proof that each kind of it is found."""
