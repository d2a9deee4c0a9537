"""A double of each program of bootstrap: its calls change one world, kept in a file.

They stand alone: a program of each name loads a copy of this package, without site packages, hundreds of times. The
folder that ``DOUBLES`` names has the world, every call with its words, and the fault that one of the calls meets.
"""
