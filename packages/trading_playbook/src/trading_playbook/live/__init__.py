"""The live session of DP20: what is recorded of it, the machine that decides on it, and who does what it says."""
