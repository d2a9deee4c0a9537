"""Releases: shared packages are tagged, apps pinned to the tags, images built from the pins, each step checked."""
