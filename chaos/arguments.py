"""What the command lines of campaigns read alike."""

import argparse

__all__ = ["positive"]


def positive(text: str) -> int:
    """Read a whole number from 1 on: a campaign of nothing would find nothing, and end well."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)
