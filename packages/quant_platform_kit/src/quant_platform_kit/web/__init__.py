"""The HTTP surface that every app shares (extra ``web``)."""
