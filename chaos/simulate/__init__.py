"""The simulation as a command: campaigns, defects, determinism, and failing scenarios cut down."""
